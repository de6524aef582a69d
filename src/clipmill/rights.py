"""Whether the user has the rights to make clips of what a site shows: asked once for each site."""

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from clipmill.addresses import is_address
from clipmill.errors import ClipmillError, UsageError
from clipmill.settings import Settings
from clipmill.workspace import write_text

NOTE = (
    "clipmill: note: make clips only of what you have the rights to;"
    " --i-have-the-rights or CLIPMILL_RIGHTS=1 says that you have them."
)

Ask = Callable[[str], bool]
"""Puts a question to the user; whether the answer was yes."""


def demand_rights(
    sources: Iterable[str], settings: Settings, *, said: bool, quiet: bool, ask: Ask | None
) -> None:
    """Ask for each new site of some addresses whether the user has the rights, and remember a yes.

    Without anybody to ask (``ask`` is None) a note is printed. Raises UsageError ``rights-needed`` on a no.
    """
    hosts = dict.fromkeys(host_of(source) for source in sources if is_address(source))
    if said or settings.rights or not hosts:
        return
    known = _Known(settings.home / "rights")
    new = [host for host in hosts if host not in known.hosts()]
    if new and ask is None and not quiet:
        print(NOTE, file=sys.stderr)
    for host in new if ask else ():
        _asked(host, ask, known)


def on_terminal() -> Ask | None:
    """Asks the user who sits at the terminal; None when nobody does."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return _answer


def host_of(address: str) -> str:
    """The site of an address, as it is asked about."""
    with suppress(ValueError):
        return (urlsplit(address).hostname or "").removeprefix("www.")
    return ""


def _asked(host: str, ask: Ask | None, known: "_Known") -> None:
    if ask and not ask(f"Do you have the rights to make clips of videos from {host}? [y/N] "):
        raise UsageError(
            f"Nothing was fetched from {host}: clips need the rights to the video."
            " Answer y, or give --i-have-the-rights, when you have them.",
            code="rights-needed",
        )
    known.add(host)


def _answer(question: str) -> bool:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class _Known:
    """The sites for which the user said yes, one a line."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def hosts(self) -> tuple[str, ...]:
        try:
            return tuple(self._file.read_text(encoding="utf-8").split())
        except (OSError, UnicodeDecodeError):
            return ()

    def add(self, host: str) -> None:
        with suppress(OSError, ClipmillError):  # who cannot write it down is asked again
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_text(self._file, "".join(f"{each}\n" for each in sorted({*self.hosts(), host})))
