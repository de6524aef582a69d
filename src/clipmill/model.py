"""The words: frozen values that every step reads and writes.

Times are float seconds of the source; other units are in the name. Boxes are shares of the frame, 0 to 1,
of the picture as it is shown (after rotation and pixel aspect).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

# --- time -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in seconds of the source, end not included."""

    start: float
    end: float

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"span must run forward from zero, got {self.start}-{self.end}")

    @property
    def length(self) -> float:
        """Seconds from start to end."""
        return self.end - self.start

    def overlap(self, other: "Span") -> float:
        """Seconds that both share."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))


# --- the source -----------------------------------------------------------------------------------


class Hdr(StrEnum):
    """The transfer function of a high dynamic range picture."""

    PQ = "pq"
    HLG = "hlg"


@dataclass(frozen=True, slots=True)
class VideoStream:
    """What is known about the picture that is used.

    ``width`` and ``height`` are coded pixels, ``display_width`` and ``display_height`` what a viewer sees
    after ``rotation`` (degrees, clockwise as needed to show it upright) and ``pixel_aspect``.
    ``frame_rate`` is the average, ``variable`` says that frames do not come at equal steps. ``start`` is
    the time of the first frame on the clock of the file whose origin is ``Media.start``.
    ``colours_named`` is false when the file does not say which matrix its colours were made with.
    """

    index: int
    codec: str
    width: int
    height: int
    display_width: int
    display_height: int
    rotation: int
    pixel_aspect: Fraction
    frame_rate: Fraction
    variable: bool
    interlaced: bool
    hdr: Hdr | None
    pixel_format: str
    start: float
    colours_named: bool = True


@dataclass(frozen=True, slots=True)
class AudioStream:
    """What is known about the sound that is used."""

    index: int
    codec: str
    channels: int
    sample_rate: int
    language: str
    start: float


@dataclass(frozen=True, slots=True)
class Media:
    """The facts of one source file, found by opening it and decoding its first frames.

    ``sha256`` is of the whole file. ``start`` is the container's first time stamp in seconds: every other
    time in clipmill counts from it, as ffmpeg's ``-ss`` does. ``duration`` is measured on packets, never
    believed from the header. ``warnings`` are stable codes (``no-audio-stream``, ``duration-mismatch`` ...).
    """

    name: str
    size_bytes: int
    sha256: str
    container: str
    start: float
    duration: float
    video: VideoStream
    audio: AudioStream | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recording:
    """The facts of a file that is only listened to, whether it has a picture or not.

    ``start`` and ``duration`` are as in ``Media``, measured on the sound that is used.
    """

    start: float
    duration: float
    audio: AudioStream | None


# --- where it comes from --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CaptionTrack:
    """Captions that a site has for its video, fetched as ``file`` in the folder of what was fetched.

    ``automatic`` ones were heard by the site's own recogniser. ``form`` is json3, vtt or srt.
    """

    language: str
    automatic: bool
    form: str
    file: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a video that its makers named."""

    span: Span
    title: str


@dataclass(frozen=True, slots=True)
class Replay:
    """How often a part of a video is watched again: ``value`` is 0 to 1, 1 where it is most."""

    span: Span
    value: float


