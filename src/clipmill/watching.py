"""Videos that appear in a folder, each once and when it is whole."""

import fcntl
import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from clipmill.addresses import is_address
from clipmill.batches import videos_in
from clipmill.errors import SourceError, UsageError
from clipmill.tally import Tally
from clipmill.workspace import file_stamp, write_text

LOOK_S = 1.0
"""How often the folder is looked at."""

SETTLED_S = 4.0
"""A file that did not change for so long, and that nobody writes, is whole."""

_ENTRIES = TypeAdapter(dict[str, str])


@dataclass(slots=True)
class Memory:
    """What was done with the videos of a folder, kept in a file so that the same command again knows.

    ``asked`` names what was asked for: what was done for another wish counts as not done.
    """

    file: Path
    asked: str
    _known: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with suppress(OSError, ValidationError):
            self._known = _ENTRIES.validate_json(self.file.read_bytes())

    def knows(self, video: Path, stamp: str) -> bool:
        """Whether this video, as it is now, was done."""
        return self._known.get(str(video)) == self._mark(stamp)

    def note(self, video: Path, stamp: str) -> None:
        """Remember that it was done; videos that are gone are forgotten."""
        self._known = {name: mark for name, mark in self._known.items() if Path(name).exists()}
        self._known[str(video)] = self._mark(stamp)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.file, json.dumps(self._known, indent=1, ensure_ascii=False) + "\n")

    def _mark(self, stamp: str) -> str:
        return hashlib.sha256(f"{self.asked} {stamp}".encode()).hexdigest()


@dataclass(slots=True)
class Watcher:
    """Looks at a folder again and again."""

    folder: Path
    memory: Memory
    look_s: float = LOOK_S
    settled_s: float = SETTLED_S
    _seen: dict[Path, tuple[str, float]] = field(default_factory=dict)
    _taken: dict[Path, str] = field(default_factory=dict)

    def videos(self) -> Iterator[tuple[Path, str]]:
        """Each video that is whole and not done, with its stamp, for ever.

        One that changes after it was taken comes again.
        """
        while True:
            for video, stamp in self.whole():
                self._taken[video] = stamp
                yield video, stamp
            time.sleep(self.look_s)

    def whole(self) -> list[tuple[Path, str]]:
        """The videos that are whole now and were not taken yet."""
        now, there = time.monotonic(), {}
        for video in videos_in(self.folder.absolute(), demand=False):
            with suppress(SourceError):  # gone in the meantime
                there[video] = file_stamp(video)
        self._seen = {video: self._since(video, stamp, now) for video, stamp in there.items()}
        self._taken = {video: stamp for video, stamp in self._taken.items() if video in there}
        return [
            (video, stamp)
            for video, (stamp, since) in self._seen.items()
            if self._taken.get(video) != stamp and now - since >= self.settled_s and self._new(video, stamp)
        ]

    def _since(self, video: Path, stamp: str, now: float) -> tuple[str, float]:
        """The stamp of a file, and since when it has it."""
        before = self._seen.get(video)
        return before if before and before[0] == stamp else (stamp, now)

    def _new(self, video: Path, stamp: str) -> bool:
        if self.memory.knows(video, stamp):
            self._taken[video] = stamp
            return False
        return not being_written(video)


def watched_folder(words: Sequence[str], listed: Path | None) -> Path:
    """The one folder that is to be watched; raises UsageError ``watch-needs-folder`` for anything else."""
    if len(words) == 1 and listed is None and not is_address(words[0]) and Path(words[0]).is_dir():
        return Path(words[0])
    raise UsageError("--watch takes one folder and nothing else.", code="watch-needs-folder")


def watch(watcher: Watcher, tally: Tally) -> None:
    """Have every video of a folder worked on, until Ctrl-C; raises KeyboardInterrupt in the middle of one."""
    try:
        for video, stamp in watcher.videos():
            if tally.attempt(str(video)):
                watcher.memory.note(video, stamp)
    except KeyboardInterrupt:
        if tally.busy:
            raise


def being_written(video: Path) -> bool:
    """Whether some program has a file open for writing; False where that cannot be told."""
    try:
        descriptor = os.open(video, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return True
    try:
        return not _leased(descriptor)
    finally:
        os.close(descriptor)


def _leased(descriptor: int) -> bool:
    """Whether the system would lend us a file for reading; it does not while anybody may write it."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return True
    try:
        # Who opens the file for writing while we have the lease makes the system send us a signal: one
        # that is ignored.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return False
    except OSError:
        return True  # another's file, or a file system without leases
    with suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return True
