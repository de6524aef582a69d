"""Answers, as JSON: jobs, clips, uploads, and how the server is."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from clipmill.jobs.records import State
from clipmill.names import LayoutName, StyleName
from clipmill.web.taken import OptionsShape, SourceShape

T = TypeVar("T")

Time = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T12:00:00.000Z"]})
]
"""A time in UTC as RFC 3339 writes it."""


class Given(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


class FaultShape(Given):
    """Why a job or task failed."""

    code: str = Field(description="A stable name for programs.")
    message: str = Field(description="A sentence for people.")


class UploadShape(Given):
    """A file that is sent to the server."""

    id: str
    name: str = Field(description="What the file is called; empty when nobody said it.")
    length: int | None = Field(description="How many bytes it has; null while that is not known.")
    offset: int = Field(description="How many of them are safely on the server's disk.")
    done: bool = Field(description="Whether all are there: then a job can have it as its source.")
    sha256: str = Field(description="Hash of the whole file; empty until it is done.")
    created_at: Time
    expires_at: Time = Field(description="When it is removed if nobody goes on with it and no job uses it.")
    links: dict[str, str]


class UploadList(Given):
    """Some uploads, newest first."""

    data: list[UploadShape]


class ClipCounts(Given):
    """How many clips a job has."""

    ready: int = Field(description="Clips that can be watched.")
    expected: int | None = Field(description="Clips that there will be; null until the plan is made.")


class TaskShape(Given):
    """One stage of a job; `clip` is the clip's number, 0 where the stage has none."""

    stage: str
    clip: int
    state: str = Field(description="queued, running, done, failed, stopped or again.")
    attempt: int = Field(description="How often it was begun.")
    crashes: int = Field(description="How many workers died with it.")
    share: float = Field(description="How much of it is done, 0 to 1.")
    worked: int = Field(description="How often it truly did work rather than finding it done.")
    started_at: Time | None
    ended_at: Time | None
    error: FaultShape | None


class JobLinks(Given):
    """Where to go from a job."""

    self: str
    events: str = Field(description="Server-sent events.")
    ws: str = Field(description="The same events by WebSocket.")
    clips: str
    plan: str
    archive: str = Field(description="All finished clips as one ZIP file.")
    report: str = Field(description="A page to look through the clips.")
    logs: str


class JobShape(Given):
    """One source and what was asked of it."""

    id: str
    status: State = Field(description="succeeded, partial, failed, cancelled and expired are ends.")
    stage: str = Field(description="The stage that it is in; empty before the first.")
    progress: float = Field(ge=0, le=1, description="How much of the present run is done, 0 to 1.")
    eta_s: float | None = Field(description="Seconds that are expected to be left; null while unknown.")
    queue_position: int | None = Field(description="Place in the line, 1 is next; null when not queued.")
    priority: int
    source: SourceShape
    title: str = Field(description="What the video is called; empty until it is here.")
    words_by: str = Field(description="Who found its words, such as `whisper base`; empty until then.")
    options: OptionsShape
    reuse: bool = Field(description="Whether what your other jobs left is used.")
    metadata: dict[str, Any]
    cost: float = Field(description="US dollars that remote services took.")
    warnings: list[str] = Field(description="Codes of what you should know.")
    error: FaultShape | None
    clips: ClipCounts
    tasks: list[TaskShape] | None = Field(None, description="All tasks of the present run, when asked for.")
    created_at: Time
    started_at: Time | None
    ended_at: Time | None
    links: JobLinks


class Page(Given, Generic[T]):
    """Some of a list. `next_cursor` leads to the next ones; null at the end."""

    data: list[T]
    next_cursor: str | None


class SpanShape(Given):
    """A stretch of time in seconds of the source."""

    start: float
    end: float


class ClipShape(Given):
    """A finished clip."""

    id: str
    job_id: str
    number: int = Field(description="Its rank, 1 is the best; also in its files' names.")
    revision: int = Field(description="How often it was rendered.")
    moment: str = Field(description="The id of its moment in the plan.")
    title: str
    score: float = Field(description="Percentile within its video, 0 to 100.")
    reasons: list[str] = Field(description="Why it was chosen.")
    span: SpanShape = Field(description="Where it was cut.")
    text: str = Field(description="All that is said in it.")
    words_by: str = Field(description="Who found its words; empty when not known.")
    width: int
    height: int
    frame_rate: float
    quality: dict[str, Any] = Field(description="What was measured on the finished clip.")
    degraded: list[str] = Field(description="Codes of what it had to be made without.")
    sha256: str = Field(description="Hash of the video file; empty when not known.")
    made_at: Time
    links: dict[str, str] = Field(description="Its files; the links are signed and good for a day.")


class ClipList(Given):
    """The finished clips of a job, the best first."""

    data: list[ClipShape]


class PlannedClip(Given):
    """A clip as its plan has it now; render it to make it so."""

    id: str
    job_id: str
    moment: str
    plan_revision: int
    span: SpanShape
    title: str
    style: StyleName
    layout: LayoutName
    words: dict[str, str] = Field(description="Changed caption words by their number in the transcript.")
    links: dict[str, str]


class Health(Given):
    """The process answers."""

    status: str


class Check(Given):
    """One condition of being ready."""

    ok: bool
    detail: str


class Readiness(Given):
    """Whether jobs can be taken and worked on."""

    ready: bool
    checks: dict[str, Check] = Field(description="database, disk, workers, stopping and sandbox.")


class Version(Given):
    """What runs here."""

    clipmill: str
    api: str
