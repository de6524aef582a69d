from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caption_kit import SAMPLES, spoken
from clipmill.editing.cues import HOLD, LEAD, SHORTEST, cue_text, make_cues
from clipmill.editing.safe_areas import SAFE_AREAS
from clipmill.editing.styles import STYLES
from clipmill.editing.typesetting import SMALLEST, shown, space_width, text_room, text_width
from clipmill.model import Canvas, Cue, Word
from clipmill.resources import font_metrics

CANVAS = Canvas(1080, 1920, Fraction(30))
SAFE = SAFE_AREAS["all"]


def cues_of(
    words: tuple[Word, ...], *, style: str = "bold", language: str = "en", length: float = 60
) -> tuple[Cue, ...]:
    look = STYLES[style]
    return make_cues(
        words,
        style=look,
        measure=font_metrics(look, language),
        canvas=CANVAS,
        safe=SAFE,
        clip_length=length,
    )


def texts(cues: tuple[Cue, ...]) -> list[str]:
    return [word.text for cue in cues for line in cue.lines for word in line]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("language", SAMPLES)
def test_every_word_is_shown_once_in_lines_that_fit(style: str, language: str) -> None:
    look, measure = STYLES[style], font_metrics(STYLES[style], language)
    words = spoken(SAMPLES[language])
    cues = cues_of(words, style=style, language=language)
    assert "".join(texts(cues)) == SAMPLES[language].replace(" ", "")
    room = text_room(look, CANVAS, SAFE)
    for cue in cues:
        assert len(cue.lines) <= look.lines
        assert sum(len(line) for line in cue.lines) <= look.words
        for line in cue.lines:
            widths = [
                text_width(shown(w.text, style=look, measure=measure), style=look, measure=measure)
                for w in line
            ]
            whole = sum(widths) + space_width(look, measure) * (len(widths) - 1)
            assert whole <= room / SMALLEST + 1e-6


words_of_any_kind = st.lists(
    st.tuples(
        st.text(max_size=12),
        st.floats(-1, 12, allow_nan=False),
        st.floats(-0.5, 2, allow_nan=False),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(words_of_any_kind)
def test_cues_never_overlap_nor_leave_the_clip(raw: list[tuple[str, float, float]]) -> None:
    words = tuple(
        Word(text, start, start + length) for text, start, length in sorted(raw, key=lambda w: w[1])
    )
    cues = cues_of(words, length=10)
    for cue in cues:
        assert 0 <= cue.span.start < cue.span.end <= 10
        assert len(cue.lines) <= 2
    for one, other in pairwise(cues):
        assert one.span.end <= other.span.start


def test_a_cue_stays_half_a_second_where_there_is_room() -> None:
    words = (Word("Yes.", 1.0, 1.1), Word("Now", 4.0, 4.1), Word("go.", 4.15, 4.2))
    for cue in cues_of(words, length=10):
        assert cue.span.length >= SHORTEST - 1e-9


def test_fast_short_words_share_a_cue_instead_of_flashing() -> None:
    words = spoken("I am in it as you go by it", step=0.12)
    cues = cues_of(words, style="pop")
    assert all(cue.span.length >= 0.24 for cue in cues[:-1])
    assert all(sum(map(len, cue.lines)) == 3 for cue in cues)


def test_a_short_gap_is_bridged_and_a_long_one_is_not() -> None:
    near = cues_of((Word("One.", 0, 0.6), Word("Two.", 0.6 + HOLD - 0.05, 1.6)))
    assert near[0].span.end == pytest.approx(near[1].span.start)
    far = cues_of((Word("One.", 0, 0.6), Word("Two.", 3, 3.6)))
    assert far[0].span.end < 1.2


def test_a_cue_begins_a_little_before_its_first_word() -> None:
    (cue,) = cues_of((Word("Hello", 2.0, 2.5),))
    assert cue.span.start == pytest.approx(2.0 - LEAD)


def test_another_speaker_begins_another_cue() -> None:
    words = (Word("Well", 0, 0.3, speaker="a"), Word("no", 0.3, 0.6, speaker="b"))
    assert len(cues_of(words)) == 2


def test_a_sentence_ends_its_cue() -> None:
    cues = cues_of(spoken("We lost it all. Then came the spring of that year."))
    assert cue_text(cues[0]).split()[-1] == "all."


def test_an_article_stays_with_its_noun_across_cues() -> None:
    for step in (0.2, 0.3, 0.45):
        text = "I wanted to tell you about the best day of a life that the old man had in the big city"
        for cue in cues_of(spoken(text, step=step)):
            assert cue_text(cue).split()[-1] not in ("the", "a", "an")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["so,", "no.", "a", "and", "everything", "yes!", "(but)", "7"]),
        min_size=1,
        max_size=40,
    )
)
def test_no_cue_has_more_lines_than_its_style_allows(texts: list[str]) -> None:
    for style in ("pop", "clean"):
        cues = cues_of(spoken(" ".join(texts)), style=style)
        assert all(len(cue.lines) <= STYLES[style].lines for cue in cues)


@pytest.mark.parametrize("style", STYLES)
def test_no_line_ends_with_an_article(style: str) -> None:
    text = "and so the manual was a slim book in the house of an old man on the street of a city near the sea"
    for cue in cues_of(spoken(text), style=style):
        for line in cue.lines:
            assert line[-1].text not in ("a", "an", "the")


def test_an_overlong_word_is_cut_into_pieces_that_fit() -> None:
    cues = cues_of((Word("W" * 60, 0.0, 3.0),))
    assert "".join(texts(cues)) == "W" * 60
    assert len(texts(cues)) > 3


def test_a_word_with_spaces_becomes_words_with_their_share_of_its_time() -> None:
    (cue,) = cues_of((Word("two words", 1.0, 2.0),))
    assert texts((cue,)) == ["two", "words"]
    assert 1.0 < cue.lines[0][-1].start < 2.0


def test_japanese_breaks_between_phrases_and_keeps_its_times() -> None:
    words = tuple(
        Word(c, 0.1 * i, 0.1 * i + 0.1) for i, c in enumerate("今日は天気がいいので公園に行きました。")
    )
    cues = cues_of(words, language="ja")
    shown_words = [word for cue in cues for line in cue.lines for word in line]
    assert [word.text for word in shown_words] == ["今日は", "天気が", "いいので", "公園に", "行きました。"]
    assert [round(word.start, 3) for word in shown_words] == [0.0, 0.3, 0.6, 1.0, 1.3]


def test_no_words_make_no_cues() -> None:
    assert cues_of(()) == ()
    assert cues_of((Word("\u200b", 0, 1),)) == ()
    assert cues_of((Word("late", 99, 100),), length=10) == ()


def test_keywords_are_marked_where_they_stand() -> None:
    cues = cues_of(spoken("we sold it for 90 dollars in the end"), style="keyword")
    marked = [cue.lines[line][place].text for cue in cues for line, place in cue.keywords]
    assert "90" in marked
