"""The whole way from words to a ranked list."""

import random
from dataclasses import replace

import numpy as np
import pytest

from clipmill.editing.choose import Choice, Wanted, choose, plain_moments, score_spans
from clipmill.model import Moment, Span, Transcript, Word
from word_kit import plain_talk, shipped_weights, spoken, transcript_of

WEIGHTS = shipped_weights()
GOLD = [
    "Why do the best people leave a company?",
    "You should never blame the money, because people leave leaders who do not trust them.",
    "If you want people to stay, you have to give them a problem that is worth their life.",
    "Most companies do the opposite, and then they wonder why the great people go.",
    "You can build a culture of trust in one year, and you can destroy it in one day.",
]
DULL = ["Yeah.", "Um, right, okay.", "I guess I kind of did my, um, stuff there.", "Okay, yeah."]


def choice_of(
    transcript: Transcript, *, least: float = 15.0, most: float = 60.0, count: int | None = None
) -> Choice:
    return choose(transcript, wanted=Wanted(least, most, count, transcript.duration), weights=WEIGHTS)


def chosen(choice: Choice) -> list[Moment]:
    return [moment for name in choice.chosen for moment in choice.moments if moment.id == name]


def talk(*parts: list[str], gap: float = 0.4) -> Transcript:
    return transcript_of(spoken([text for part in parts for text in part], gap=gap))


def test_the_strong_part_comes_first() -> None:
    choice = choice_of(talk(plain_talk(3), DULL * 2, GOLD, DULL * 2, plain_talk(3, first=500)))
    assert "blame the money" in choice.moments[0].text


def test_nothing_said_gives_nothing() -> None:
    assert choice_of(transcript_of([], duration=60.0)) == Choice((), ())


def test_a_source_shorter_than_least_is_one_moment() -> None:
    choice = choice_of(transcript_of(spoken(["Hello there. I am short."]), duration=9.0))
    assert [(moment.span, moment.score) for moment in choice.moments] == [(Span(0.0, 9.0), 100.0)]


@pytest.mark.parametrize(("minutes", "count"), [(5, 4), (30, 6), (57, 12)])
def test_there_are_twelve_an_hour_and_at_least_four(minutes: float, count: int) -> None:
    transcript = talk(plain_talk(minutes))
    assert Wanted(15.0, 60.0, None, transcript.duration).clips == count
    assert len(choice_of(transcript).chosen) == count


def test_never_more_than_twenty_by_default() -> None:
    assert Wanted(15.0, 60.0, None, 5 * 3600.0).clips == 20


def test_as_many_as_asked_and_near_misses_after_them() -> None:
    choice = choice_of(talk(plain_talk(20)), count=3)
    assert len(choice.chosen) == 3
    assert choice.chosen == tuple(moment.id for moment in choice.moments[:3])
    assert 3 < len(choice.moments) <= 9


def test_a_short_source_gives_several_short_clips_when_several_are_wanted() -> None:
    choice = choice_of(talk(plain_talk(1.5)), least=10.0, most=60.0)
    assert len(choice.chosen) == 4


def test_the_same_words_said_again_are_not_chosen_twice() -> None:
    choice = choice_of(talk(GOLD, plain_talk(6), GOLD), count=8)
    assert sum("blame the money" in moment.text for moment in choice.moments) == 1


def test_a_sponsor_read_is_never_chosen_while_there_is_talk() -> None:
    read = [
        "This episode is brought to you by Sprocket, and you will love it.",
        "You should never build a great company without the best people and the best bolts.",
        "Imagine what your life could be if you had every bolt in one place.",
        "Head over to sprocket.com/talk and get a month for free.",
    ]
    choice = choice_of(talk(plain_talk(6), read, plain_talk(6)))
    assert not any("bolts" in moment.text for moment in choice.moments)


def test_the_same_words_over_and_over_are_no_moment() -> None:
    choice = choice_of(talk(["Thank you for watching."] * 60, plain_talk(4)))
    assert choice.moments
    assert not any(moment.text.count("Thank you for watching") > 4 for moment in choice.moments)


def test_what_a_teaser_quotes_is_chosen_and_the_teaser_is_not() -> None:
    quotes = [
        "The bravest thing we ever did was to throw the whole plan away on a Monday.",
        "Nobody slept in that week at all, and nobody went home.",
    ]
    choice = choice_of(talk(quotes, plain_talk(9), quotes, ["It had rained all month in the valley."]))
    assert choice.moments[0].reasons[0] == "quoted in the video's own teaser"
    assert all(moment.span.start > 1.0 for moment in choice.moments)


def test_the_same_transcript_always_gives_the_same_choice() -> None:
    transcript = talk(plain_talk(4), GOLD, plain_talk(2))
    assert choice_of(transcript) == choice_of(transcript)


