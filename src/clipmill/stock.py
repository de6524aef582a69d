"""Sources that were fetched before and are still there, so that they need not be fetched again."""

import errno
import hashlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from clipmill.model import Listing

PART = ".part-"
"""How the name of a folder begins that is being put together or taken away."""

PART_S = 86_400.0
"""A folder of that kind which is older was left by somebody who was killed."""

_LISTING = TypeAdapter(Listing)

log = logging.getLogger(__name__)


def find_source(folder: Path | None, key: str, target: Path, captions: Path) -> bool:
    """Whether a source was kept in ``folder``: then it is at ``target``, and its captions in ``captions``.

    Both are linked, or copied where they are on another disk, so they stay whatever becomes of what is kept.
    ``target`` appears last, whole, with the time of change that it had.
    """
    if folder is None:
        return False
    place = _place(folder, key)
    try:
        with _unchanged(place) as check:
            os.utime(place)
            captions.mkdir(parents=True, exist_ok=True)
            for file in sorted((place / "captions").iterdir()):
                _bring(file, captions / file.name)
            _bring(place / "source", target, check)
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            log.info("A kept source cannot be used: %s", error)
        return False
    return True


def kept_listing(folder: Path | None, key: str) -> Listing | None:
    """What the site said when the source was kept, with the captions that were kept with it."""
    if folder is None:
        return None
    with suppress(OSError, ValidationError):
        return _LISTING.validate_json((_place(folder, key) / "listing.json").read_bytes())
    return None


def keep_source(
    folder: Path | None, key: str, video: Path, captions: Path, listing: Listing, *, most_mb: float
) -> None:
    """Keep a source, its captions and what the site said for other jobs.

    All sources beside ``folder`` (those of all owners) take at most ``most_mb`` MiB: what was used longest
    ago goes. What cannot be kept is not, and nobody is told.
    """
    if folder is None:
        return
    part = folder / f"{PART}{secrets.token_hex(8)}"
    try:
        if video.stat().st_size > most_mb * 2**20:
            return
        (part / "captions").mkdir(mode=0o700, parents=True)
        for file in captions.iterdir() if captions.is_dir() else ():
            _bring(file, part / "captions" / file.name)
        (part / "listing.json").write_bytes(_LISTING.dump_json(listing))
        _bring(video, part / "source")
        _name(part, _place(folder, key))
    except OSError as error:
        log.info("A source is not kept for other jobs: %s", error)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    make_room(folder.parent, most_mb=most_mb)


def make_room(root: Path, *, most_mb: float) -> None:
    """Remove what was used longest ago until all sources under ``root`` take at most ``most_mb`` MiB."""
    room = most_mb * 2**20
    for used, size, place in sorted(_sources(root), reverse=True):
        room -= size
        if room < 0 or (place.name.startswith(PART) and used < time.time() - PART_S):
            _remove(place)


def _place(folder: Path, key: str) -> Path:
    return folder / hashlib.sha256(key.encode()).hexdigest()[:32]


@contextmanager
def _unchanged(place: Path) -> Iterator[Callable[[], None]]:
    """A check that raises FileNotFoundError once a folder was taken away, also when another has its name."""
    before = os.open(
        place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    )  # open, its number is not given again

    def check() -> None:
        if not os.path.samestat(os.fstat(before), place.stat()):
            raise FileNotFoundError(errno.ENOENT, "It was replaced", str(place))

    try:
        yield check
    finally:
        os.close(before)


def _whatever() -> None:
    """Nothing need be so."""


def _bring(file: Path, target: Path, check: Callable[[], None] = _whatever) -> None:
    """A second name for a file, or a copy of it on another disk; it appears at once, after a ``check``."""
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            os.link(file, part)
        except FileNotFoundError:
            raise
        except OSError:  # another disk, or one that has no links
            shutil.copy2(file, part)
        check()
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)  # also where both were names of one file before


def _name(part: Path, place: Path) -> None:
    """Give a finished folder its name; one that has it goes."""
    try:
        part.rename(place)
    except OSError:
        _remove(place)
        part.rename(place)


def _sources(root: Path) -> Iterator[tuple[float, int, Path]]:
    """When each source was used last, the bytes that it takes, and its folder."""
    for place in root.glob("*/*"):
        with suppress(OSError):
            size = sum(file.stat().st_size for file in place.rglob("*"))
            yield place.stat().st_mtime, size, place


def _remove(place: Path) -> None:
    """Take a folder away at once, so that nobody finds half of it."""
    gone = place.with_name(f"{PART}{secrets.token_hex(8)}")
    with suppress(OSError):
        place.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
