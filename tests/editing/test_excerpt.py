"""A clip takes whole frames and the words that are mostly inside it."""

from fractions import Fraction

import pytest

from clipmill.editing.excerpt import excerpt, whole_frames
from clipmill.model import Canvas, Span, Word

WORDS = (Word("One", 1.0, 1.4), Word("two", 1.5, 2.0), Word("three.", 2.1, 3.0))


def test_words_count_from_the_start_of_the_clip() -> None:
    words = excerpt(WORDS, Span(1.5, 4), changed={})
    assert [(w.text, w.start) for w in words] == [("two", 0.0), ("three.", pytest.approx(0.6))]


def test_a_word_that_is_mostly_outside_is_left_out() -> None:
    assert [w.text for w in excerpt(WORDS, Span(1.3, 2.4), changed={})] == ["two"]


def test_a_changed_word_is_shown_as_changed_and_an_empty_one_not_at_all() -> None:
    words = excerpt(WORDS, Span(0.5, 4), changed={0: "Uno", 1: ""})
    assert [w.text for w in words] == ["Uno", "three."]


def test_a_word_that_reaches_over_the_edge_is_cut_at_it() -> None:
    (word,) = excerpt(WORDS[2:], Span(2.0, 2.8), changed={})
    assert word.end == pytest.approx(0.8)


def test_a_cut_holds_whole_frames() -> None:
    cut = whole_frames(10.0, 20.01, Canvas(1080, 1920, Fraction(30000, 1001)))
    assert cut.frames == 300
    assert cut.span.length == pytest.approx(300 * 1001 / 30000)
