"""Cues in a style as the text of an ASS file, in which no word can be read as a command."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from clipmill.editing.cues import HOLD, LEAD, make_cues
from clipmill.editing.styles import Active, Colour, Style
from clipmill.editing.text import gap
from clipmill.editing.typefaces import FontMetrics
from clipmill.editing.typesetting import (
    BOX_PAD_X,
    BOX_PAD_Y,
    POP_PEAK,
    POP_SCALE,
    Page,
    SetLine,
    Setting,
    SetWord,
    set_cue,
    zoom,
)
from clipmill.model import Canvas, Cue, SafeArea, Word

# libass reads a backslash with a letter as a command; a word joiner between them, which is not drawn,
# keeps them apart.
_WORD_JOINER = "\u2060"

_HEAD = """\
[Script Info]
ScriptType: v4.00+
PlayResX: {width}
PlayResY: {height}
LayoutResX: {width}
LayoutResY: {height}
WrapStyle: 2
ScaledBorderAndShadow: yes
YCbCr Matrix: None

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, \
MarginR, MarginV, Encoding
Style: Caption,{face},{size},{fill},{fill},{outline_colour},{shadow_colour},0,0,0,0,100,100,{spacing},0,1,\
{outline},{shadow},5,0,0,0,-1
Style: Box,{face},{size},{accent},{accent},{accent},{accent},0,0,0,0,100,100,0,0,1,0,0,7,0,0,0,-1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


@dataclass(frozen=True, slots=True)
class _State:
    """A stretch of a cue's time, ``start`` to ``end``, in which ``word`` (or none) is being said."""

    start: float
    end: float
    word: Word | None


@dataclass(frozen=True, slots=True)
class _Pen:
    """All that drawing needs besides a cue."""

    style: Style
    measure: FontMetrics
    page: Page

    @property
    def zoom(self) -> float:
        return zoom(self.page.canvas)


def ass_text(
    cues: Sequence[Cue],
    *,
    style: Style,
    measure: FontMetrics,
    canvas: Canvas,
    safe: SafeArea,
    places: Callable[[float], float] | None = None,
) -> str:
    """The ASS file that draws ``cues``; empty for a style that draws nothing.

    ``places`` gives the height of the captions' centre (share of the frame) at a time of the clip, the
    style's own when None; ink stays inside the safe area all the same. Fonts are named by their full
    names, to be found in ffmpeg's ``fontsdir``.
    """
    if not style.burned:
        return ""
    pen = _Pen(style, measure, Page(canvas, safe))
    events = [event for cue in cues for event in _events(cue, _at_height(pen, cue, places))]
    return _head(pen) + "".join(f"{event}\n" for event in events)


def _at_height(pen: _Pen, cue: Cue, places: Callable[[float], float] | None) -> _Pen:
    """The pen at the height at which captions stand in the middle of a cue."""
    if places is None:
        return pen
    middle = (cue.span.start + cue.span.end) / 2
    return replace(pen, page=replace(pen.page, place=places(middle)))


def preview_ass(style: Style, *, measure: FontMetrics, canvas: Canvas, safe: SafeArea) -> str:
    """The ASS file of a sample sentence in ``style``, for a still at 1.5 seconds."""
    texts = ["Nobody", "tells", "you", "this:", "the", "first", "90", "days", "decide", "everything."]
    words = [Word(text, 0.32 * i, 0.32 * i + 0.3) for i, text in enumerate(texts)]
    cues = make_cues(words, style=style, measure=measure, canvas=canvas, safe=safe, clip_length=5.0)
    return ass_text(cues, style=style, measure=measure, canvas=canvas, safe=safe)


def escape(text: str) -> str:
    """``text`` such that libass draws it as it is: no command, no override block, no line break."""
    text = text.replace("\\", "\\" + _WORD_JOINER)
    return text.replace("{", "\\{").replace("}", "\\}").replace("\n", " ").replace("\r", " ")


def _head(pen: _Pen) -> str:
    style, scale, face = pen.style, pen.zoom, pen.measure.faces[0]
    return _HEAD.format(
        width=pen.page.canvas.width,
        height=pen.page.canvas.height,
        face=face.family,
        size=_number(style.size * scale * face.line),
        fill=_colour(style.fill),
        accent=_colour(style.accent),
        outline_colour=_colour(style.outline_colour),
        shadow_colour=_colour(style.shadow_colour),
        spacing=_number(style.tracking * scale),
        outline=_number(style.outline * scale),
        shadow=_number(style.shadow * scale),
    )


