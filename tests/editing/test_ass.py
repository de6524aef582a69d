import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from caption_kit import SAMPLES, drawn, ink_box, spoken
from clipmill.editing.ass import ass_text, escape, preview_ass
from clipmill.editing.cues import make_cues
from clipmill.editing.safe_areas import SAFE_AREAS, safe_box
from clipmill.editing.styles import STYLES
from clipmill.editing.text import JOINERS
from clipmill.model import Box, Canvas, Cue, Span, Word
from clipmill.resources import FONTS, font_metrics

SMALL = Canvas(270, 480, Fraction(30))
SAFE = SAFE_AREAS["all"]
BURNED = [name for name, style in STYLES.items() if style.burned]


def captions(
    words: tuple[Word, ...],
    *,
    style: str = "bold",
    language: str = "en",
    canvas: Canvas = SMALL,
    place: float | None = None,
) -> str:
    look = STYLES[style]
    measure = font_metrics(look, language)
    length = max((word.end for word in words), default=0) + 0.5
    cues = make_cues(words, style=look, measure=measure, canvas=canvas, safe=SAFE, clip_length=length)
    places = None if place is None else lambda _: place
    return ass_text(cues, style=look, measure=measure, canvas=canvas, safe=SAFE, places=places)


def events(ass: str) -> list[tuple[float, float, str]]:
    """Start, end and text of each event."""
    found = []
    for line in ass.splitlines():
        if line.startswith("Dialogue: "):
            _, start, end, *_, text = line.split(",", 9)
            found.append((seconds(start), seconds(end), text))
    return found


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def plain(text: str) -> str:
    """What a reader of ASS shows of a text."""
    text = re.sub(r"(?<!\\)\{[^}]*\}", "", text)
    return text.replace("\\{", "{").replace("\\}", "}").replace("\u2060", "")


def unspaced(text: str) -> str:
    return "".join(text.split()).strip(JOINERS)


def inside(box: Box | None, canvas: Canvas) -> bool:
    safe = safe_box(SAFE, canvas)
    return (
        box is not None
        and box.x >= safe.x - 1e-9
        and box.y >= safe.y - 1e-9
        and box.x + box.width <= safe.x + safe.width + 1e-9
        and box.y + box.height <= safe.y + safe.height + 1e-9
    )


@pytest.mark.parametrize("style", BURNED)
@pytest.mark.parametrize("language", SAMPLES)
def test_ink_stays_inside_the_safe_area(style: str, language: str, tmp_path: Path) -> None:
    words = spoken(SAMPLES[language])
    ass = captions(words, style=style, language=language)
    times = np.arange(0.1, words[-1].end, 0.1)
    assert inside(ink_box(drawn(ass, tmp_path, canvas=SMALL, times=times)), SMALL)


@pytest.mark.parametrize("place", [0.0, 1.0])
@pytest.mark.parametrize("style", BURNED)
def test_ink_stays_inside_wherever_captions_are_put(style: str, place: float, tmp_path: Path) -> None:
    for language in ("vi", "ar", "th"):
        words = spoken(SAMPLES[language])
        ass = captions(words, style=style, language=language, place=place)
        times = np.arange(0.1, words[-1].end, 0.2)
        assert inside(ink_box(drawn(ass, tmp_path, canvas=SMALL, times=times)), SMALL)


@pytest.mark.parametrize("size", [(360, 360), (320, 400), (480, 270)])
@pytest.mark.parametrize("style", BURNED)
def test_other_canvases_hold_the_ink_too(style: str, size: tuple[int, int], tmp_path: Path) -> None:
    canvas = Canvas(*size, Fraction(30))
    words = (*spoken("Nobody tells you this:"), Word("Donaudampfschifffahrtsgesellschaftskapitän", 2, 3))
    ass = captions(words, style=style, canvas=canvas)
    assert inside(ink_box(drawn(ass, tmp_path, canvas=canvas, times=(0.2, 0.6, 1.0, 2.2, 2.8))), canvas)


@pytest.mark.parametrize("style", BURNED)
def test_a_style_draws_something_readable_and_no_two_draw_the_same(style: str, tmp_path: Path) -> None:
    words = spoken("Nobody tells you this")
    own, *others = (
        drawn(captions(words, style=name), tmp_path, canvas=SMALL, times=(0.5,))[0].astype(int)
        for name in (style, *(name for name in BURNED if name != style))
    )
    assert (own > 240).sum() > 100
    assert all((np.abs(own - other) > 40).sum() > 300 for other in others)


def test_the_style_that_burns_nothing_gives_no_file() -> None:
    assert captions(spoken("Hello world"), style="none") == ""


HOSTILE = (
    "{\\an8\\fs80\\c&H0000FF&}",
    "\\N\\n\\h",
    "a\\{b\\}c",
    "{\\p1}m",
    "\\",
    "}{",
    "\\\\{",
)
# A copy of the font says these code points with the glyphs of the characters that ASS gives a meaning.
PRIVATE = {"\\": "\ue000", "{": "\ue001", "}": "\ue002"}


