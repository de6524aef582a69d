"""The options that commands share, as the command line and the rest of clipmill see them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from clipmill.names import AspectName, LayoutName, SafeAreaName, StyleName, TranscriberName

Flag = Annotated[bool, Parameter(negative="", show_default=False)]
JsonFlag = Annotated[bool, Parameter(name="--json", negative="", show_default=False)]
Text = Annotated[str, Parameter(show_default=False)]


Rights = Annotated[bool, Parameter(name="--i-have-the-rights", negative="", show_default=False)]


@dataclass(frozen=True)
class Wish:
    """What the clips should be like."""

    count: Annotated[int | None, Parameter(name=["-n", "--count"])] = None
    "How many clips; 12 for each hour of video, at least 4, when not given."
    least: Annotated[float, Parameter(name="--min")] = 15.0
    "Shortest clip in seconds."
    most: Annotated[float, Parameter(name="--max")] = 60.0
    "Longest clip in seconds."
    aspect: AspectName = "9:16"
    "Shape of the clips."
    layout: LayoutName = "auto"
    "fill follows faces, fit shows everything over a blurred background, auto decides for each shot."
    style: StyleName = "bold"
    "Look of the captions: `clipmill styles --preview DIR` shows them; none leaves them out."
    safe_area: SafeAreaName = "all"
    "Keep captions clear of what these apps draw over a video."
    language: Text = ""
    "Code of the spoken language, such as en; heard when not given."
    transcript: Path | None = None
    "Use these words instead of listening: clipmill's or Whisper's JSON, SRT or VTT."
    transcriber: TranscriberName = "auto"
    "Who finds the words: captions (the site's), api (a service), local (the model here); auto tries each."
    model: Text = ""
    "Speech model: auto, tiny.en, base, a folder, or a name on the model hub."
    allow_silent: Flag = False
    "Where nobody speaks, cut by sound and movement instead of giving up."

    def given(self, default_model: str) -> dict[str, Any]:
        """The same under the names of the plan's options."""
        transcript = str(self.transcript.absolute()) if self.transcript else ""
        return {**asdict(self), "transcript": transcript, "model": self.model or default_model}


@dataclass(frozen=True)
class Manner:
    """How to work and what to say."""

    encoder: Annotated[str, Parameter()] = "x264"
    "Video encoder: x264, auto (hardware when it truly works), nvenc, videotoolbox, qsv, vaapi, amf."
    verify: Literal["quick", "full"] = "quick"
    "full decodes every finished clip once more to its last frame."
    json: JsonFlag = False
    "Print one JSON document on stdout."
    force: Flag = False
    "Start over instead of continuing from what is done, and use nothing that other jobs left."
    rights: Rights = False
    "That you have the rights to make clips of what is fetched: nobody asks."
    quiet: Annotated[bool, Parameter(name=["-q", "--quiet"], negative="", show_default=False)] = False
    "Say nothing but errors."
    verbose: Annotated[bool, Parameter(name=["-v", "--verbose"], negative="", show_default=False)] = False
    "Say more about what happens."


@dataclass(frozen=True)
class Batch:
    """Where the videos come from."""

    listed: Annotated[
        Path | None, Parameter(name="--from", allow_leading_hyphen=True, show_default=False)
    ] = None
    "A list: one file or address a line; - for stdin."
    watch: Flag = False
    "Take every video that appears in the folder, until Ctrl-C."


@dataclass(frozen=True)
class Spoken:
    """Who writes down what is said, and in which language it is."""

    language: Text = ""
    "Code of the spoken language, such as en; heard when not given."
    transcriber: TranscriberName = "auto"
    "Who finds the words: captions (the site's), api (a service), local (the model here); auto tries each."
    model: Text = ""
    "Speech model: auto, tiny.en, base, a folder, or a name on the model hub."

    def given(self, default_model: str) -> dict[str, Any]:
        """The same under the names of the plan's options."""
        return {**asdict(self), "model": self.model or default_model}


@dataclass(frozen=True)
class Sending:
    """How to hand a job in, and whether to stay with it."""

    wait: Flag = False
    "Stay until it has ended, then print the clips as `make` does."
    priority: int = 5
    "1 is worked on first, 9 last."
    upload: Flag = False
    "Send the files themselves; done anyway where the server cannot read them."
    force: Annotated[bool, Parameter(name=["--force", "--no-reuse"], negative="", show_default=False)] = False
    "Use nothing that other jobs left: fetch and listen anew."
    rights: Rights = False
    "That you have the rights to make clips of what is fetched: nobody asks."
    metadata: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = ()
    "NAME=VALUE, kept with the job; may be given again."
    json: JsonFlag = False
    "Print one JSON document on stdout."
    quiet: Annotated[bool, Parameter(name=["-q", "--quiet"], negative="", show_default=False)] = False
    "Say nothing but errors."
