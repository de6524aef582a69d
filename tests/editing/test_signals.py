"""What is measured about sentences."""

import numpy as np
import pytest

from clipmill.editing.lexicon import KINDS, LEXICONS
from clipmill.editing.sentences import split_sentences
from clipmill.editing.signals import CALM, SENTENCE_SIGNALS, Signals, count_phrases, measure, opens_on
from clipmill.model import Word
from word_kit import plain_talk, spoken, transcript_of


def signals_of(words: list[Word], language: str = "en") -> Signals:
    return measure(transcript_of(words, language=language), split_sentences(words, language=language))


def test_phrases_of_several_words_are_counted() -> None:
    counts = count_phrases(["you", "know", "you", "have", "to", "try", "this"], "en")
    assert (counts["you"], counts["filler"]) == (2, 1)
    assert counts["advice"] == 1


def test_unknown_languages_have_no_phrases() -> None:
    assert not count_phrases(["you"], "xx")


@pytest.mark.parametrize("language", sorted(LEXICONS))
def test_every_list_is_lower_case_short_enough_and_of_a_known_kind(language: str) -> None:
    assert set(LEXICONS[language]) <= set(KINDS)
    for phrases in LEXICONS[language].values():
        assert phrases
        assert all(phrase == phrase.casefold() and len(phrase.split()) <= 4 for phrase in phrases)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("And then it broke again here.", "anaphor"),
        ("Does that really work here?", "question"),
        ("We sold 3000 of them there.", "digits"),
        ("We sold millions of them there.", "number"),
        ("You should never do that here.", "advice"),
        ("I was so afraid of death.", "emotion"),
        ("Then went to Paris with Maria.", "names"),
        ("This episode is brought to you by them.", "sponsor"),
    ],
)
def test_a_sentence_shows_its_signal(said: str, name: str) -> None:
    column = signals_of(spoken(["Water flows under old bridges quietly.", said])).column(name)
    assert column[1] > column[0] == 0.0


def test_an_opening_is_one_word_or_two() -> None:
    assert opens_on(["and", "then"], "anaphor", "en")
    assert opens_on(["you", "know", "what"], "anaphor", "en")
    assert not opens_on(["money", "and"], "anaphor", "en")
    assert not opens_on([], "anaphor", "en")


def test_scaled_signals_are_centred_and_bounded() -> None:
    scaled = signals_of(spoken(plain_talk(4))).scaled
    assert np.abs(scaled).max() <= CALM
    assert np.abs(scaled.mean(axis=0)).max() < 0.2


def test_a_signal_that_never_varies_counts_nothing() -> None:
    scaled = signals_of(spoken(["Same thing here."] * 5)).scaled
    assert not scaled.any()


def test_the_one_who_speaks_most_is_the_guest_and_turns_are_counted() -> None:
    words = [
        *spoken(["What is it?"], speaker="host"),
        *spoken(["It is a long story.", "We began in a small shed."], start=2.0, speaker="guest"),
    ]
    signals = signals_of(words)
    assert signals.column("guest").tolist() == [0.0, 1.0, 1.0]
    assert signals.column("turn").tolist() == pytest.approx(np.log([3, 11, 11]).tolist())


def test_without_speakers_turns_are_guessed_from_questions_and_interjections() -> None:
    words = spoken(
        ["What is it then?", "A long story of a shed.", "It had a red roof.", "Yeah.", "And a lamp in it."]
    )
    signals = signals_of(words)
    assert not signals.column("guest").any()
    assert signals.column("turn").tolist() == pytest.approx(np.log([4, 11, 11, 1, 5]).tolist())


def test_every_signal_has_a_column() -> None:
    assert signals_of(spoken(["One thing.", "Two things."])).values.shape == (2, len(SENTENCE_SIGNALS))
