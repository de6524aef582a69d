"""What happened in a chaos run, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = {
    "lost": "accepted jobs or clips lost, or not ended",
    "twice": "jobs, runs or clips that came out twice",
    "redone": "finished stages or clips done again",
    "partial": "partial or damaged files seen",
    "different": "clips that differ from those of an unkilled run",
    "orphan": "processes alive 2 s after their owner's death",
    "gap": "gaps in the numbers of events",
    "illegal": "moves between states that are not allowed",
    "over-limit": "moments with more encodes than allowed",
    "promise": "answered requests whose effect was lost",
    "leftover": "files left that nobody refers to",
    "failed": "jobs that failed although their source is good",
    "server-error": "answers that no client should see",
    "short": "figures that the run did not reach",
}
"""Every kind of broken promise, and what its count says."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: its kind, the job that it happened to, and what was seen."""

    kind: str
    job: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A request that was answered with success; ``verb`` is submit, cancel, pause, resume, retry or delete.

    ``key`` is the Idempotency-Key of a submission.
    """

    verb: str
    job: str
    key: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as the database has it; ``key`` is what its submitter wrote into its metadata."""

    id: str
    key: str
    state: str
    run: int
    last_event: int
    clips_ready: int
    clips_expected: int | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as the database has it."""

    job: str
    stage: str
    clip: int
    state: str
    crashes: int
    worked: int


@dataclass(frozen=True, slots=True)
class ClipRow:
    """A clip as the database has it; ``size`` is what its record says of its bytes."""

    id: str
    job: str
    moment: str
    number: int
    revision: int
    size: int


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as the database has it."""

    job: str
    number: int
    kind: str
    at: float
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listening:
    """What one listener heard of a job over all its connections; ``ended``: the server ended the stream."""

    job: str
    numbers: tuple[int, ...]
    kinds: tuple[str, ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A file in a job's folder after the run; ``name`` is its path there, ``sha256`` only of clips."""

    job: str
    name: str
    size: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """Everything that the checker judges.

    ``seen`` are violations that the watchers saw as they happened. ``expected`` maps a job to the SHA-256
    of its clips by number, as an unkilled run makes them. ``starts`` counts, by job and file, how often a
    value was seen finished. ``removed`` are jobs whose deletion was asked for.
    """

    answers: tuple[Answer, ...] = ()
    jobs: tuple[JobRow, ...] = ()
    tasks: tuple[TaskRow, ...] = ()
    clips: tuple[ClipRow, ...] = ()
    events: tuple[EventRow, ...] = ()
    listened: tuple[Listening, ...] = ()
    files: tuple[Found, ...] = ()
    expected: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    finished: Mapping[tuple[str, str], int] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    seen: tuple[Violation, ...] = ()
