"""What a job is and what it is worked on with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from clipmill.editing.command import Encoding
from clipmill.media.remux import remux
from clipmill.media.speech import Listening
from clipmill.model import Media
from clipmill.plan import Options
from clipmill.workspace import Workspace, file_stamp


class Stage(StrEnum):
    """One kind of work; in the service each has a queue of its own."""

    DOWNLOAD = "download"
    TRANSCRIBE = "transcribe"
    SCORE = "score"
    ENCODE = "encode"


@dataclass(frozen=True, slots=True)
class Task:
    """One stage of one job; ``clip`` is its number (1 is the best) when the stage is ``encode``."""

    stage: Stage
    clip: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """One source and what was asked of it."""

    source: Path
    options: Options


def at_once() -> None:
    """Nobody else takes turns."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the stages need from outside: programs, ways to work, and whom to tell the share done.

    ``take_turn`` is called right before listening begins, and raises BusyError ``rate-limited`` when too much
    was begun lately.
    """

    ffmpeg: Path
    encoding: Encoding
    listening: Listening
    height: int
    max_seconds: float
    tell: Callable[[Task, float], None]
    take_turn: Callable[[], None] = field(default=at_once, compare=False)


@dataclass(frozen=True, slots=True)
class Studio:
    """Everything that one job is worked on with."""

    job: Job
    work: Workspace
    services: Services


def given_media(studio: Studio) -> Path:
    """Where the facts of the source as it was given are kept when a copy of it is worked on."""
    return studio.work.kept / "given.json"


def working_file(studio: Studio) -> Path:
    """The file that is worked on: the source, or a copy of it where the source cannot be wound exactly.

    The copy is temporary, so it is made again where it is not there.
    """
    source, copy = studio.job.source, studio.work.copied_source
    given = studio.work.load(Media, given_media(studio), key=file_stamp(source))
    if given is None:
        return source
    if not copy.exists():
        scratch = studio.work.scratch("copy")
        remux(studio.services.ffmpeg, source, given, scratch / copy.name, cwd=scratch)
        studio.work.publish(scratch / copy.name, copy)
    return copy