@pytest.fixture(scope="module")
def doubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Figtree, in which private characters look like a backslash and braces."""
    folder = tmp_path_factory.mktemp("doubled")
    font = TTFont(FONTS / "Figtree-Bold.ttf")
    for table in font["cmap"].tables:
        for character, private in PRIVATE.items():
            table.cmap[ord(private)] = table.cmap[ord(character)]
    font.save(folder / "Figtree-Bold.ttf")
    return folder


@pytest.mark.parametrize("text", HOSTILE)
def test_text_with_commands_is_drawn_as_the_same_pixels_as_the_literal(
    text: str, doubled: Path, tmp_path: Path
) -> None:
    look = STYLES["clean"]
    measure = font_metrics(look, "en")
    canvas = Canvas(540, 200, Fraction(30))
    cue = Cue(Span(0, 1), ((Word("I", 0, 0.3), Word(text, 0.3, 0.6), Word("Z", 0.6, 0.9)),))
    ass = ass_text([cue], style=look, measure=measure, canvas=canvas, safe=SAFE)
    literal = ass.replace(escape(text), text.translate(str.maketrans(PRIVATE)))
    assert literal != ass
    pictures = [drawn(x, tmp_path, canvas=canvas, times=(0.5,), fonts=doubled) for x in (ass, literal)]
    assert (pictures[0] != 128).sum() > 300
    assert np.array_equal(*pictures)


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=30))
def test_any_text_is_one_event_that_reads_as_the_text(text: str) -> None:
    look = STYLES["clean"]
    measure = font_metrics(look, "en")
    cue = Cue(Span(0, 1), ((Word("I" + text, 0, 1),),))
    ass = ass_text([cue], style=look, measure=measure, canvas=SMALL, safe=SAFE)
    (event,) = events(ass)
    covered = "".join(c for c in "I" + text if c == " " or measure.covers(c))
    assert unspaced(plain(event[2])) == unspaced(covered)
    assert ass.count("\n") == captions(()).count("\n") + 1


def test_emoji_are_left_out_of_the_picture_and_kept_in_the_cue() -> None:
    words = spoken("so hot 🔥 today")
    ass = captions(words)
    assert "🔥" not in ass
    look = STYLES["bold"]
    cues = make_cues(
        words, style=look, measure=font_metrics(look, "en"), canvas=SMALL, safe=SAFE, clip_length=5
    )
    assert "🔥" in [word.text for cue in cues for line in cue.lines for word in line]


@pytest.mark.parametrize("style", BURNED)
def test_words_that_no_font_has_make_no_events(style: str) -> None:
    assert events(captions((Word("🔥", 0, 0.5), Word("ქართული", 0.5, 1)), style=style)) == []


@pytest.mark.parametrize("style", ["bold", "pop", "box"])
def test_the_highlight_comes_20_to_80_ms_before_the_word(style: str) -> None:
    words = spoken("one two three four five six seven eight", step=0.37)
    highlighted = r"\\t\(0" if style == "pop" else (r"\\p1" if style == "box" else r"\\1c&H14E1FF&")
    starts = sorted(
        start for start, _, text in events(captions(words, style=style)) if re.search(highlighted, text)
    )
    assert len(starts) == len(words)
    for start, word in zip(starts[1:], words[1:], strict=True):
        assert 0.02 <= word.start - start <= 0.08


def test_events_of_a_line_follow_each_other_without_gaps_or_overlaps() -> None:
    lines: dict[str, list[tuple[float, float]]] = {}
    for start, end, text in events(captions(spoken("one two three four five six seven"))):
        lines.setdefault(plain(text), []).append((start, end))
    for stretches in lines.values():
        for one, other in pairwise(stretches):
            assert one[1] == other[0]


def test_equal_states_are_one_event() -> None:
    assert len(events(captions(spoken("one two three"), style="clean"))) == 1


def test_only_the_scripts_own_font_is_changed_to() -> None:
    ass = captions(spoken("Hello мир 日本 مرحبا"), style="box")
    assert "\\fnNoto Sans ExtraBold" in ass
    assert "\\fnRounded Mplus 1c ExtraBold" in ass
    assert "\\fnCairo Black" in ass


def test_arabic_is_drawn_from_right_to_left(tmp_path: Path) -> None:
    """The first word of the line is the coloured one: its green or yellow must be on the right."""
    cue = Cue(Span(0, 2), ((Word("مرحبا", 0, 1.9), Word("بكم", 1.9, 2)),))
    look = STYLES["bold"]
    measure = font_metrics(look, "ar")
    ass = ass_text([cue], style=look, measure=measure, canvas=SMALL, safe=SAFE)
    white = drawn(ass.replace("14E1FF", "808080"), tmp_path, canvas=SMALL, times=(0.5,))[0]
    columns = np.flatnonzero((white > 240).any(axis=0))
    ink = ink_box(drawn(ass, tmp_path, canvas=SMALL, times=(0.5,)))
    assert ink is not None
    assert columns.mean() / SMALL.width < ink.centre_x


def test_the_preview_shows_the_sample_at_one_and_a_half_seconds(tmp_path: Path) -> None:
    for name in BURNED:
        look = STYLES[name]
        ass = preview_ass(look, measure=font_metrics(look, "en"), canvas=SMALL, safe=SAFE)
        assert inside(ink_box(drawn(ass, tmp_path, canvas=SMALL, times=(1.5,))), SMALL)


def test_a_flood_of_text_stays_small() -> None:
    words = tuple(Word("W{\\t(" * 4000, 0.1 * i, 0.1 * i + 0.1) for i in range(20))
    assert len(captions(words)) < 200_000
