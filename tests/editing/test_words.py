"""Words put in order."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from clipmill.editing.words import clean_text, settle, whole_words, without_loops
from clipmill.model import Word

seconds = st.floats(-5, 70, allow_nan=False)
any_words = st.lists(st.builds(Word, st.text(max_size=12), seconds, seconds), max_size=30)


@given(any_words)
def test_settled_words_run_forward_inside_the_source_without_overlap(words: list[Word]) -> None:
    settled = settle(words, duration=60.0)
    assert all(0 <= word.start < word.end <= 60.0 and word.end - word.start <= 2.001 for word in settled)
    assert all(before.end <= after.start for before, after in pairwise(settled))
    assert all(word.text and word.text == clean_text(word.text) for word in settled)


@given(st.lists(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=8))
def test_words_that_begin_together_are_all_kept(texts: list[str]) -> None:
    words = [Word(text, 5.0, 5.0) for text in texts]
    assert [word.text for word in settle(words, duration=60.0)] == texts


def test_words_that_begin_together_share_their_room_by_letters() -> None:
    settled = settle([Word("a", 1.0, 1.0), Word("bcd", 1.0, 1.8)], duration=9.0)
    assert [(word.start, word.end) for word in settled] == [(1.0, 1.2), (1.2, 1.8)]


def test_good_words_stay_as_they_are() -> None:
    words = (Word("Hello", 0.5, 0.9, 0.8, "A"), Word("there.", 0.95, 1.4))
    assert settle(words, duration=2.0) == words


def test_an_endless_word_is_cut_and_one_over_the_next_gives_way() -> None:
    settled = settle([Word("so", 1.0, 9.0), Word("we", 12.0, 13.0), Word("go", 12.5, 13.2)], duration=20.0)
    assert [(word.start, word.end) for word in settled] == [(1.0, 3.0), (12.0, 12.5), (12.5, 13.2)]


def test_controls_and_bidi_marks_go_and_joiners_of_emoji_stay() -> None:
    assert clean_text(" a\x00b\x1b[31m \u202egnp\u202c\r\n c ") == "ab[31m gnp c"
    family = "\U0001f469\u200d\U0001f467"
    assert clean_text(family) == family
    assert clean_text("\u200b\u200d\ufeff") == ""
    assert len(clean_text("W" * 5000)) == 200


def _said(text: str) -> list[Word]:
    return [Word(word, place / 2, place / 2 + 0.4) for place, word in enumerate(text.split())]


def test_a_phrase_said_over_and_over_is_kept_once() -> None:
    words = without_loops(_said("so " + "thank you very much " * 9 + "bye"))
    assert " ".join(word.text for word in words) == "so thank you very much bye"


def test_what_people_do_repeat_is_kept() -> None:
    text = "no no no no it was very very very good again and again and again"
    assert " ".join(word.text for word in without_loops(_said(text))) == text


def test_pieces_without_a_blank_before_them_go_on_with_the_word() -> None:
    pieces = [Word(" costs", 0, 1), Word(" $9", 1, 2, 0.9), Word(",000", 2, 3, 0.4), Word(" twenty", 3, 4)]
    found = whole_words([*pieces, Word("-first", 4, 5), Word(" and", 5, 6)])
    assert [word.text for word in found] == [" costs", " $9,000", " twenty-first", " and"]
    assert (found[1].start, found[1].end, found[1].probability) == (1, 3, 0.4)


def test_writing_without_blanks_keeps_its_words() -> None:
    pieces = [Word("今天", 0, 1), Word("天气", 1, 2), Word("很好", 2, 3)]
    assert whole_words(pieces) == pieces
