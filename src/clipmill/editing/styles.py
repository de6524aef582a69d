"""The named looks of captions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Active(StrEnum):
    """What happens to the word that is being said."""

    NONE = "none"
    COLOUR = "colour"
    POP = "pop"
    BOX = "box"


@dataclass(frozen=True, slots=True)
class Colour:
    """Red, green and blue, 0 to 255; ``opacity`` 0 to 1."""

    red: int
    green: int
    blue: int
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Style:
    """One look. Lengths are pixels of a 1080x1920 frame and grow with the canvas.

    ``face`` is the full name of its font, ``size`` the em. ``upper`` sets capitals where a script has
    them. ``words`` and ``lines`` bound what is shown at once. ``outline`` and ``shadow`` are widths,
    ``blur`` softens both. ``tracking`` is added between letters, ``spacing`` (in em) between words.
    ``pitch`` is the step from line to line in em, ``place`` the height of the captions' centre as a
    share of the frame. ``keyword`` colours words to stress. ``burned`` is false for the style that
    leaves the picture alone (its cues still fill the sidecar files).
    """

    name: str
    summary: str
    face: str
    size: float
    words: int
    lines: int
    fill: Colour
    accent: Colour
    active: Active = Active.COLOUR
    keyword: Colour | None = None
    upper: bool = False
    outline: float = 0.0
    outline_colour: Colour = Colour(0, 0, 0)
    shadow: float = 0.0
    shadow_colour: Colour = Colour(0, 0, 0, 0.5)
    blur: float = 0.0
    tracking: float = 0.0
    spacing: float = 0.0
    pitch: float = 1.12
    place: float = 0.64
    burned: bool = True


_WHITE = Colour(255, 255, 255)
_INK = Colour(12, 12, 16)

_STYLES = (
    Style(
        name="bold",
        summary="Heavy capitals, the spoken word in yellow.",
        face="Montserrat ExtraBold",
        size=88,
        words=5,
        lines=2,
        fill=_WHITE,
        accent=Colour(255, 225, 20),
        upper=True,
        outline=8,
        outline_colour=_INK,
        shadow=6,
        shadow_colour=Colour(0, 0, 0, 0.55),
    ),
    Style(
        name="pop",
        summary="One to three tall narrow words that jump in green as they are said.",
        face="Anton Regular",
        size=132,
        words=3,
        lines=2,
        fill=_WHITE,
        accent=Colour(57, 255, 110),
        active=Active.POP,
        upper=True,
        outline=9,
        outline_colour=_INK,
        shadow=8,
        shadow_colour=Colour(0, 0, 0, 0.65),
        tracking=2,
        spacing=0.08,
        pitch=1.22,
    ),
    Style(
        name="box",
        summary="A round violet box that runs along under the spoken word.",
        face="Poppins ExtraBold",
        size=76,
        words=5,
        lines=2,
        fill=_WHITE,
        accent=Colour(112, 48, 240),
        active=Active.BOX,
        outline=4,
        outline_colour=Colour(12, 12, 16, 0.7),
        shadow=4,
        blur=1.5,
        spacing=0.12,
        pitch=1.36,
    ),
    Style(
        name="keyword",
        summary="Whole phrases; names, numbers and strong words large in orange.",
        face="Archivo Black Regular",
        size=74,
        words=6,
        lines=2,
        fill=_WHITE,
        accent=_WHITE,
        active=Active.NONE,
        keyword=Colour(255, 140, 26),
        outline=5,
        outline_colour=Colour(0, 0, 0, 0.6),
        shadow=5,
        shadow_colour=Colour(0, 0, 0, 0.6),
        blur=6,
        pitch=1.18,
    ),
    Style(
        name="clean",
        summary="Quiet subtitles of two lines with a soft shadow.",
        face="Figtree Bold",
        size=56,
        words=12,
        lines=2,
        fill=_WHITE,
        accent=_WHITE,
        active=Active.NONE,
        outline=4,
        outline_colour=Colour(0, 0, 0, 0.55),
        shadow=3,
        shadow_colour=Colour(0, 0, 0, 0.55),
        blur=4,
        pitch=1.26,
        place=0.68,
    ),
    Style(
        name="none",
        summary="Nothing in the picture; the subtitle files are still written.",
        face="Figtree Bold",
        size=56,
        words=12,
        lines=2,
        fill=_WHITE,
        accent=_WHITE,
        active=Active.NONE,
        burned=False,
    ),
)

STYLES: Mapping[str, Style] = MappingProxyType({style.name: style for style in _STYLES})
"""All looks by name; the first is the default."""

DEFAULT_STYLE = "bold"
