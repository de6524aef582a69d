"""Titles are short, honest and stand on their own."""

import pytest

from clipmill.editing.titles import title_of


def title(*texts: str, language: str = "en", taken: frozenset[str] = frozenset()) -> str:
    return title_of(texts, [0.0] * len(texts), language=language, taken=taken)


def test_a_short_sentence_is_its_own_title() -> None:
    assert (
        title("Nobody tells you the first ninety days decide.")
        == "Nobody tells you the first ninety days decide"
    )


def test_openers_and_hesitations_are_left_out() -> None:
    assert (
        title("And so, um, you know, most founders hire much too early.")
        == "Most founders hire much too early"
    )


def test_words_said_twice_and_remarks_in_brackets_are_said_once() -> None:
    assert title("The the market [laughs] always wins in the end.") == "The market always wins in the end"


def test_german_keeps_its_um() -> None:
    assert (
        title("Ich brauchte 3 Jahre, um es zu sehen.", language="de")
        == "Ich brauchte 3 Jahre, um es zu sehen"
    )


def test_a_question_keeps_its_mark() -> None:
    assert title("But how do you price a thing like that?").endswith("?")


def test_a_long_sentence_gives_its_best_clause() -> None:
    long = "We lost two million dollars because I never asked our best customers one simple question."
    assert title(long) == "We lost two million dollars"


def test_a_cut_title_says_so_and_has_no_loose_end() -> None:
    endless = "Growing vegetables behind the school with forty children and a very small budget " * 2
    cut = title(endless)
    assert cut.endswith("…")
    assert len(cut) <= 60
    assert not cut.removesuffix("…").endswith((" the", " a", " and", " of", " with", " very"))


def test_a_whole_sentence_beats_a_fragment_on_an_anaphor() -> None:
    assert title("It was that one over there.", "Good prices tell a story.") == "Good prices tell a story"


def test_the_better_sentence_wins() -> None:
    texts = ["Small gardens feed many people.", "Large rivers move many stones."]
    assert title_of(texts, [0.0, 2.0], language="en") == "Large rivers move many stones"


def test_a_title_is_used_once() -> None:
    texts = ("Small gardens feed many people.", "Large rivers move stones.")
    first = title(*texts)
    assert title(*texts, taken=frozenset({first})) not in {first, ""}


def test_quotation_marks_are_not_needed() -> None:
    assert '"' not in title('He said "we will never sell this farm" to us.')


@pytest.mark.parametrize("language", ["zh", "ja", "th"])
def test_wide_writing_has_shorter_titles(language: str) -> None:
    assert len(title("学习最重要的是坚持和好奇心，" * 6, language=language)) <= 28


def test_something_is_always_said() -> None:
    assert title("Um.") != ""
    assert title("And.") != ""
