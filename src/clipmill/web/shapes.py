"""What goes over the wire as JSON: the bodies that are taken and the answers that are given."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model

from clipmill.jobs.records import State
from clipmill.names import LayoutName, StyleName
from clipmill.plan import Options

T = TypeVar("T")

Time = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T12:00:00.000Z"]})
]
"""A time in UTC as RFC 3339 writes it."""

MOST_PATH = 4096
"""Longest path that Linux takes."""

OPTION_MEANINGS: Mapping[str, str] = {
    "count": "How many clips; 12 for each hour of video, at least 4, when null.",
    "least": "Shortest clip in seconds.",
    "most": "Longest clip in seconds.",
    "aspect": "Shape of the clips.",
    "layout": "`fill` follows faces, `fit` shows everything, `auto` decides for each shot.",
    "style": "Look of the captions; `none` leaves them out.",
    "safe_area": "Keep captions clear of what these apps draw over a video.",
    "language": "Code of the spoken language, such as `en`; heard when empty.",
    "model": "Speech model: `auto`, `tiny.en`, `base`, or the one that the server is set to.",
    "transcript": "A file of words to use instead of listening, in a folder that the server allows.",
    "transcriber": "Who finds the words: `captions` of the site, `api` (a service), `local` (the model); `auto` tries.",
    "allow_silent": "Where nobody speaks, cut by sound and movement instead of giving up.",
}
"""What each option means."""


class Taken(BaseModel):
    """A body: a field that is not known is refused, and nothing is turned into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Given(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


def _option_fields() -> dict[str, Any]:
    """The options of a plan, with what each means."""
    kinds = get_type_hints(Options, include_extras=True)
    return {
        each.name: (kinds[each.name], Field(default=each.default, description=OPTION_MEANINGS[each.name]))
        for each in fields(Options)
        if each.default is not MISSING
    }


if TYPE_CHECKING:

    class OptionsShape(Taken):
        """The options of a plan as JSON."""

else:
    OptionsShape = create_model(
        "JobOptions", __base__=Taken, __doc__="What the clips should be like.", **_option_fields()
    )


PathText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MOST_PATH,
        pattern=r"^[^\x00]+$",
        description="A video file on the server's machine, in a folder that it allows.",
        examples=["/videos/talk.mp4"],
    ),
]


class SourceShape(Taken):
    """The video that clips are made of."""

    path: PathText


def _as_source(given: object) -> object:
    return {"path": given} if isinstance(given, str) else given


class JobTaken(Taken):
    """A job as it is asked for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"source": "/videos/talk.mp4", "options": {"count": 3}, "priority": 5}]
        }
    )

    source: Annotated[
        SourceShape, BeforeValidator(_as_source, json_schema_input_type=PathText | SourceShape)
    ] = Field(description="The video: its path, or an object with the path.")
    options: OptionsShape = Field(default_factory=OptionsShape, description="What the clips should be like.")
    priority: int = Field(5, ge=1, le=9, description="1 is worked on first, 9 last.")
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="Anything of yours, at most 16 KiB as JSON; given back as it is."
    )


class FaultShape(Given):
    """Why a job or task failed."""

    code: str = Field(description="A stable name for programs.")
    message: str = Field(description="A sentence for people.")


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
    options: OptionsShape
    metadata: dict[str, Any]
    cost: float = Field(0.0, description="US dollars that remote services took; none is asked yet.")
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


WordNumber = Annotated[str, Field(pattern=r"^[0-9]{1,7}$")]
WordText = Annotated[str, Field(max_length=200)]


class ClipChangeTaken(Taken):
    """What to change about a clip. A field that is left out stays, null goes back to what was decided."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"start": 12.5, "title": "Better", "words": {"31": "Clipmill"}}]}
    )

    start: float | None = Field(None, ge=0, description="Where it starts, in seconds of the source.")
    end: float | None = Field(None, gt=0, description="Where it ends; it may go past the moment's edges.")
    title: str | None = Field(None, min_length=1, max_length=300)
    style: StyleName | None = None
    layout: LayoutName | None = None
    words: dict[WordNumber, WordText] | None = Field(
        None,
        max_length=1000,
        description="Caption text of single words by their number in the transcript; empty leaves a word out."
        " Replaces all such changes of this clip.",
    )


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
