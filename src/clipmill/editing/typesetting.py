"""Where each word of a cue stands on the canvas, in pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from clipmill.editing.safe_areas import REFERENCE_HEIGHT, REFERENCE_WIDTH, safe_box
from clipmill.editing.styles import Active, Style
from clipmill.editing.text import JOINERS, gap, right_to_left, upper
from clipmill.editing.typefaces import FontMetrics
from clipmill.model import Canvas, Cue, SafeArea, Word

POP_SCALE = 1.09
"""How much larger the word that is being said stands in a popping style."""

POP_PEAK = 1.15
"""Its size at the top of the jump."""

BOX_PAD_X = 0.20
BOX_PAD_Y = 0.24
"""How far a box reaches beyond its word, in em."""

# A blurred edge of libass fades out within about this many times the blur value (measured on its output).
_BLUR_REACH = 2.2
# What hinting, rounding and side bearings may add to the width, in pixels of the reference frame.
_SLACK = 6.0
# Below this share of its size a word is broken instead of set smaller.
SMALLEST = 0.6


@dataclass(frozen=True, slots=True)
class Page:
    """The canvas, what of it apps cover, and where on it captions stand (``None``: as the style says)."""

    canvas: Canvas
    safe: SafeArea
    place: float | None = None


@dataclass(frozen=True, slots=True)
class SetWord:
    """A word as it is drawn: its text, and its left edge and width in pixels."""

    word: Word
    text: str
    left: float
    width: float
    keyword: bool


@dataclass(frozen=True, slots=True)
class SetLine:
    """Words on one baseline, in the order of reading; ``x`` is the centre of the line."""

    words: tuple[SetWord, ...]
    x: float
    baseline: float


@dataclass(frozen=True, slots=True)
class Setting:
    """A cue ready to be drawn: its lines and the em in pixels."""

    lines: tuple[SetLine, ...]
    em: float


def zoom(canvas: Canvas) -> float:
    """Pixels of ``canvas`` for one of the reference frame, so that type takes the same share of its area."""
    return sqrt(canvas.width * canvas.height / (REFERENCE_WIDTH * REFERENCE_HEIGHT))


def shown(text: str, *, style: Style, measure: FontMetrics) -> str:
    """``text`` as it is burned in: in capitals where the style asks, without what no typeface has."""
    if style.upper:
        text = upper(text, measure.language)
    if "ẞ" in text and not measure.faces[0].has("ẞ"):
        text = text.replace("ẞ", "SS")
    kept = "".join(c for c in text if c == " " or c in JOINERS or measure.covers(c))
    return " ".join(kept.split()).strip(JOINERS)


def text_room(style: Style, canvas: Canvas, safe: SafeArea) -> float:
    """The width for a line in em: symmetrical about the middle of the canvas, ink inside the safe area."""
    box = safe_box(safe, canvas)
    half = min(0.5 - box.x, box.x + box.width - 0.5) * canvas.width
    return 2 * (half - _edge(style) * zoom(canvas)) / (style.size * zoom(canvas) * _growth(style))


def space_width(style: Style, measure: FontMetrics) -> float:
    """The width of a space in em."""
    return measure.width(" ") + style.tracking / style.size + style.spacing


def text_width(text: str, *, style: Style, measure: FontMetrics) -> float:
    """The width of a shown text in em, with the style's tracking."""
    return measure.width(text) + len(text) * style.tracking / style.size


def set_cue(cue: Cue, *, style: Style, measure: FontMetrics, page: Page) -> Setting:
    """``cue`` laid out: centred, as large as the style says or smaller where a word needs it."""
    lines = [_shown_line(cue, number, style, measure) for number in range(len(cue.lines))]
    lines = [line for line in lines if line]
    if not lines:
        return Setting((), style.size * zoom(page.canvas))
    widest = max(_line_width(line, style, measure) for line in lines)
    room = text_room(style, page.canvas, page.safe)
    em = style.size * zoom(page.canvas) * min(1.0, room / widest)
    baselines = _baselines(len(lines), em, style=style, measure=measure, page=page)
    centre = page.canvas.width / 2
    settled = (
        SetLine(_settle(line, centre, em, style, measure), centre, baseline)
        for line, baseline in zip(lines, baselines, strict=True)
    )
    return Setting(tuple(settled), em)


_Shown = tuple[Word, str, bool]


def _shown_line(cue: Cue, number: int, style: Style, measure: FontMetrics) -> list[_Shown]:
    keywords = set(cue.keywords)
    line = (
        (word, shown(word.text, style=style, measure=measure), (number, place) in keywords)
        for place, word in enumerate(cue.lines[number])
    )
    return [item for item in line if item[1]]


def _line_width(line: Sequence[_Shown], style: Style, measure: FontMetrics) -> float:
    texts = [text for _, text, _ in line]
    spaces = sum(1 for left, right in pairwise(texts) if gap(left, right))
    space = space_width(style, measure)
    return sum(text_width(text, style=style, measure=measure) for text in texts) + spaces * space


def _settle(
    line: Sequence[_Shown], centre: float, em: float, style: Style, measure: FontMetrics
) -> tuple[SetWord, ...]:
    """The words of one line with their places; from the right edge where the line is read from there."""
    total = _line_width(line, style, measure) * em
    backwards = right_to_left(" ".join(text for _, text, _ in line))
    space = space_width(style, measure) * em
    settled: list[SetWord] = []
    reached = 0.0
    for word, text, keyword in line:
        reached += space if settled and gap(settled[-1].text, text) else 0.0
        width = text_width(text, style=style, measure=measure) * em
        left = centre + total / 2 - reached - width if backwards else centre - total / 2 + reached
        settled.append(SetWord(word, text, left, width, keyword))
        reached += width
    return tuple(settled)


def _baselines(count: int, em: float, *, style: Style, measure: FontMetrics, page: Page) -> tuple[float, ...]:
    """Baselines such that the block is centred on its place, moved where ink would leave the safe area."""
    face = measure.faces[0]
    pitch = style.pitch * em
    height = face.cap_height * em + (count - 1) * pitch
    place = style.place if page.place is None else page.place
    first = place * page.canvas.height - height / 2 + face.cap_height * em
    edge = _edge(style) * zoom(page.canvas)
    box = safe_box(page.safe, page.canvas)
    top, bottom = box.y * page.canvas.height + edge, (box.y + box.height) * page.canvas.height - edge
    first = min(first, bottom - (count - 1) * pitch - _DESCENT * em * _growth(style))
    first = max(first, top + _ASCENT * em * _growth(style))
    return tuple(first + number * pitch for number in range(count))


# How far ink may reach above and below the baseline in any script shipped, in em (Arabic and Thai marks).
_ASCENT = 1.15
_DESCENT = 0.55


def _edge(style: Style) -> float:
    """How far ink reaches beyond the letters, in pixels of the reference frame."""
    edge = style.outline + style.shadow + style.blur * _BLUR_REACH + _SLACK
    if style.active is Active.BOX:
        edge = max(edge, BOX_PAD_X * style.size + _SLACK)
    return edge


def _growth(style: Style) -> float:
    """How many times its size a word has at the most."""
    return POP_PEAK if style.active is Active.POP else 1.0