def _events(cue: Cue, pen: _Pen) -> Iterator[str]:
    setting = set_cue(cue, style=pen.style, measure=pen.measure, page=pen.page)
    for line in setting.lines:
        match pen.style.active:
            case Active.POP:
                yield from _popping(line, cue, setting, pen)
            case Active.BOX:
                yield from _boxes(line, cue, setting, pen)
                yield _line_event(line, _State(cue.span.start, cue.span.end, None), setting, pen)
            case Active.COLOUR:
                for state in _states(line, cue):
                    yield _line_event(line, state, setting, pen)
            case Active.NONE:
                yield _line_event(line, _State(cue.span.start, cue.span.end, None), setting, pen)


def _states(line: SetLine, cue: Cue) -> list[_State]:
    """The cue's time cut where another word of ``line`` becomes the spoken one; equal neighbours are one."""
    words = sorted((word for row in cue.lines for word in row), key=lambda word: word.start)
    mine = {id(item.word) for item in line.words}
    states: list[_State] = []
    for start, end, word in _turns(words, cue):
        active = word if word is not None and id(word) in mine else None
        if states and states[-1].word is active:
            states[-1] = _State(states[-1].start, end, active)
        else:
            states.append(_State(start, end, active))
    return states


def _turns(words: Sequence[Word], cue: Cue) -> Iterator[tuple[float, float, Word | None]]:
    """Which word is the spoken one from when to when; it stays so over short gaps."""
    reached = cue.span.start
    for number, word in enumerate(words):
        begin = min(max(word.start - LEAD, reached), cue.span.end)
        following = words[number + 1].start - LEAD if number + 1 < len(words) else cue.span.end
        end = following if following - word.end <= HOLD else word.end + HOLD / 2
        end = min(max(end, begin), cue.span.end)
        if begin > reached:
            yield reached, begin, None
        if end > begin:
            yield begin, end, word
        reached = max(reached, end)
    if reached < cue.span.end:
        yield reached, cue.span.end, None


def _line_event(line: SetLine, state: _State, setting: Setting, pen: _Pen) -> str:
    """One line as one event, the active word and the keywords in their colours."""
    text = ""
    previous = ""
    for item in line.words:
        text += _space(gap(previous, item.text), setting, pen) + _coloured(item, state, setting, pen)
        previous = item.text
    runs = [face for item in line.words for face, _ in pen.measure.runs(item.text)]
    ascent = max(face.ascent for face in runs)
    descent = max(face.descent for face in runs)
    y = line.baseline - (ascent - descent) / 2 * setting.em
    return _dialogue(1, state, "Caption", f"{{{_at(line.x, y)}{_blur(pen)}}}" + text)


def _space(between: str, setting: Setting, pen: _Pen) -> str:
    """A space, as much wider as the style wants it."""
    if not between or not pen.style.spacing:
        return between
    letters = _tracking(setting, pen)
    wider = letters + pen.style.spacing * setting.em
    return f"{{\\fsp{_number(wider)}}}{between}{{\\fsp{_number(letters)}}}"


def _tracking(setting: Setting, pen: _Pen) -> float:
    """What the style adds between letters, in pixels at the size of ``setting``."""
    return pen.style.tracking / pen.style.size * setting.em


def _coloured(item: SetWord, state: _State, setting: Setting, pen: _Pen) -> str:
    colour = _word_colour(item, state, pen.style)
    text = _in_faces(item.text, setting, pen)
    return text if colour == pen.style.fill else f"{{{_fill(colour)}}}{text}{{{_fill(pen.style.fill)}}}"


def _word_colour(item: SetWord, state: _State, style: Style) -> Colour:
    if state.word is item.word and style.active is not Active.BOX:
        return style.accent
    return style.keyword if item.keyword and style.keyword else style.fill


def _in_faces(text: str, setting: Setting, pen: _Pen) -> str:
    """``text`` escaped, with a change of font wherever the style's own lacks the characters."""
    full = pen.style.size * pen.zoom
    own = pen.measure.faces[0]
    drawn = ""
    for face, run in pen.measure.runs(text):
        if face is own and setting.em == full:
            drawn += escape(run)
            continue
        drawn += f"{{\\fn{face.family}\\fs{_number(setting.em * face.line)}}}{escape(run)}"
        drawn += f"{{\\fn{own.family}\\fs{_number(setting.em * own.line)}}}"
    return drawn


