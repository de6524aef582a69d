"""Reasons are true."""

import pytest

from clipmill.editing.reasons import reasons_for
from clipmill.editing.sentences import split_sentences
from clipmill.editing.shape import survey
from clipmill.model import Candidate, Span, Word
from word_kit import plain_talk, spoken, transcript_of


def reasons(words: list[Word], first: int, last: int, language: str = "en") -> tuple[str, ...]:
    sentences = split_sentences(words, language=language)
    span = Span(sentences[first].span.start, sentences[last].span.end)
    return reasons_for(
        survey(transcript_of(words, language=language), sentences), Candidate(first, last, span)
    )


FILL = plain_talk(2)
MARKED = {
    "opens with a question": ["Why do good people leave?", "They find no meaning in work."],
    "speaks to the viewer": ["You know your own customers, and your friends do not."],
    "has numbers": ["We sold 3000 tables and 400 chairs."],
    "gives advice": ["You should never wait, and you have to make sure of it."],
    "tells what happened": ["I remember one day when he said goodbye."],
    "uses strong words": ["I was afraid of death, and that fear was huge."],
}


@pytest.mark.parametrize("reason", MARKED)
def test_a_reason_is_given_where_it_is_true_and_only_there(reason: str) -> None:
    said = MARKED[reason]
    there = reasons(spoken([*FILL, *said]), len(FILL), len(FILL) + len(said) - 1)
    elsewhere = reasons(spoken([*FILL, *said]), 2, 4)
    assert reason in there
    assert reason == "has numbers" or reason not in elsewhere


def test_a_question_before_is_named() -> None:
    words = spoken([*FILL, "Why do people leave?", "They find no meaning in dull work."])
    assert "follows right after a question" in reasons(words, len(FILL) + 1, len(FILL) + 1)


def test_fillers_are_noticed() -> None:
    words = spoken([*FILL, "Um you know it is kind of like basically a thing."])
    found = reasons(words, len(FILL), len(FILL))
    assert "no filler words" not in found
    assert "few filler words" not in found


def test_the_teaser_s_choice_comes_first() -> None:
    quote = "The bravest thing we ever did was to throw the whole plan away."
    words = spoken([quote, *plain_talk(8), quote])
    last = len(split_sentences(words, language="en")) - 1
    assert reasons(words, last, last)[0] == "quoted in the video's own teaser"


@pytest.mark.parametrize("language", ["en", "fi", "zh"])
@pytest.mark.parametrize("said", ["no mark here", "One.", "Hello there. I am short."])
def test_there_are_always_two_to_four(language: str, said: str) -> None:
    words = spoken([said])
    count = len(split_sentences(words, language=language))
    found = reasons(words, 0, count - 1, language)
    assert 2 <= len(found) <= 4
    assert len(set(found)) == len(found)
