"""The folder of one job: save a value, load a value, take a lock, remove what is temporary."""

import fcntl
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from clipmill.errors import ClipmillError, SourceError, UsageError, disk_error

T = TypeVar("T")

WORK = ".clipmill"
"""Inside a job's folder: what is kept to continue, and what is temporary."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of one job. What a person wants lies in it, what only clipmill needs in ``.clipmill``."""

    folder: Path

    @property
    def kept(self) -> Path:
        """Where values are kept for continuing."""
        return self.folder / WORK

    @property
    def temporary(self) -> Path:
        """Where children may write; emptied at the start and at the end."""
        return self.kept / "tmp"

    def path(self, name: str) -> Path:
        """A file that a person wants."""
        return self.folder / name

    @property
    def copied_source(self) -> Path:
        """A copy of the source that is easier to work on; as temporary as ``temporary``."""
        return self.kept / "source.mkv"

    def clip(self, number: int, suffix: str) -> Path:
        """A file of clip ``number`` (1 is the best), for example ``.mp4``."""
        return self.folder / f"clip-{number:02d}{suffix}"

    def save(self, value: object, path: Path, *, key: str) -> None:
        """Write a value as JSON. ``key`` names all that it was made from, see ``load``."""
        self._key_file(path).unlink(missing_ok=True)  # killed here, no key vouches for what it does not name
        write_bytes(path, TypeAdapter(type(value)).dump_json(value, indent=1) + b"\n")
        write_bytes(self._key_file(path), key.encode())

    def load(self, kind: type[T], path: Path, *, key: str | None) -> T | None:
        """The value in a file, None when there is none or it was not made from what ``key`` names.

        A key of None takes it whatever it was made from.
        """
        try:
            if key is not None and self._key_file(path).read_text() != key:
                return None
            value: T = TypeAdapter(kind).validate_json(path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        return value

    def _key_file(self, path: Path) -> Path:
        return self.kept / f"{path.name}.key"

    def scratch(self, name: str) -> Path:
        """A new empty folder for one piece of work."""
        folder = self.temporary / name
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise _cannot_write(self.folder, error) from None
        return folder

    def clean(self) -> None:
        """Remove what is temporary."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.copied_source.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what was kept, when no plan came of it."""
        if not self.path("plan.json").exists():
            self.path("transcript.json").unlink(missing_ok=True)
            shutil.rmtree(self.kept, ignore_errors=True)


@contextmanager
def opened(folder: Path) -> Iterator[Workspace]:
    """The workspace at ``folder``, made if needed and locked against a second clipmill.

    A folder that was made here and holds nothing in the end is removed again. Raises UsageError when it
    cannot be written, ClipmillError when it is in use.
    """
    work = Workspace(folder.absolute())
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        work.kept.mkdir(parents=True, exist_ok=True)
        lock = os.open(work.kept / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _cannot_write(folder, error) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClipmillError(
                f"Another clipmill is working in {folder}: wait for it, or choose another folder with -o.",
                code="folder-busy",
            ) from None
        work.clean()
        try:
            yield work
        finally:
            work.clean()
            work.discard()
            with suppress(OSError):  # a folder that holds something stays
                for place in new:
                    place.rmdir()
    finally:
        os.close(lock)


def file_stamp(path: Path) -> str:
    """A name for a file's content that is cheap to find: where it is, its size and when it was changed.

    Raises SourceError when it is not there or cannot be read.
    """
    try:
        facts = path.stat()
    except FileNotFoundError:
        raise SourceError(f"There is no file {path}.", code="source-not-found") from None
    except OSError as error:
        raise SourceError(
            f"The file {path} cannot be read ({error.strerror}).", code="source-unreadable"
        ) from None
    return f"{path.absolute()} {facts.st_size} {facts.st_mtime_ns}"


def write_text(path: Path, text: str) -> None:
    """Write a whole file under its name at once: beside it, flushed to disk, then renamed."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file under its name at once: beside it, flushed to disk, then renamed."""
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _cannot_write(path.parent, error) from None


def _cannot_write(folder: Path, error: OSError) -> ClipmillError:
    return disk_error(error.errno, folder) or UsageError(
        f"The folder {folder} cannot be written to ({error.strerror}): choose another one with -o.",
        code="folder-read-only",
    )


def folder_name(title: str) -> str:
    """A title as a folder's name: readable, at most 80 characters, safe on every system."""
    plain = unicodedata.normalize("NFC", title)
    plain = "".join(mark if unicodedata.category(mark)[0] not in "C" else " " for mark in plain)
    plain = re.sub(r'[<>:"/\\|?*]+', " ", plain)
    plain = re.sub(r"\s+", " ", plain).strip(" .-")
    while len(plain.encode()) > 120 or len(plain) > 80:
        plain = plain[:-1].rstrip(" .")
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", plain)
    return f"{plain}_" if reserved else plain or "untitled"
