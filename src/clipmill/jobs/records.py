"""The values of the durable path: jobs, tasks, clips and events as the store keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from clipmill.plan import Options


class State(StrEnum):
    """Where a job is. ``waiting`` is between two tries, or for room or a turn at a remote service."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


ACTIVE = frozenset((State.RUNNING, State.WAITING))
"""A workflow works on these; tasks may start."""

ENDED = frozenset((State.SUCCEEDED, State.PARTIAL, State.FAILED, State.CANCELLED, State.EXPIRED))
"""Nothing happens to these by itself any more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something failed: a stable code, and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Request:
    """A job as it was asked for.

    ``source`` is a file or an address, ``owner`` names whose it is, ``priority`` is 1 (first) to 9. Without
    ``reuse`` nothing that other jobs left is used.
    """

    source: str
    options: Options
    owner: str = ""
    priority: int = 5
    metadata: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str = ""
    fingerprint: str = ""
    reuse: bool = True


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the store knows it.

    ``seq`` grows in the order of acceptance; ``run`` counts the workflows that it had: a retry, a resume or
    a changed plan starts another. Times are seconds since 1970 by the database's clock. ``last_event`` is
    the number of its newest event and changes with every visible change. ``cost`` is what remote services
    took, in US dollars; ``title`` what the source is called; ``words_by`` who found its words.
    """

    seq: int
    id: str
    request: Request
    state: State
    run: int
    created: float
    last_event: int
    stage: str = ""
    progress: float = 0.0
    eta_s: float | None = None
    started: float | None = None
    ended: float | None = None
    fault: Fault | None = None
    warnings: tuple[str, ...] = ()
    clips_ready: int = 0
    clips_expected: int | None = None
    cost: float = 0.0
    title: str = ""
    words_by: str = ""


@dataclass(frozen=True, slots=True)
class TaskName:
    """Which task of which run of which job; ``clip`` is 0 where the stage has no clips."""

    job: str
    run: int
    stage: str
    clip: int = 0


@dataclass(frozen=True, slots=True)
class Holding:
    """A task in the hands of a worker. Whoever begins it again gets a higher ``attempt``: the fence."""

    task: TaskName
    attempt: int


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task as the store knows it.

    ``state`` is queued, running, done, failed, stopped or again; ``weight_s`` the seconds that it is expected
    to take; ``worked`` how often it truly did work rather than finding it done; ``crashes`` how many workers
    died with it.
    """

    name: TaskName
    state: str
    attempt: int
    crashes: int
    share: float
    weight_s: float
    worked: int
    worker: str
    started: float | None
    ended: float | None
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class ClipRecord:
    """A finished clip. ``moment`` names it within its job for good, ``number`` is its rank and file name.

    ``facts`` is what its JSON file says without the long lists; ``revision`` counts its renderings.
    """

    id: str
    job: str
    moment: str
    number: int
    revision: int
    facts: Mapping[str, Any]
    made: float


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job; numbers run from 1 without a gap."""

    job: str
    number: int
    kind: str
    at: float
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended.

    ``state`` is done, failed, stopped (its job does not want it any more) or again (in ``delay_s`` seconds).
    ``worked`` is False when it found its work done. ``learned`` is what is known of the job from now on:
    its ``title``, ``words_by``.
    """

    state: str
    worked: bool = False
    fault: Fault | None = None
    delay_s: float = 0.0
    clip: ClipRecord | None = None
    warnings: tuple[str, ...] = ()
    learned: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker process. ``pid`` and ``born`` (its start in clock ticks) name it on ``host`` for good."""

    id: str
    host: str
    pid: int
    born: int
    beat: float
    age_s: float
