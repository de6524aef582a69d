"""The folder of one job: save a value, load a value, give a file its name, remove what is temporary."""

import fcntl
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from clipmill.errors import BudgetError, ClipmillError, SourceError, UsageError, disk_error

T = TypeVar("T")

WORK = ".clipmill"
"""Inside a job's folder: what is kept to continue, and what is temporary."""


def unguarded() -> None:
    """Let everything be published: nobody else works on this folder."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of one job. What a person wants lies in it, what only clipmill needs in ``.clipmill``.

    Everything that appears or vanishes under its final name goes through ``publish``, ``write``, ``save`` and
    ``remove``, and these call ``guard`` right before: what it raises leaves all names as they were. ``mark``
    names the attempt whose temporary files these are where several work on one folder at once.
    """

    folder: Path
    mark: str = ""
    guard: Callable[[], None] = field(default=unguarded, compare=False, repr=False)

    @property
    def kept(self) -> Path:
        """Where values are kept for continuing."""
        return self.folder / WORK

    @property
    def temporary(self) -> Path:
        """Where children may write; this attempt's own."""
        return self.kept / "tmp" / self.mark

    def path(self, name: str) -> Path:
        """A file that a person wants."""
        return self.folder / name

    @property
    def copied_source(self) -> Path:
        """A copy of the source that is easier to work on; shared by all attempts, and gone with the job."""
        return self.kept / "source.mkv"

    @property
    def fetched(self) -> Path:
        """The source as it was fetched from an address; stays as long as the job."""
        return self.kept / "fetched"

    @property
    def fetching(self) -> Path:
        """Where a source is while it is fetched, also between two attempts; gone when it is fetched."""
        return self.kept / "fetching"

    @property
    def captions(self) -> Path:
        """The folder of the captions that the source's site has."""
        return self.kept / "captions"

    def clip(self, number: int, suffix: str) -> Path:
        """A file of clip ``number`` (1 is the best), for example ``.mp4``."""
        return self.folder / f"clip-{number:02d}{suffix}"

    def save(self, value: object, path: Path, *, key: str) -> None:
        """Write a value as JSON. ``key`` names all that it was made from, see ``load``."""
        self.remove(self._key_file(path))  # killed here, no key vouches for what it does not name
        self.write(path, TypeAdapter(type(value)).dump_json(value, indent=1) + b"\n")
        self.write(self._key_file(path), key.encode())

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

    def publish(self, file: Path, target: Path) -> None:
        """Give a finished file its name so that it survives a power cut, whole or not at all.

        ``file`` is on the same disk, for example in ``scratch``. Raises BudgetError ``disk-full``, UsageError
        ``folder-read-only``.
        """
        _name(file, target, self.guard)

    def write(self, path: Path, content: str | bytes) -> None:
        """Write a whole file and ``publish`` it."""
        try:
            self.temporary.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_write(self.folder, error) from None
        _write(self.temporary / f"{path.name}.{secrets.token_hex(4)}", path, content, self.guard)

    def remove(self, *paths: Path) -> None:
        """Remove files, where they are there."""
        self.guard()
        for path in paths:
            path.unlink(missing_ok=True)

    def scratch(self, name: str) -> Path:
        """A new empty folder for one piece of work."""
        folder = self.temporary / name
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise _cannot_write(self.folder, error) from None
        return folder

    def forget_source(self) -> None:
        """Remove what was fetched, so that it is fetched anew."""
        self.remove(self.fetched)
        for folder in (self.fetching, self.captions):
            shutil.rmtree(folder, ignore_errors=True)

    def clean(self) -> None:
        """Remove what is temporary."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.copied_source.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what was kept, when no plan came of it; a download that is half done may be gone on with."""
        if not (self.path("plan.json").exists() or any(self.fetching.glob("*.part"))):
            for name in ("transcript.json", "words.json"):
                self.path(name).unlink(missing_ok=True)
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


@contextmanager
def attempt_space(folder: Path, mark: str) -> Iterator[Workspace]:
    """The workspace at ``folder`` for one attempt at one task, beside others that may run at the same time.

    ``mark`` is a file name that no other attempt has: its temporary files lie in a folder of that name, which
    is removed at the end, and nothing else is cleaned or locked.
    """
    if mark in ("", ".", "..") or "/" in mark:
        raise ValueError(f"an attempt's mark must be a file name, got {mark!r}")
    work = Workspace(folder.absolute(), mark)
    try:
        work.temporary.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from None
    try:
        yield work
    finally:
        shutil.rmtree(work.temporary, ignore_errors=True)


def sweep_attempts(folder: Path, *, of: str = "") -> None:
    """Remove what attempts that were killed left in ``folder``: those whose mark ends with ``of``."""
    with suppress(FileNotFoundError):
        for place in Workspace(folder).temporary.iterdir():
            if place.is_dir() and place.name.endswith(of):  # a file there is just being written
                shutil.rmtree(place, ignore_errors=True)


def job_ended(folder: Path) -> None:
    """Remove what was needed only while the job in ``folder`` was worked on."""
    sweep_attempts(folder)
    Workspace(folder).copied_source.unlink(missing_ok=True)
    shutil.rmtree(Workspace(folder).fetching, ignore_errors=True)


def demand_disk(folder: Path, needed_mb: float, *, reserve_mb: float) -> None:
    """Raise BudgetError ``disk-full`` unless ``needed_mb`` MiB fit on a folder's disk beside the reserve."""
    free_mb = shutil.disk_usage(folder).free / 2**20
    if free_mb < needed_mb + reserve_mb:
        raise BudgetError(
            f"About {needed_mb:.0f} MiB are needed beside a reserve of {reserve_mb:.0f} MiB,"
            f" but the disk of {folder} has {free_mb:.0f} MiB free:"
            " free some space and run the same command again.",
            code="disk-full",
        )


def demand_reserve(folder: Path, *, reserve_mb: float) -> None:
    """Raise BudgetError ``disk-full`` when a server's disk is down to its reserve."""
    free_mb = shutil.disk_usage(folder).free >> 20
    if free_mb < reserve_mb:
        raise BudgetError(
            f"The server's disk has {free_mb} MiB free and keeps {reserve_mb:.0f} MiB: remove jobs or free"
            " some space.",
            code="disk-full",
        )


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
    """Write a whole file that belongs to no workspace under its name at once."""
    _write(path.with_name(f".clipmill-{secrets.token_hex(4)}.part"), path, text, unguarded)


def _write(part: Path, path: Path, content: str | bytes, guard: Callable[[], None]) -> None:
    """Write ``part``, then give it its name."""
    try:
        with part.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        _name(part, path, guard)
    except OSError as error:
        raise _cannot_write(path.parent, error) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _name(file: Path, target: Path, guard: Callable[[], None]) -> None:
    """Flush a file to disk, rename it, and flush the name too."""
    try:
        _flush(file)
        guard()
        file.replace(target)
        _flush(target.parent)
    except OSError as error:
        raise _cannot_write(target.parent, error) from None


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