def _popping(line: SetLine, cue: Cue, setting: Setting, pen: _Pen) -> Iterator[str]:
    """Each word as its own events, so that one can grow while the others stand still."""
    states = _states(line, cue)
    for item in line.words:
        runs = [face for face, _ in pen.measure.runs(item.text)]
        ascent, descent = max(face.ascent for face in runs), max(face.descent for face in runs)
        y = line.baseline - (ascent - descent) / 2 * setting.em
        where = _at(item.left + item.width / 2, y) + _blur(pen)
        text = _in_faces(item.text, setting, pen)
        for state in _halves(states, item.word):
            active = state.word is item.word
            tags = where + (_fill(pen.style.accent) + _jump() if active else "")
            yield _dialogue(2 if active else 1, state, "Caption", f"{{{tags}}}{text}")


def _halves(states: Sequence[_State], word: Word) -> Iterator[_State]:
    """The states as one word sees them: spoken or not."""
    merged: list[_State] = []
    for state in states:
        mine = word if state.word is word else None
        if merged and merged[-1].word is mine:
            merged[-1] = _State(merged[-1].start, state.end, mine)
        else:
            merged.append(_State(state.start, state.end, mine))
    yield from merged


def _jump() -> str:
    peak, rest = round(POP_PEAK * 100), round(POP_SCALE * 100)
    return f"\\t(0,70,\\fscx{peak}\\fscy{peak})\\t(70,150,\\fscx{rest}\\fscy{rest})"


def _boxes(line: SetLine, cue: Cue, setting: Setting, pen: _Pen) -> Iterator[str]:
    """The rounded box under the spoken word."""
    for state in _states(line, cue):
        for item in line.words:
            if state.word is item.word:
                yield _dialogue(0, state, "Box", _box(item, line, setting, pen))


def _box(item: SetWord, line: SetLine, setting: Setting, pen: _Pen) -> str:
    em = setting.em
    cap = pen.measure.faces[0].cap_height * em
    left, top = item.left - BOX_PAD_X * em, line.baseline - cap - BOX_PAD_Y * em
    width, height = item.width + 2 * BOX_PAD_X * em, cap + 2 * BOX_PAD_Y * em
    path = _rounded(width, height, 0.22 * em)
    return f"{{\\an7\\pos({_number(left)},{_number(top)})\\p1}}{path}{{\\p0}}"


def _rounded(width: float, height: float, radius: float) -> str:
    """A rectangle with round corners as a drawing of ASS; a cubic with 0.4477 of the radius is a quarter."""
    w, h, r, k = width, height, radius, 0.4477 * radius
    return (
        f"m {r:.1f} 0 l {w - r:.1f} 0 b {w - k:.1f} 0 {w:.1f} {k:.1f} {w:.1f} {r:.1f} "
        f"l {w:.1f} {h - r:.1f} b {w:.1f} {h - k:.1f} {w - k:.1f} {h:.1f} {w - r:.1f} {h:.1f} "
        f"l {r:.1f} {h:.1f} b {k:.1f} {h:.1f} 0 {h - k:.1f} 0 {h - r:.1f} "
        f"l 0 {r:.1f} b 0 {k:.1f} {k:.1f} 0 {r:.1f} 0"
    )


def _dialogue(layer: int, state: _State, style: str, text: str) -> str:
    return f"Dialogue: {layer},{_clock(state.start)},{_clock(state.end)},{style},,0,0,0,,{text}"


def _at(x: float, y: float) -> str:
    return f"\\an5\\pos({_number(x)},{_number(y)})"


def _blur(pen: _Pen) -> str:
    return f"\\blur{_number(pen.style.blur * pen.zoom)}" if pen.style.blur else ""


def _fill(colour: Colour) -> str:
    return f"\\1c&H{colour.blue:02X}{colour.green:02X}{colour.red:02X}&"


def _colour(colour: Colour) -> str:
    alpha = round(255 * (1 - colour.opacity))
    return f"&H{alpha:02X}{colour.blue:02X}{colour.green:02X}{colour.red:02X}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _clock(seconds: float) -> str:
    hundredths = int(seconds * 100 + 1e-6)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest // 100:02}.{rest % 100:02}"
