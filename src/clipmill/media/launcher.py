"""The only door to another process: children with limits, in their own group, that die with us."""

import atexit
import contextlib
import json
import os
import select
import signal
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from clipmill.errors import BusyError, ClipmillError, JobCancelled, MissingError, ToolError
from clipmill.media.cage import LOADERS, environment, readable, trusted
from clipmill.media.reins import Reins as Reins
from clipmill.media.reins import current_reins
from clipmill.media.reins import held_by as held_by
from clipmill.media.sandbox import RLIMITS_ONLY, landlock_version
from clipmill.media.spawning import Launcher, first_line

Tick = Callable[[float], None]
"""Called with the share done, 0 to 1, as work goes on; raises ``JobCancelled`` when somebody asked."""


class Profile(StrEnum):
    """What a child may do: see docs/explain/security.md.

    All see only the files that they are given. ``MEDIA`` and ``ML`` open no socket but a local one. ``MEDIA``
    has its address space bounded; for the others, whose libraries map far more than they use, resident memory
    is watched. ``FETCH`` connects to one port, that of our proxy, and may run a few programs.
    """

    MEDIA = "media"
    ML = "ml"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one child; ``wall_s`` is the deadline."""

    wall_s: float = 3600
    cpu_s: int = 7200
    memory_mb: int = 3072
    file_mb: int = 4096


NORMAL = Limits()


@dataclass(frozen=True, slots=True)
class Command:
    """One child to start. It may write inside ``cwd`` only, and read ``cwd`` and ``reads``.

    ``argv`` begins with the absolute path of a program. ``devices`` are those of a hardware encoder. ``port``
    is the TCP port that a child of the profile FETCH connects to, ``runs`` are the programs that it may run.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    profile: Profile = Profile.MEDIA
    reads: tuple[Path, ...] = ()
    limits: Limits = NORMAL
    devices: tuple[Path, ...] = ()
    port: int = 0
    runs: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        fetches = self.profile is Profile.FETCH
        if fetches != bool(self.port) or (self.runs and not fetches):
            raise ValueError("a child connects and runs programs by the profile FETCH, and that needs a port")


def graphics_devices() -> tuple[Path, ...]:
    """The device files of this machine's graphics processors, for encoders and models that run there."""
    patterns = ("dri/*", "nvidia*", "nvidia-caps/*")
    return tuple(path for pattern in patterns for path in Path("/dev").glob(pattern))


