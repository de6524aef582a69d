"""Ask a program of ``clipmill.inside`` a question: it answers from a sandboxed child."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clipmill import errors
from clipmill.media.launcher import NORMAL, Child, Command, Limits, Profile, Tick, launch

ARGUMENT_BYTES = 100_000
"""Longest request that goes on the command line; Linux takes 131,071 bytes an argument."""

LINE_BYTES = 64 << 20
"""Longest line that is believed to be an answer."""


def ask(  # noqa: PLR0913 (one question; a value would only rename it)
    program: str,
    request: dict[str, Any],
    *,
    cwd: Path,
    reads: tuple[Path, ...] = (),
    stdin: int | None = None,
    tick: Tick | None = None,
    limits: Limits = NORMAL,
    devices: tuple[Path, ...] = (),
    port: int = 0,
    runs: tuple[Path, ...] = (),
) -> Any:
    """The answer of ``clipmill.inside.PROGRAM`` to ``request`` (both JSON).

    It may write inside ``cwd`` only and read ``cwd``, ``reads``, the Python installation and ``devices``.
    With a ``port`` it is one that fetches: it may connect to that port of this machine, run the programs
    ``runs``, and its request is seen by nobody else, as it holds the word for the proxy.
    Raises the typed error that the program answered with, or ToolError when it died.
    """
    with _argument(json.dumps(request), cwd, hidden=port != 0) as argument:
        # -P keeps the job's folder off the path of modules.
        argv = (sys.executable, "-P", "-X", "faulthandler", "-m", f"clipmill.inside.{program}", argument)
        profile = Profile.FETCH if port else Profile.ML
        command = Command(program, argv, cwd, profile, reads, limits, devices, port, runs)
        with launch(command, stdin=stdin) as child:
            return _answer(child, tick)


@contextmanager
def _argument(text: str, cwd: Path, *, hidden: bool) -> Iterator[str]:
    """The request as one argument: itself, or ``@`` and the name of a file that only we may read.

    Arguments are seen by everybody on the machine.
    """
    if len(text.encode()) <= ARGUMENT_BYTES and not hidden:
        yield text
        return
    with tempfile.NamedTemporaryFile("w", dir=cwd, prefix=".request-", suffix=".json") as file:
        file.write(text)
        file.flush()
        yield f"@{os.path.basename(file.name)}"


def _answer(child: Child, tick: Tick | None) -> Any:
    assert child.stdout is not None
    found: list[Any] = []
    while line := child.stdout.readline(LINE_BYTES):
        match _parsed(child, line):
            case {"share": int() | float() as share}:
                if tick:
                    tick(float(share))
            case {"error": {"kind": str(kind), "code": str(code), "message": str(message)}}:
                raise _typed(kind)(message, code=code)
            case {"result": result}:
                found = [result]
            case _:
                raise _nonsense(child)
    child.wait()
    if not found:
        raise _nonsense(child)
    return found[0]


def _parsed(child: Child, line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise _nonsense(child) from error


def _nonsense(child: Child) -> errors.ToolError:
    """What to say of a child that speaks, but not our language."""
    child.stop()
    name = child.command.name
    return errors.ToolError(f"{name} gave no usable answer.", code="tool-failed", detail=child.stderr_tail())


def _typed(name: str) -> type[errors.ClipmillError]:
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.ClipmillError):
        return kind
    return errors.ToolError
