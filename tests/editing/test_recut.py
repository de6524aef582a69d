"""Moments cut anew by better times."""

from dataclasses import replace

import pytest

from clipmill.editing.choose import Choice, Wanted, choose, plain_moments
from clipmill.editing.recut import recut, speech_of
from clipmill.model import Moment, Transcript, Word
from word_kit import plain_talk, shipped_weights, spoken, transcript_of

WEIGHTS = shipped_weights()
TALK = transcript_of(spoken(plain_talk(6)))


def chosen(choice: Choice) -> list[Moment]:
    return [moment for name in choice.chosen for moment in choice.moments if moment.id == name]


def _later(transcript: Transcript, by: float) -> tuple[Word, ...]:
    return tuple(replace(word, start=word.start + by, end=word.end + by) for word in transcript.words)


def test_moments_are_cut_anew_by_better_times_and_stay_the_same_moments() -> None:
    wanted = Wanted(15.0, 40.0, 3, TALK.duration + 1)
    choice = choose(TALK, wanted=wanted, weights=WEIGHTS)
    again = recut(choice, TALK, _later(TALK, 0.25), wanted=wanted)
    assert again.chosen == choice.chosen
    for old, new in zip(choice.moments, again.moments, strict=True):
        assert replace(new, span=old.span) == old
        if old.first:
            assert new.span.start == pytest.approx(old.span.start + 0.25, abs=0.002)
            assert new.span.end == pytest.approx(old.span.end + 0.25, abs=0.002)
    assert recut(choice, TALK, TALK.words, wanted=wanted) == choice


def test_what_is_said_in_the_chosen_moments_is_known_in_their_order() -> None:
    wanted = Wanted(15.0, 40.0, 3, TALK.duration)
    choice = choose(TALK, wanted=wanted, weights=WEIGHTS)
    speech = speech_of(choice, TALK, wanted=wanted)
    assert len(speech) == 3
    for moment, span in zip(chosen(choice), speech, strict=True):
        assert moment.span.start <= span.start < span.end <= moment.span.end


def test_moments_without_words_are_not_cut_anew() -> None:
    wanted = Wanted(15.0, 40.0, 2, 120.0)
    choice = plain_moments([0.5] * 120, wanted=wanted)
    words = transcript_of(spoken(["Hello there."]), duration=120.0)
    assert recut(choice, words, words.words, wanted=wanted) == choice
    assert speech_of(choice, words, wanted=wanted) == ()
