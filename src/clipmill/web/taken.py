"""Bodies that are taken, as JSON: what a job is asked for with, and what is changed about a clip."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    create_model,
    model_serializer,
    model_validator,
)

from clipmill.addresses import LONGEST, is_address
from clipmill.names import LayoutName, StyleName
from clipmill.plan import Options

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
    "transcriber": "Who finds the words: `captions` of the site, `api` (a service), `local` (the model), or"
    " `auto`: the first of these that can.",
    "allow_silent": "Where nobody speaks, cut by sound and movement instead of giving up.",
}
"""What each option means."""


class Taken(BaseModel):
    """A body: a field that is not known is refused, and nothing is turned into another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


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


AddressText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST,
        description="Where the video is on the public network; of a list each video becomes a job.",
    ),
]
UploadText = Annotated[str, Field(pattern=r"^[a-z2-7]{24}$", description="A finished upload: its `id`.")]


def _hide_default(schema: dict[str, Any]) -> None:
    """A field that is left out has no value: what stands for that inside is nobody's business."""
    schema.pop("default", None)


class SourceShape(Taken):
    """The video that clips are made of: one of the three."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [name]} for name in ("path", "address", "upload")]}
    )

    path: PathText = Field("", json_schema_extra=_hide_default)
    address: AddressText = Field("", json_schema_extra=_hide_default)
    upload: UploadText = Field("", json_schema_extra=_hide_default)

    @model_validator(mode="after")
    def _one_of_them(self) -> "SourceShape":
        if len(self.model_fields_set) != 1:
            raise ValueError("name one of path, address and upload")
        return self

    @model_serializer
    def _what_is_said(self) -> dict[str, str]:
        return {name: value for name, value in self if value}


def _as_source(given: object) -> object:
    if isinstance(given, str):
        return {"address" if is_address(given) else "path": given}
    return given


class JobTaken(Taken):
    """A job as it is asked for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"source": "/videos/talk.mp4", "options": {"count": 3}, "priority": 5}]
        }
    )

    source: Annotated[
        SourceShape, BeforeValidator(_as_source, json_schema_input_type=PathText | SourceShape)
    ] = Field(description="The video: its path or address, or an object with `path`, `address` or `upload`.")
    options: OptionsShape = Field(default_factory=OptionsShape, description="What the clips should be like.")
    priority: int = Field(5, ge=1, le=9, description="1 is worked on first, 9 last.")
    reuse: bool = Field(True, description="Use what your other jobs left: sources, transcripts.")
    metadata: dict[str, Any] = Field(
        default_factory=dict, description="Anything of yours, at most 16 KiB as JSON; given back as it is."
    )


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
