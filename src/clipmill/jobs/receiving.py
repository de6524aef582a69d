"""The file of an upload in the hands of its one writer: written in order, flushed before it is told of."""

import fcntl
import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from clipmill.errors import ClipmillError, StateError, disk_error

READ_BYTES = 1 << 20
"""Bytes read at once when a file is hashed anew."""

LOOK_S = 0.05
"""How often one who waits for a file tries to have it."""

DIGESTS = 256
"""Uploads whose hash is carried on in memory; for others the file is read again at its end."""


class Hash(Protocol):
    """A hash that is under way."""

    def update(self, content: bytes | memoryview, /) -> None:
        """Take more in."""

    def hexdigest(self) -> str:
        """What it is so far."""

    def copy(self) -> "Hash":
        """Another that goes on from here."""


class Receiving:
    """An open file of an upload, locked.

    ``offset`` is where the next byte goes, ``flushed`` how much is safely on the disk, ``told`` how much the
    row says. All methods block.
    """

    def __init__(self, descriptor: int, path: Path, offset: int, digest: Hash | None) -> None:
        self._descriptor = descriptor
        self._path = path
        self._kept = digest
        self._digest = digest.copy() if digest else None
        self.offset = self.flushed = self.told = offset

    @property
    def digest(self) -> Hash | None:
        """The hash of all that was flushed, where it is known."""
        return self._kept

    def write(self, content: bytes) -> None:
        """Write what comes next; raises BudgetError ``disk-full``."""
        rest = memoryview(content)
        while rest:
            with self._disk():
                written = os.pwrite(self._descriptor, rest, self.offset)
            if self._digest:
                self._digest.update(rest[:written])
            self.offset += written
            rest = rest[written:]

    def flush(self) -> int:
        """Bring to the disk what was written; how much there is now."""
        if self.flushed < self.offset:
            with self._disk():
                os.fsync(self._descriptor)
            self.flushed = self.offset
            self._kept = self._digest.copy() if self._digest else None
        return self.flushed

    def roll_back(self) -> None:
        """Forget what was written and not told."""
        if self.offset > self.told:
            os.ftruncate(self._descriptor, self.told)
            self._kept = self._kept if self.flushed == self.told else None
            self._digest = self._kept.copy() if self._kept else None
            self.offset = self.flushed = self.told

    def sha256(self) -> str:
        """The hash of the whole file, which is read for it only where that is needed."""
        if self._kept is None:
            fresh = hashlib.sha256()
            for place in range(0, self.flushed, READ_BYTES):
                fresh.update(os.pread(self._descriptor, min(READ_BYTES, self.flushed - place), place))
            self._kept = fresh
        return self._kept.hexdigest()

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _disk_fault(error, self._path) from None


class Digests:
    """Hashes of uploads that came so far, to go on with them in the next request; bounded."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, Hash]] = OrderedDict()

    def of(self, upload: str, offset: int) -> Hash | None:
        """The hash of the first ``offset`` bytes, None when it is not known."""
        at, digest = self._known.pop(upload, (0, hashlib.sha256()))
        return digest.copy() if at == offset else None

    def keep(self, upload: str, file: Receiving) -> None:
        """Remember how far the hash is."""
        if file.digest:
            self._known[upload] = (file.flushed, file.digest)
            while len(self._known) > DIGESTS:
                self._known.popitem(last=False)

    def forget(self, upload: str) -> None:
        """There is no more to come."""
        self._known.pop(upload, None)


@contextmanager
def locked_file(path: Path, *, wait_s: float = 0.0) -> Iterator[int]:
    """A descriptor of a file that is made if needed, while nobody else has it, in whatever process.

    Raises StateError ``upload-locked`` when somebody still has it after ``wait_s`` seconds.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _disk_fault(error, path) from None
    try:
        _lock(descriptor, time.monotonic() + wait_s)
        if os.fstat(descriptor).st_size == 0:
            _flush_name(path)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise StateError(
                    "Somebody else is just sending this upload: wait until that ends.", code="upload-locked"
                ) from None
        time.sleep(LOOK_S)


def _flush_name(path: Path) -> None:
    """Let the name of a new file survive a power cut."""
    for folder in (path.parent, path.parent.parent):
        with suppress(FileNotFoundError):
            number = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(number)
            finally:
                os.close(number)


def _disk_fault(error: OSError, path: Path) -> ClipmillError:
    folder = path.parent.parent
    return disk_error(error.errno, folder) or ClipmillError(
        f"The upload cannot be written to {folder} ({error.strerror}).", code="upload-unwritable"
    )
