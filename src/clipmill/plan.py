"""The plan file: everything that was decided about a source, for a person to change before rendering."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from clipmill.errors import PlanError, UsageError
from clipmill.model import CropPath, Media, Moment, Span
from clipmill.names import AspectName, LayoutName, SafeAreaName, StyleName, TranscriberName


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for.

    ``count`` of None means 12 an hour and at least 4. ``least`` and ``most`` bound a clip's length in
    seconds. ``language`` is a code such as ``en``, empty to hear it. ``transcript``, ``transcriber`` and
    ``model`` say where the words come from.
    """

    count: Annotated[int, Field(ge=1, le=100)] | None = None
    least: Annotated[float, Field(gt=0, le=3600)] = 15.0
    most: Annotated[float, Field(gt=0, le=3600)] = 60.0
    aspect: AspectName = "9:16"
    layout: LayoutName = "auto"
    style: StyleName = "bold"
    safe_area: SafeAreaName = "all"
    language: Annotated[str, Field(max_length=16)] = ""
    model: str = "auto"
    transcript: str = ""
    transcriber: TranscriberName = "auto"
    allow_silent: bool = False

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise ValueError(f"the shortest clip ({self.least:g} s) is over the longest ({self.most:g} s)")


@dataclass(frozen=True, slots=True)
class Change:
    """What a person changed about one clip; None or empty keeps what was decided.

    ``words`` replaces the caption text of single words by their number in the transcript; an empty text
    leaves the word out of the captions. ``crop`` is a window path to use instead of the found one.
    """

    span: Span | None = None
    title: str | None = None
    style: StyleName | None = None
    layout: LayoutName | None = None
    crop: CropPath | None = None
    words: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceRef:
    """The video that the plan is about: its file or address (``path``), and what is in it."""

    path: str
    media: Media


@dataclass(frozen=True, slots=True)
class TranscriptRef:
    """Where the words are (beside the plan), their language, who heard them, and a hash of them."""

    path: str
    language: str
    by: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All decisions about one source.

    ``moments`` holds every moment worth keeping, near misses included; ``chosen`` their ids in the order
    of rank; ``changes`` what a person changed, by moment id.
    """

    source: SourceRef
    transcript: TranscriptRef
    options: Options
    moments: tuple[Moment, ...]
    chosen: tuple[str, ...]
    changes: Mapping[str, Change] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    schema: Literal[1] = 1
    revision: int = 1

    def __post_init__(self) -> None:
        known = {moment.id for moment in self.moments}
        for name in (*self.chosen, *self.changes):
            if name not in known:
                raise ValueError(f"there is no moment {name!r}")
        if len(set(self.chosen)) != len(self.chosen):
            raise ValueError("a moment is chosen twice")
        for moment in self.chosen_moments:
            if self.span_of(moment).end > self.source.media.duration + 0.05:
                raise ValueError(
                    f"moment {moment.id!r} ends at {self.span_of(moment).end:g} s,"
                    f" but the source ends at {self.source.media.duration:g} s"
                )

    @property
    def chosen_moments(self) -> tuple[Moment, ...]:
        """The chosen moments in order of rank; clip 1 is the first."""
        by_id = {moment.id: moment for moment in self.moments}
        return tuple(by_id[name] for name in self.chosen)

    def change_of(self, moment: Moment) -> Change:
        """What a person changed about this moment's clip."""
        return self.changes.get(moment.id, Change())

    def span_of(self, moment: Moment) -> Span:
        """Where this moment's clip is cut."""
        return self.change_of(moment).span or moment.span


_ADAPTER: TypeAdapter[Plan] = TypeAdapter(Plan)
_OPTIONS: TypeAdapter[Options] = TypeAdapter(Options)


def checked_options(given: Mapping[str, Any]) -> Options:
    """Options from their names and values; raises UsageError naming the one that cannot be used."""
    try:
        return _OPTIONS.validate_python(dict(given))
    except ValidationError as error:
        place, what = _fault(error)
        raise UsageError(f"These options cannot be used: {place}{what}.", code="options-wrong") from None


def _fault(error: ValidationError) -> tuple[str, str]:
    """Where the first fault is (``a.b: `` or empty) and what it is."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    what = first["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{place}: " if place else "", what


def plan_schema() -> dict[str, Any]:
    """The JSON Schema of the plan file."""
    schema = _ADAPTER.json_schema()
    for kind in (schema, *schema["$defs"].values()):
        if "properties" in kind:
            kind["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def plan_text(plan: Plan) -> str:
    """The plan as the text of its file."""
    return json.dumps(_ADAPTER.dump_python(plan, mode="json"), indent=1, ensure_ascii=False) + "\n"


def read_plan(path: Path) -> Plan:
    """The plan in a file, checked.

    Raises PlanError that says where in the file the fault is.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlanError(f"There is no plan file {path}.", code="plan-not-found") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"The plan file {path} cannot be read: {error}.", code="plan-unreadable") from None
    return parse_plan(text, name=str(path))


def parse_plan(text: str, *, name: str) -> Plan:
    """The plan in a text; ``name`` is what to call it in an error."""
    try:
        plan = _ADAPTER.validate_json(text)
    except ValidationError as error:
        place, what = _fault(error)
        raise PlanError(f"The plan {name} cannot be used: {place}{what}.", code="plan-wrong") from None
    unknown = _unknown_key(json.loads(text), _ADAPTER.dump_python(plan, mode="json"))
    if unknown:
        raise PlanError(f"The plan {name} cannot be used: unknown key {unknown}.", code="plan-wrong")
    return plan


def _unknown_key(given: Any, understood: Any) -> str:
    """The path of the first key of ``given`` that nobody read, empty when all were."""
    if isinstance(given, dict) and isinstance(understood, dict):
        pairs = ((key, value, understood.get(key, _ADAPTER)) for key, value in given.items())
    elif isinstance(given, list) and isinstance(understood, list):
        pairs = ((str(place), value, understood[place]) for place, value in enumerate(given))
    else:
        return ""
    for key, value, match in pairs:
        if match is _ADAPTER:
            return str(key)
        if below := _unknown_key(value, match):
            return f"{key}.{below}"
    return ""


def same_request(old: Plan, options: Options, media: Media, words: TranscriptRef) -> bool:
    """Whether a plan answers this request about this source and these words, so that it can be kept."""
    same_words = old.transcript.sha256 == words.sha256
    return same_words and old.options == options and old.source.media.sha256 == media.sha256
