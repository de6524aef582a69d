"""Which videos are meant: files, addresses, folders, and lists of them, each once and in order."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from clipmill.addresses import is_address
from clipmill.errors import SourceError, UsageError

ENDINGS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".ogv", ".avi", ".flv"),
    *(".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".3gp", ".3g2"),
)
"""What the names of videos end with; a file that is named itself may have any name."""

MOST_LISTED = 10_000
"""Lines that are read of a list."""

LONGEST_LIST = 4 << 20
"""Characters that are read of a list: hundreds in a line are an address, not thousands."""

LIST_WORDS = frozenset(("playlist", "playlists", "channel", "c", "user", "album", "sets", "showcase"))
"""Parts of an address's path by which sites name more than one video."""

ONE_WORDS = frozenset(("watch", "video", "shorts", "embed"))
"""Parts by which they name one."""


def sources_of(words: Sequence[str], listed: Path | None) -> tuple[str, ...]:
    """The files and addresses that are meant by the words of a command and by the lines of a list.

    A folder stands for its videos in order of their names. Raises UsageError ``no-source`` where there is
    none, ``list-unreadable`` and ``list-too-long``, SourceError ``no-videos`` for a folder without any.
    """
    named = (*words, *(lines_of(listed) if listed else ()))
    return each_once(source for word in named for source in _expanded(word))


def each_once(sources: Iterator[str]) -> tuple[str, ...]:
    """The sources without those that were there before under this or another name."""
    seen: dict[str, str] = {}
    for source in sources:
        seen.setdefault(identity(source), source)
    return tuple(seen.values())


def identity(source: str) -> str:
    """The same text for the same source: a file's true place, an address without what only a page needs."""
    if is_address(source):
        return source.partition("#")[0]
    with suppress(OSError, ValueError, RuntimeError):
        return str(Path(source).resolve())
    return source


def _expanded(word: str) -> Sequence[str]:
    if is_address(word) or not _is_folder(word):
        return (word,)
    return [str(path) for path in videos_in(Path(word))]


def _is_folder(word: str) -> bool:
    with suppress(OSError, ValueError):
        return Path(word).is_dir()
    return False


def videos_in(folder: Path, *, demand: bool = True) -> list[Path]:
    """The videos in a folder by name, not those of folders in it; with ``demand`` there must be one."""
    try:
        found = sorted(path for path in folder.iterdir() if _is_video(path))
    except OSError as error:
        raise SourceError(
            f"The folder {folder} cannot be read ({error.strerror}).", code="source-unreadable"
        ) from None
    if demand and not found:
        raise SourceError(
            f"There is no video in the folder {folder}: their names end with .mp4, .mkv, .webm or the like.",
            code="no-videos",
        )
    return found


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file()


def lines_of(listed: Path) -> list[str]:
    """The sources in a list: one a line, without empty lines and those that begin with ``#``."""
    lines = [line.strip() for line in _text_of(listed).splitlines()]
    sources = [line for line in lines if line and not line.startswith("#")]
    if len(sources) > MOST_LISTED:
        raise UsageError(
            f"The list {listed} has {len(sources)} lines: give at most {MOST_LISTED} at once.",
            code="list-too-long",
        )
    return sources


def _text_of(listed: Path) -> str:
    try:
        if str(listed) == "-":
            text = sys.stdin.read(LONGEST_LIST + 1)
        else:
            with listed.open(encoding="utf-8-sig") as file:
                text = file.read(LONGEST_LIST + 1)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"The list {listed} cannot be read ({why}).", code="list-unreadable") from None
    if len(text) > LONGEST_LIST:
        raise UsageError(
            f"The list {listed} is over {LONGEST_LIST >> 20} MiB: that is no list of videos.",
            code="list-too-long",
        )
    return text


def may_be_list(address: str) -> bool:
    """Whether an address looks as if it stood for several videos: then the site is asked for them.

    A guess that spares asking for each of many addresses: whoever asks for one video gets that one.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    places = [place.lower() for place in parts.path.split("/") if place]
    if ONE_WORDS & set(places):
        return False
    named = any(place in LIST_WORDS or place.startswith("@") for place in places)
    return named or "list" in parse_qs(parts.query)