@pytest.mark.parametrize("seed", range(6))
def test_every_moment_keeps_its_promises(seed: int) -> None:
    dice = random.Random(seed)
    parts = [*plain_talk(6), *GOLD * 2, *DULL * 3]
    dice.shuffle(parts)
    words: list[Word] = []
    time = 0.0
    for text in parts:
        words += spoken([text], start=time, each=dice.uniform(0.22, 0.4))
        time = words[-1].end + dice.choice([0.0, 0.1, 0.3, 0.8, 3.0])
    transcript = transcript_of(words)
    choice = choice_of(transcript, least=10.0, most=40.0)
    moments = choice.moments
    assert moments
    assert len({moment.id for moment in moments}) == len(moments)
    for place, moment in enumerate(moments):
        assert 10.0 - 0.01 <= moment.span.length <= 40.0 + 0.001
        assert 0.0 <= moment.span.start < moment.span.end <= transcript.duration
        assert 0.0 <= moment.score <= 100.0
        assert 1 <= len(moment.title) <= 60
        assert 2 <= len(moment.reasons) <= 4
        inside = [word for word in words if word.end > moment.span.start and word.start < moment.span.end]
        assert all(moment.span.start <= word.start and word.end <= moment.span.end + 0.001 for word in inside)
        assert inside[-1].text[-1] in ".?!"
        assert inside[0] is words[0] or words[words.index(inside[0]) - 1].text[-1] in ".?!"
        for other in moments[:place]:
            assert moment.span.overlap(other.span) <= 0.3 * min(moment.span.length, other.span.length)
    scores = [moment.raw for moment in chosen(choice)]
    assert scores == sorted(scores, reverse=True)


def test_titles_differ() -> None:
    titles = [moment.title for moment in choice_of(talk(plain_talk(20))).moments]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(("least", "most", "count"), [(0.0, 5.0, None), (10.0, 5.0, None), (5.0, 10.0, 0)])
def test_wishes_that_cannot_be_are_refused(least: float, most: float, count: int | None) -> None:
    with pytest.raises(ValueError, match="clip"):
        Wanted(least, most, count, 60.0)


def test_spans_are_scored_in_their_order_by_what_is_said_in_them() -> None:
    dull = spoken(DULL * 6)
    gold = spoken(GOLD, start=dull[-1].end + 1.0)
    rest = spoken(plain_talk(2), start=gold[-1].end + 1.0)
    transcript = transcript_of([*dull, *gold, *rest])
    spans = [Span(dull[0].start, dull[-1].end), Span(gold[0].start, gold[-1].end), Span(0.1, 0.2)]
    bad, good, _ = score_spans(transcript, spans, weights=WEIGHTS, use_position=False)
    assert good > bad
    assert len(score_spans(transcript, [], weights=WEIGHTS)) == 0
    assert score_spans(transcript_of([], duration=9.0), spans[:1], weights=WEIGHTS) == (0.0,)


def test_a_sponsor_read_scores_low() -> None:
    read = [
        "This episode is brought to you by Sprocket.",
        "You should never build a life without bolts, people.",
    ]
    words = spoken([*plain_talk(2), *GOLD, *plain_talk(2, first=300), *read])
    gold = next(word for word in words if word.text == "Why")
    advert = next(word for word in words if word.text == "This")
    spans = [Span(gold.start, gold.start + 20.0), Span(advert.start, words[-1].end)]
    good, bad = score_spans(transcript_of(words), spans, weights=WEIGHTS, use_position=False)
    assert bad < good - 1.0


def test_position_prefers_what_comes_early_and_can_be_left_out() -> None:
    transcript = talk(plain_talk(6))
    spans = [Span(0.0, 30.0), Span(transcript.duration - 30.0, transcript.duration)]
    first, last = score_spans(transcript, spans, weights=WEIGHTS)
    one, other = score_spans(transcript, spans, weights=WEIGHTS, use_position=False)
    assert np.isclose(first, one)
    assert last < other - 0.1


def test_without_speech_the_liveliest_stretches_are_chosen() -> None:
    activity = [0.1] * 60 + [0.9] * 20 + [0.1] * 100
    choice = plain_moments(activity, wanted=Wanted(10.0, 20.0, 2, 180.0))
    assert choice.moments[0].span == Span(60.0, 80.0)
    assert len(choice.chosen) == 2
    for place, moment in enumerate(choice.moments):
        assert all(moment.span.overlap(other.span) == 0.0 for other in choice.moments[:place])


def test_a_short_source_without_speech_is_one_moment() -> None:
    choice = plain_moments([0.5] * 4, wanted=Wanted(10.0, 20.0, None, 4.2))
    assert [moment.span for moment in choice.moments] == [Span(0.0, 4.2)]


def test_a_source_without_measured_activity_still_gives_moments() -> None:
    choice = plain_moments([], wanted=Wanted(2.0, 5.0, 2, 12.0))
    assert len(choice.chosen) == 2


def test_moments_whose_words_are_to_be_heard_leave_room_to_be_longer() -> None:
    sure = talk(plain_talk(5), gap=0.9)
    unsure = replace(sure, warnings=("word-times-estimated",))
    for transcript, least, sentences in (
        (sure, 13.0, 4),
        (unsure, 13.0, 3),
        (unsure, 17.0, 4),
    ):  # 4 are 18.3 s
        moments = choice_of(transcript, least=least, most=18.6, count=3).moments
        assert max(moment.text.count("Item") for moment in moments) == sentences
