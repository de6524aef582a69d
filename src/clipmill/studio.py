"""What a job is and what it is worked on with."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from clipmill.editing.command import Encoding
from clipmill.media.speech import Listening
from clipmill.plan import Options
from clipmill.workspace import Workspace


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


@dataclass(frozen=True, slots=True)
class Services:
    """What the stages need from outside: programs, ways to work, and whom to tell the share done."""

    ffmpeg: Path
    encoding: Encoding
    listening: Listening
    height: int
    max_seconds: float
    tell: Callable[[Task, float], None]


@dataclass(frozen=True, slots=True)
class Studio:
    """Everything that one job is worked on with."""

    job: Job
    work: Workspace
    services: Services
