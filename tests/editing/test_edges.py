"""Cuts lie in the pauses around sentences."""

from clipmill.editing.edges import cut_span, room_of, span_of
from clipmill.editing.sentences import split_sentences
from clipmill.model import Candidate, Span
from word_kit import spoken


def span(gap: float, *, least: float = 0.0, most: float = 60.0, duration: float = 30.0) -> Span:
    """The cut around the second of three sentences of 1.2 s with ``gap`` s between them."""
    words = spoken(["This is number one."] * 3, start=1.0, gap=gap)
    sentences = split_sentences(words, language="en")
    return span_of(Candidate(1, 1, sentences[1].span), sentences, words, limits=(least, most, duration))


def test_a_wide_pause_gives_the_full_lead_and_tail() -> None:
    start = 1.0 + 1.2 + 1.9
    assert span(1.9) == Span(round(start - 0.30, 3), round(start + 1.2 + 0.45, 3))


def test_a_narrow_pause_is_halved() -> None:
    start = 1.0 + 1.2 + 0.2
    assert span(0.2) == Span(round(start - 0.1, 3), round(start + 1.2 + 0.1, 3))


def test_without_a_pause_the_cut_is_between_the_words() -> None:
    assert span(0.0) == Span(2.2, 3.4)


def test_air_is_given_up_before_the_span_gets_too_long() -> None:
    cut = span(1.9, most=1.3)
    assert cut.length <= 1.3 + 1e-9
    assert cut.start < 4.1 < 5.3 < cut.end


def test_a_short_span_is_widened_into_silence_but_not_into_words() -> None:
    assert span(1.9, least=3.0).length == 3.0
    widest = span(1.9, least=9.0)
    assert widest.start > 2.2
    assert widest.end < 7.2


def test_the_edges_of_the_source_are_respected() -> None:
    words = spoken(["Only this."], start=0.1)
    sentences = split_sentences(words, language="en")
    room = room_of(sentences[0], sentences[0], words, 0.8)
    assert cut_span(room, least=5.0, most=60.0).start >= 0.0
    assert cut_span(room, least=5.0, most=60.0).end <= 0.8


def test_a_source_shorter_than_least_is_cut_whole() -> None:
    assert span(0.4, least=40.0, duration=30.0) == Span(0.0, 30.0)
