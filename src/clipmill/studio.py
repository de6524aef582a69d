"""What a job is and what it is worked on with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from clipmill.editing.command import Encoding
from clipmill.media.fetch import ANYHOW, Fetching
from clipmill.media.remux import remux
from clipmill.media.speech import Listening
from clipmill.media.speech_api import SpeechService
from clipmill.model import Media
from clipmill.plan import Options
from clipmill.sharing import ALONE, Shared
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
    """One source and what was asked of it.

    ``source`` is the file that is worked on; when it comes from an ``address``, that is where the download
    leaves it. With ``reuse`` False nothing that other jobs left is used.
    """

    source: Path
    options: Options
    address: str = ""
    reuse: bool = True


def free(usd: float) -> None:
    """Nobody counts what it costs."""


def left_out(addresses: Sequence[str]) -> None:
    """Nobody else takes the other videos of a list."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the stages need from outside: programs, ways to work, and whom to tell the share done.

    ``speech`` is a remote service that listens, None when there is none. ``shared`` is what jobs share with
    others. ``spend`` is told what a remote service took, in US dollars, right after. ``spread`` takes the
    addresses of a list but for its first, which this job goes on with; it may be told of them again.
    """

    ffmpeg: Path
    encoding: Encoding
    listening: Listening
    height: int
    max_seconds: float
    tell: Callable[[Task, float], None]
    fetching: Fetching = ANYHOW
    speech: SpeechService | None = None
    shared: Shared = field(default=ALONE, compare=False)
    spend: Callable[[float], None] = field(default=free, compare=False)
    spread: Callable[[Sequence[str]], None] = field(default=left_out, compare=False)


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
