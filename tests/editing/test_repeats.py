"""A teaser at the start, and what it quotes."""

from clipmill.editing.repeats import find_loops, find_teaser
from clipmill.editing.sentences import split_sentences
from word_kit import plain_talk, spoken

QUOTE = "The bravest thing we ever did was to throw the whole plan away."


def test_a_teaser_and_its_origin_are_found() -> None:
    said = [QUOTE, *plain_talk(8), QUOTE, "And that was all of it."]
    sentences = split_sentences(spoken(said), language="en")
    teaser, quoted = find_teaser(sentences)
    assert [place for place, mark in enumerate(teaser) if mark] == [0]
    assert [sentences[place].text for place, mark in enumerate(quoted) if mark] == [QUOTE]


def test_a_talk_that_never_repeats_itself_has_none() -> None:
    teaser, quoted = find_teaser(split_sentences(spoken(plain_talk(8)), language="en"))
    assert not teaser.any()
    assert not quoted.any()


def test_nothing_said_has_none() -> None:
    teaser, quoted = find_teaser(())
    assert (len(teaser), len(quoted)) == (0, 0)


def test_a_sentence_said_three_times_in_a_row_is_a_loop_and_one_said_twice_is_not() -> None:
    said = ["No.", "No.", "We went home.", *["Thank you for watching."] * 3, "Then it rained."]
    sentences = split_sentences(spoken(said), language="en")
    assert find_loops(sentences).tolist() == [False, False, False, True, True, True, False]