class Child:
    """A running child. ``stdout`` is a binary pipe unless a descriptor was given for it.

    As a context it is stopped at the end; one that is forgotten is killed. It hangs on the ``reins`` of the
    thread that launched it: once they are stopped, whatever goes wrong with it is JobCancelled.
    """

    def __init__(self, command: Command, pid: int, channel: int, stderr: int) -> None:
        self.command = command
        self.pid = pid
        self.reins = current_reins()
        self.stdout: IO[bytes] | None = None
        self.cpu_s = 0.0
        self._channel = channel
        self._stderr = stderr
        self._said = b""
        self._failed = ""
        self._why = ""
        self._status: int | None = None
        self._lock = threading.RLock()  # a signal's handler may stop a child that its own thread asks about
        _launcher.groups.add(pid)
        self.reins.take(self)

    def poll(self) -> int | None:
        """The exit status (negative: the signal that killed it), or None while it runs."""
        with self._lock:
            while self._status is None and _readable(self._channel, 0):
                self._hear()
            return self._status

    def wait(self) -> None:
        """Wait for the end; raise ToolError naming the signal or status unless it ended with 0.

        BusyError ``launcher-died`` when the launcher process was killed, and the child with it.
        """
        while self.poll() is None:
            _readable(self._channel, 1)
        if self._status or self._why:
            self.reins.check()
            raise self._fault()

    def stderr_tail(self) -> str:
        """The last 2,000 characters that it wrote to stderr."""
        size = os.fstat(self._stderr).st_size
        return os.pread(self._stderr, 8000, max(0, size - 8000)).decode(errors="replace")[-2000:]

    def stop(self) -> None:
        """End the whole group: SIGTERM, 1 s, SIGKILL. Harmless when it has ended."""
        self.ask_to_stop()
        while self.poll() is None:
            _readable(self._channel, 1)
        if self.stdout is not None:
            self.stdout.close()

    def ask_to_stop(self) -> None:
        """Begin to end it as ``stop`` does, from any thread, without waiting."""
        with self._lock, contextlib.suppress(OSError):
            if self._status is None and self._channel >= 0:
                os.write(self._channel, b"stop\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if isinstance(error, Exception) and not isinstance(error, JobCancelled):
            self.reins.check()  # half an answer of a child that was stopped is no fault

    def __del__(self) -> None:
        _launcher.groups.discard(self.pid)
        with self._lock, contextlib.suppress(OSError):
            channel, self._channel = self._channel, -1
            os.close(channel)
            os.close(self._stderr)

    def _hear(self) -> None:
        """Take in what the launcher process says about the child."""
        more = os.read(self._channel, 4096)
        *lines, self._said = (self._said + more).split(b"\n")
        for word in map(json.loads, lines):
            self._failed = word.get("failed", self._failed)
            if "ended" in word:
                self._status, self.cpu_s, self._why = word["ended"], word["cpu_s"], word["why"]
        if not more and self._status is None:
            self._lose()
        if self._status is not None:
            _launcher.groups.discard(self.pid)
            self.reins.drop(self)

    def _lose(self) -> None:
        """The launcher process is gone, and the kernel killed the child with it; make sure of its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._status, self._why = -signal.SIGKILL, self._why or "lost"

    def _fault(self) -> ClipmillError:
        if self._why == "lost":
            return _launcher_died(self.command)
        name = signal.Signals(-self._status).name if self._status and self._status < 0 else ""
        code, text = _verdict(self.command, self._status or 0, name, self._why)
        if self._failed:
            code, text = "tool-failed", f"{self.command.name} could not be started: {self._failed}."
        return ToolError(text, code=code, signal=name, detail=self.stderr_tail())


def launch(command: Command, *, stdin: int | None = None, stdout: int | None = None) -> Child:
    """Start a child. ``stdin`` and ``stdout`` are file descriptors; no stdin means an empty one.

    May be called from any thread. Raises MissingError when the program is not there, JobCancelled when the
    reins of this thread were stopped.
    """
    current_reins().check()
    program = command.argv[0]
    if not (os.path.isabs(program) and os.access(program, os.X_OK)):
        raise MissingError(
            f"{command.name} is not installed: there is no program {program}.", code="program-missing"
        )
    order = json.dumps(_order(command)).encode()
    with contextlib.ExitStack() as ours:
        stderr = _unlinked_file()
        ours.callback(os.close, stderr)
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        ours.callback(os.close, nothing)
        reading, writing = os.pipe() if stdout is None else (None, stdout)
        if reading is not None:
            ours.callback(os.close, writing)
        descriptors = (nothing if stdin is None else stdin, writing, stderr)
        child = _started(command, order, descriptors)
    if reading is not None:
        child.stdout = open(reading, "rb")  # noqa: SIM115 (closed by Child.stop)
    return child


def start() -> None:
    """Start the launcher process now, rather than with the first child."""
    _launcher.ready()


def sandbox_level() -> str:
    """How far children are confined here: ``full``, ``no-namespaces`` or ``rlimits-only``."""
    channel = _launcher.send(b"null", ())
    try:
        return str(json.loads(first_line(channel))["level"])
    finally:
        os.close(channel)


def fetch_level() -> str:
    """How far children that fetch are kept from the network: ``full`` or ``proxy-only``.

    ``full``: they can connect to the port of our proxy and to no other. ``proxy-only``: they are told to, but
    one that was taken over could connect elsewhere by TCP.
    """
    confined = landlock_version() >= 4 and sandbox_level() != RLIMITS_ONLY
    return "full" if confined else "proxy-only"


_launcher = Launcher()
atexit.register(_launcher.end)


def _started(command: Command, order: bytes, descriptors: tuple[int, ...]) -> Child:
    for _ in range(2):
        channel = _launcher.send(order, descriptors)
        line = first_line(channel)
        if line:
            os.set_blocking(channel, False)
            return Child(command, json.loads(line)["pid"], channel, os.dup(descriptors[2]))
        os.close(channel)
    raise _launcher_died(command)


def _launcher_died(command: Command) -> BusyError:
    """What to say when the launcher process was killed: the child that went with it is not to blame."""
    return BusyError(
        f"{command.name} ended with the process that starts the children, which was killed: try again.",
        code="launcher-died",
        retry_after=1.0,
    )


def _order(command: Command) -> dict[str, Any]:
    limits, media = command.limits, command.profile is Profile.MEDIA
    programs = [os.path.realpath(path) for path in (command.argv[0], *map(str, command.runs))]
    cwd = str(command.cwd.resolve())
    reads = (*command.reads, *trusted()) if command.port else command.reads
    cage = {
        "reads": [place for program in programs for place in readable(program, reads)],
        "runs": [*programs, *LOADERS],
        "writes": [cwd],
        "devices": [os.devnull, *map(str, command.devices)],
        "lists": [],
        "cpu_s": limits.cpu_s,
        "memory_mb": limits.memory_mb if media else 0,
        "file_mb": limits.file_mb,
        "port": command.port,
    }
    return {
        "argv": command.argv,
        "cwd": cwd,
        "environment": environment(cwd, network=command.port != 0),
        "cage": list(cage.values()),
        "wall_s": limits.wall_s,
        "resident_mb": 0 if media else limits.memory_mb,
        "family": bool(command.runs),
    }


def _verdict(command: Command, status: int, name: str, why: str) -> tuple[str, str]:
    """The code and the sentence for a child that did not end well."""
    tool, limits = command.name, command.limits
    match (why, name):
        case ("deadline", _):
            return "tool-timeout", f"{tool} took longer than {limits.wall_s:g} s and was stopped."
        case (_, "SIGXCPU"):
            return "tool-timeout", f"{tool} used up its {limits.cpu_s} s of processor time and was stopped."
        case ("memory", _):
            return "tool-crashed", f"{tool} needed more than {limits.memory_mb} MB of memory and was stopped."
        case ("stopped", _):
            return "tool-failed", f"{tool} was stopped."
        case (_, "SIGXFSZ"):
            return (
                "output-too-large",
                f"{tool} wrote a file of more than {limits.file_mb} MB and was stopped.",
            )
        case (_, ""):
            return "tool-failed", f"{tool} failed with status {status}."
    return "tool-crashed", f"{tool} crashed ({name})."


def _readable(descriptor: int, seconds: float) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


def _unlinked_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
