"""Sponsor reads are found."""

import pytest

from clipmill.editing.adverts import find_adverts
from clipmill.editing.sentences import split_sentences
from clipmill.editing.signals import measure
from word_kit import spoken, transcript_of

TALK = [
    "We planted a garden behind the old school last spring.",
    "Every child got a small square of soil.",
] * 12
READ = [
    "This episode is brought to you by Sprocket.",
    "Sprocket keeps every bolt of your company in one place.",
    "Teams of all sizes trust it with their most important bolts.",
    "Head over to sprocket.com/talk to get a month for nothing.",
]
CALL_ONLY = [*READ[1:3], "If you like bolts as much as we do, this is for you.", READ[3]]


def marked(said: list[str]) -> list[str]:
    words = spoken(said)
    sentences = split_sentences(words, language="en")
    marks = find_adverts(sentences, measure(transcript_of(words), sentences))
    return [sentence.text for sentence, mark in zip(sentences, marks, strict=True) if mark]


@pytest.mark.parametrize("read", [READ, CALL_ONLY])
def test_a_sponsor_read_is_marked_whole(read: list[str]) -> None:
    found = marked([*TALK, *read, *TALK])
    assert set(read) <= set(found)
    assert len(found) < len(read) + 13


def test_plain_talk_is_not_a_sponsor_read() -> None:
    assert marked([*TALK, "We looked at monday.com as a rival.", "My free time is mine."]) == []
