"""Words of captions at the times at which they were heard."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import pytest

from clipmill.editing.retime import Retimed, retime
from clipmill.editing.timed_text import spread
from clipmill.model import Span, Word
from word_kit import plain_talk, spoken

TRUE = spoken(plain_talk(3), each=0.3, gap=0.7)
LENGTH = TRUE[-1].end + 3.0


def _lines(*, lag: float = 0.0, many: int = 8) -> list[Word]:
    """The words as captions have them: lines of a few words, their times spread by letters."""
    words: list[Word] = []
    for first in range(0, len(TRUE), many):
        line = TRUE[first : first + many]
        text = " ".join(word.text for word in line)
        words += spread(text, max(0.0, line[0].start + lag), line[-1].end + lag)
    return words


def _heard(part: Span) -> list[Word]:
    return [word for word in TRUE if part.start <= word.start and word.end <= part.end]


def _off(words: Sequence[Word], part: Span) -> list[float]:
    pairs = zip(words, TRUE, strict=True)
    return [abs(word.start - true.start) for word, true in pairs if part.start <= true.start < part.end]


def _again(words: Sequence[Word], heard: Sequence[Word], *parts: Span) -> Retimed:
    found = retime(words, heard, parts, duration=LENGTH)
    assert [word.text for word in found.words] == [word.text for word in words]
    assert all(word.end - word.start > 0.015 for word in found.words)
    assert all(0 <= word.start < word.end <= LENGTH for word in found.words)
    ends = zip(found.words, found.words[1:], strict=False)
    assert all(before.end <= after.start for before, after in ends)
    return found


@pytest.mark.parametrize("lag", [-1.5, -0.5, 0.0, 0.5, 1.5, 3.0])
def test_heard_words_have_the_times_at_which_they_were_heard(lag: float) -> None:
    part = Span(60, 100)
    found = _again(_lines(lag=lag), _heard(part), part)
    assert found.good
    assert found.heard[0] > 0.9
    assert max(_off(found.words, Span(62, 98))) < 0.001


def test_all_other_words_are_moved_by_as_much_as_captions_are_late() -> None:
    part, far = Span(60, 90), Span(110, 170)
    before, after = _lines(lag=0.8), _again(_lines(lag=0.8), _heard(part), part).words
    assert median(_off(before, far)) > 0.6
    assert median(_off(after, far)) < 0.25


def test_captions_that_drift_are_put_right_between_two_parts() -> None:
    first, second = Span(10, 40), Span(130, 160)
    drifting = [replace(word, start=word.start * 1.01, end=word.end * 1.01) for word in _lines()]
    words = [word for word in drifting if word.end < LENGTH]
    assert len(words) == len(TRUE)
    after = _again(words, [*_heard(first), *_heard(second)], first, second).words
    assert median(_off(after, Span(80, 90))) < 0.25


def test_a_misheard_word_has_the_time_of_what_was_heard_instead() -> None:
    part = Span(60, 100)
    heard = [
        replace(word, text="cough") if place % 5 == 0 else word for place, word in enumerate(_heard(part))
    ]
    found = _again(_lines(lag=0.5), heard, part)
    assert found.good
    assert median(_off(found.words, Span(62, 98))) < 0.001
    assert max(_off(found.words, Span(62, 98))) < 0.5


def test_words_that_were_not_heard_stay_between_those_that_were() -> None:
    part = Span(60, 100)
    heard = [word for place, word in enumerate(_heard(part)) if place % 4]
    found = _again(_lines(lag=-0.7), heard, part)
    assert found.heard[0] == pytest.approx(0.75, abs=0.06)
    assert max(_off(found.words, Span(62, 98))) < 0.5


def test_another_language_moves_nothing() -> None:
    part, words = Span(60, 100), _lines(lag=0.5)
    heard = [replace(word, text="quatsch") for word in _heard(part)]
    found = _again(words, heard, part)
    assert not found.good
    assert found.words == tuple(words)


def test_nothing_heard_moves_nothing() -> None:
    words = _lines()
    assert retime(words, (), (Span(60, 100),), duration=LENGTH) == Retimed(tuple(words), (0.0,))
    assert retime((), (), (Span(60, 100),), duration=LENGTH) == Retimed((), (1.0,))


def test_one_part_that_was_not_heard_leaves_the_others_right() -> None:
    first, second = Span(20, 60), Span(120, 160)
    found = _again(_lines(lag=0.5), _heard(first), first, second)
    assert not found.good
    assert found.heard[1] == 0.0
    assert max(_off(found.words, Span(22, 58))) < 0.001


def test_a_long_part_is_compared_in_portions() -> None:
    part = Span(0, LENGTH)
    found = _again(_lines(lag=0.5), TRUE, part)
    assert found.heard[0] > 0.95
    assert max(_off(found.words, part)) < 0.001


def test_numbers_are_found_as_they_are_said() -> None:
    said = spoken(["it took twenty five years and two percent"], start=5.0)
    written = spread("It took 25 years and 2%", 4.0, 9.0)
    words = retime(written, said, (Span(3, 10),), duration=20.0).words
    assert [word.start for word in words] == pytest.approx([5.0, 5.3, 5.6, 6.2, 6.5, 6.8], abs=0.001)
    assert words[2].end == pytest.approx(6.2)


def test_writing_without_spaces_is_matched_by_its_letters() -> None:
    said = [
        Word(text, 5 + place * 0.4, 5.4 + place * 0.4) for place, text in enumerate(("今天", "天气", "很好"))
    ]
    written = spread("今天天气很好。", 4.0, 8.0)
    words = retime(written, said, (Span(3, 10),), duration=20.0).words
    assert [word.start for word in words] == pytest.approx([5.0, 5.2, 5.4, 5.6, 5.8, 6.0], abs=0.001)


def test_words_of_other_alphabets_are_matched() -> None:
    said = spoken(["сегодня мы говорим о привычках"], start=5.0)
    written = spread("Сегодня, мы говорим о привычках.", 4.5, 9.0)
    words = retime(written, said, (Span(3, 10),), duration=20.0).words
    assert [word.start for word in words] == pytest.approx([word.start for word in said], abs=0.001)