@dataclass(frozen=True, slots=True)
class Listing:
    """What a site says about one video, before it is fetched.

    ``address`` is the video's own, ``site`` and ``id`` name it for good; both are empty where a site has no
    names of its own. What is not known is empty, 0 or None. ``size_bytes`` is of the form that would be
    fetched, ``height`` of the best there is.
    """

    address: str
    site: str
    id: str
    title: str
    uploader: str = ""
    duration: float | None = None
    height: int = 0
    size_bytes: int | None = None
    language: str = ""
    licence: str = ""
    captions: tuple[CaptionTrack, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    replays: tuple[Replay, ...] = ()


# --- speech ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word with its punctuation, as heard."""

    text: str
    start: float
    end: float
    probability: float = 1.0
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that was said. ``by`` names who heard it, for example ``whisper tiny.en`` or ``file talk.srt``."""

    language: str
    language_probability: float
    duration: float
    words: tuple[Word, ...]
    by: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words ``first`` to ``last`` (both included) of a transcript, which say one thing."""

    first: int
    last: int
    span: Span
    text: str
    speaker: str = ""


# --- choosing -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stretch of sentences ``first`` to ``last`` (both included) that could stand alone as a clip."""

    first: int
    last: int
    span: Span


@dataclass(frozen=True, slots=True)
class Moment:
    """A candidate with its score and reasons.

    ``span`` is where to cut: sentence edges moved into the pauses around them. ``score`` is the
    percentile (0 to 100) within this video, ``raw`` the scorer's own number. ``signals`` are the
    measured values behind it, ``reasons`` the strongest of them in words.
    """

    id: str
    first: int
    last: int
    span: Span
    score: float
    raw: float
    title: str
    text: str
    reasons: tuple[str, ...]
    signals: Mapping[str, float] = field(default_factory=dict)


# --- the picture ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in shares of the frame, 0 to 1, from the upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre_x(self) -> float:
        """Middle of the width."""
        return self.x + self.width / 2

    @property
    def centre_y(self) -> float:
        """Middle of the height."""
        return self.y + self.height / 2

    @property
    def area(self) -> float:
        """Share of the frame's area."""
        return self.width * self.height


WHOLE = Box(0.0, 0.0, 1.0, 1.0)
"""All of the frame."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame. ``landmarks`` are eyes, nose, mouth corners as (x, y) shares, left to right."""

    box: Box
    score: float
    landmarks: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """What was seen in one sampled frame at ``time``.

    ``detail`` is the share of the picture with fine still structure, 0 to 1. ``seams`` are the places of
    straight edges from top to bottom, as between the halves of a split picture, in shares of the width.
    """

    time: float
    faces: tuple[Face, ...]
    detail: float = 0.0
    seams: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Sighting:
    """The pictures of one span: frames sampled about 5 times a second, and where the cuts are.

    ``cuts`` are the times of the first frame after each cut. ``detail`` is the mean share of the picture
    with fine still structure (text, a slide, a screen), 0 to 1. ``motion`` has one row per frame and one
    column per 1/32 of the width: how much moved there, 0 to 1.
    """

    span: Span
    frames: tuple[Frame, ...]
    cuts: tuple[float, ...]
    detail: float = 0.0
    motion: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Track:
    """The same person over frames of one shot: (time, face) pairs in order."""

    id: int
    faces: tuple[tuple[float, Face], ...]


class Layout(StrEnum):
    """How the source's picture fills the clip's frame."""

    FILL = "fill"
    FIT = "fit"


@dataclass(frozen=True, slots=True)
class CropKey:
    """Where the window stands from ``time`` on; between two keys it moves straight, unless ``cut``.

    ``x`` and ``y`` are the window's centre in shares of the frame. ``cut`` means that the window jumps
    here, on exactly this frame, instead of arriving from the key before.
    """

    time: float
    x: float
    y: float
    cut: bool = False


@dataclass(frozen=True, slots=True)
class CropPath:
    """The window over time: its size as shares of the frame, and its keys in order of time."""

    width: float
    height: float
    keys: tuple[CropKey, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """One stretch of a clip with one layout; scenes follow each other without gaps.

    ``view`` is the part of the picture that a fitted scene shows, all of it when None.
    """

    span: Span
    layout: Layout
    view: Box | None = None


@dataclass(frozen=True, slots=True)
class Framing:
    """Where to look during one clip. ``degraded`` holds stable codes of what had to be done without."""

    scenes: tuple[Scene, ...]
    path: CropPath
    degraded: tuple[str, ...] = ()


# --- captions -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption on screen: lines of words, shown for ``span`` (seconds of the clip, not of the source).

    The words' times are seconds of the clip too. ``keyword`` marks words to stress, as (line, place).
    """

    span: Span
    lines: tuple[tuple[Word, ...], ...]
    keywords: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SafeArea:
    """Pixels of a 1080x1920 frame that apps cover, from each edge."""

    top: int
    right: int
    bottom: int
    left: int


# --- one clip -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Canvas:
    """The clip's picture: pixels, frame rate."""

    width: int
    height: int
    frame_rate: Fraction


@dataclass(frozen=True, slots=True)
class Edit:
    """All decisions about one clip, before any frame is touched.

    ``span`` starts on a frame of the source. ``frames`` is how many frames the clip has. ``ass`` is the
    text of the caption file, empty for none. ``gain_db`` brings the sound to the wanted loudness.
    """

    span: Span
    frames: int
    canvas: Canvas
    framing: Framing
    ass: str
    gain_db: float


@dataclass(frozen=True, slots=True)
class QualityCard:
    """What was measured on the rendered picture and sound. ``None`` where there was nothing to measure.

    ``face_inside`` is the share of sampled frames with a face in which the largest face is whole.
    ``face_seen`` the share of sampled frames with a face. ``moves_per_minute`` how often the window
    started to move. ``caption_box`` is the box that all caption ink stayed in, ``caption_safe`` whether
    that is inside the safe area. ``edges_clean`` says that sound is quiet where the clip begins and ends.
    """

    face_seen: float | None
    face_inside: float | None
    moves_per_minute: float | None
    still: float | None
    loudness_lufs: float | None
    true_peak_db: float | None
    caption_box: Box | None
    caption_safe: bool | None
    start_clean: bool | None
    end_clean: bool | None
    duration: float
    frames: int
    size_bytes: int
