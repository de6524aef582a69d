"""Whether captions can stand for what was said."""

from collections.abc import Sequence

import pytest

from clipmill.editing.caption_check import check_captions
from clipmill.model import Word
from word_kit import plain_talk, spoken

TALK = spoken(plain_talk(10))
LENGTH = TALK[-1].end + 5


def _why(words: Sequence[Word], duration: float = LENGTH) -> str:
    verdict = check_captions(words, duration=duration)
    assert verdict.ok == (not verdict.why)
    return verdict.why


def test_captions_of_a_whole_talk_are_good() -> None:
    assert _why(TALK) == ""


def test_an_opening_and_an_end_without_words_do_not_matter() -> None:
    shifted = [Word(word.text, word.start + 60, word.end + 60) for word in TALK]
    assert _why(shifted, LENGTH + 160) == ""


@pytest.mark.parametrize(
    ("words", "duration", "says"),
    [
        ([], 60.0, "no words"),
        (spoken(["five words in an hour"]), 3600.0, "cover"),
        (TALK, TALK[-1].end - 30, "another cut"),
        ([word for word in TALK if not 200 < word.start < 460], LENGTH, "a hole of"),
        ([word for word in TALK if word.start < 300], LENGTH, "cover"),
        (spoken(plain_talk(10), each=0.1), 260.0, "words a second"),
        (spoken(plain_talk(2), each=1.2, gap=3), 600.0, "words a second"),
        (spoken(["please subscribe to my channel"] * 300), 600.0, "over and over"),
        ([*TALK[::40], *TALK[::40], *TALK], LENGTH, ""),
        (sorted(TALK, key=lambda word: word.start % 7), LENGTH, "backwards"),
    ],
)
def test_captions_that_cannot_be_it_are_refused_in_words(
    words: Sequence[Word], duration: float, says: str
) -> None:
    why = _why(words, duration)
    assert says in why
    assert bool(why) == bool(says)


def test_writing_without_spaces_is_judged_by_its_letters() -> None:
    signs = [Word(chr(0x4E00 + place * 7 % 3000), place * 0.2, place * 0.2 + 0.2) for place in range(2000)]
    assert _why(signs, 402.0) == ""
    dense = [Word(word.text, word.start / 5, word.end / 5) for word in signs]
    assert "letters a second" in _why(dense, 82.0)
