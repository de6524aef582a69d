"""Handing videos in to the service: by address, by path, or the file itself."""

import hashlib
import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clipmill import __version__
from clipmill.account import Refused, complain, faults, print_json
from clipmill.addresses import is_address, loopback
from clipmill.answers import RemoteJob
from clipmill.client import Client
from clipmill.errors import ClipmillError, UsageError
from clipmill.options import Sending, Wish
from clipmill.origins import source_file
from clipmill.patience import patiently
from clipmill.plan import checked_options
from clipmill.progress import clock, display
from clipmill.settings import Settings
from clipmill.watching import Memory

NOT_THERE = frozenset(("path-not-allowed", "source-not-found", "source-unreadable"))
"""Codes by which a server says that it cannot read a file."""


@dataclass(slots=True)
class Counter:
    """Where sources are handed in: what was taken and what was refused; ``by_line`` tells of each at once."""

    client: Client
    request: Mapping[str, Any]
    sending: Sending
    by_line: bool = False
    jobs: list[RemoteJob] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def hand_in(self, source: str) -> None:
        """Hand one source in: an address, a path that the server can read, or the file itself."""
        if is_address(source):
            self._taken({"address": source})
        elif self.sending.upload or not is_here(self.client.server):
            self._upload(source_file(source))
        else:
            self._hand_in_file(Path(source).absolute())

    def refuse(self, source: str, error: ClipmillError) -> None:
        """Tell of a source that was not taken."""
        complain(source, error)
        if not self.by_line:
            self.refused.append((source, error))
        elif self.sending.json:
            print(json.dumps(faults([(source, error)])[0], ensure_ascii=False), flush=True)

    def ended(self) -> None:
        """Tell of all in the end."""
        if self.sending.json:
            sent = [dict(job.facts) for job in self.jobs]
            print_json({"clipmill": __version__, "jobs": sent, "refused": faults(self.refused)})
        elif self.jobs:
            self.say(f"clipmill: clipmill events {self.jobs[-1].id} tells what happens.")

    def say(self, text: str) -> None:
        """Tell a person."""
        if not self.sending.quiet:
            print(text, file=sys.stderr)

    def _hand_in_file(self, file: Path) -> None:
        try:
            self._taken({"path": str(file)})
        except ClipmillError as error:
            if error.code not in NOT_THERE or not file.is_file():
                raise
            self._upload(file)

    def _upload(self, file: Path) -> None:
        with display(quiet=self.sending.quiet) as show:
            upload = self.client.upload(file, lambda share: show("sending the file", share, None))
        self._taken({"upload": upload})

    def _taken(self, source: Mapping[str, str]) -> None:
        key, told = secrets.token_hex(16), Waits(self.say)
        job = patiently(lambda: self.client.submit({**self.request, "source": source}, key=key), told)
        if not self.by_line:
            self.jobs.append(job)
        if self.by_line and self.sending.json:
            print(json.dumps(job.facts, ensure_ascii=False), flush=True)
        elif not (self.sending.json or self.sending.wait):
            print(job.id, flush=True)


def is_here(server: str) -> bool:
    """Whether a server works on this machine, where its files can be seen."""
    return loopback(urlsplit(server).hostname or "")


@dataclass(slots=True)
class Waits:
    """Tells of each wait once, when it begins."""

    say: Callable[[str], None]
    _left: float = 0.0

    def __call__(self, words: str, left: float) -> None:
        if left > self._left:
            self.say(f"clipmill: {words}; the server is asked again in {clock(left)}")
        self._left = left


def request_for(wish: Wish, sending: Sending) -> dict[str, Any]:
    """The body of the request, but for the source; the server's own model is meant when none is named."""
    options = asdict(checked_options(wish.given("auto")))
    if not wish.model:
        del options["model"]
    metadata = _metadata(sending.metadata)
    return {
        "options": options,
        "priority": sending.priority,
        "metadata": metadata,
        **({"reuse": False} if sending.force else {}),
    }


def _metadata(given: Sequence[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if wrong := next((name for name, equals, _ in pairs if not (name and equals)), None):
        raise UsageError(f"--metadata takes NAME=VALUE, not {wrong!r}.", code="options-wrong")
    return {name: value for name, _, value in pairs}


def memory_of(folder: Path, settings: Settings, request: Mapping[str, Any]) -> Memory:
    """What was handed in of a watched folder, to this server."""
    place = hashlib.sha256(f"{settings.server} {folder.absolute()}".encode()).hexdigest()[:16]
    return Memory(settings.home / "watched" / f"{place}.json", json.dumps(request, sort_keys=True))
