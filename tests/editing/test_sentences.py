"""Words become sentences."""

import pytest

from clipmill.editing.sentences import sentence_ends, split_sentences
from clipmill.model import Word
from word_kit import spoken


def texts(*said: str, language: str = "en") -> list[str]:
    return [sentence.text for sentence in split_sentences(spoken(said, gap=0.0), language=language)]


def test_no_words_are_no_sentences() -> None:
    assert split_sentences([], language="en") == ()


def test_marks_end_sentences() -> None:
    assert texts("It works. Does it? Yes! Well…") == ["It works.", "Does it?", "Yes!", "Well…"]


def test_a_mark_before_a_closing_quote_ends_a_sentence() -> None:
    assert texts('He said "never." Then he left.') == ['He said "never."', "Then he left."]


@pytest.mark.parametrize(
    "said",
    [
        "I met Dr. Smith today.",
        "It costs 3. 5 million now.",
        "See e.g. this one here.",
        "John F. Kennedy spoke first.",
        "It was at 5 p.m. in the park.",
        "Wait... what was that thing.",
    ],
)
def test_shortenings_decimals_and_hesitations_do_not_end_sentences(said: str) -> None:
    assert texts(said) == [said]


def test_a_shortening_ends_a_sentence_before_a_capital() -> None:
    assert texts("We sell pens etc. They like it.") == ["We sell pens etc.", "They like it."]


def test_no_is_an_answer_unless_a_number_follows() -> None:
    assert texts("No. I never did.") == ["No.", "I never did."]
    assert texts("It was No. 5 again.") == ["It was No. 5 again."]


def test_a_letter_ends_a_sentence_where_a_pause_follows() -> None:
    words = spoken(["We need plan B.", "It is good."], gap=0.5)
    assert len(split_sentences(words, language="en")) == 2


def test_a_german_ordinal_goes_on_and_an_english_number_ends() -> None:
    assert texts("Am 3. Mai war das.", language="de") == ["Am 3. Mai war das."]
    assert texts("There are 3. May was fine.") == ["There are 3.", "May was fine."]


@pytest.mark.parametrize(
    ("language", "said", "count"),
    [
        ("hi", "यह अच्छा है। क्या यह सच है? हाँ।", 3),
        ("ar", "هذا جيد. هل هذا صحيح؟ نعم.", 3),
        ("am", "ይህ ጥሩ ነው። አዎ።", 2),
        ("ur", "یہ اچھا ہے۔ جی ہاں۔", 2),
    ],
)
def test_marks_of_other_writings_end_sentences(language: str, said: str, count: int) -> None:
    assert len(texts(said, language=language)) == count


def test_chinese_is_joined_without_spaces() -> None:
    assert texts("你 好 。 今 天 很 好 。", language="zh") == ["你好。", "今天很好。"]


def test_a_change_of_speaker_ends_a_sentence() -> None:
    words = [*spoken(["And you think"], speaker="A"), *spoken(["that it works."], start=1.0, speaker="B")]
    assert [(one.text, one.speaker) for one in split_sentences(words, language="en")] == [
        ("And you think", "A"),
        ("that it works.", "B"),
    ]


def test_without_punctuation_a_pause_ends_a_sentence() -> None:
    words = spoken(["this is one", "this is two"], gap=0.6)
    assert [one.text for one in split_sentences(words, language="en")] == ["this is one", "this is two"]


def test_with_punctuation_a_hesitation_does_not() -> None:
    words = spoken(["this is", "one sentence."], gap=0.6)
    assert len(split_sentences(words, language="en")) == 1


def test_a_long_silence_always_does() -> None:
    words = spoken(["This is lost", "And this came later."], gap=2.5)
    assert len(split_sentences(words, language="en")) == 2


def test_lower_case_text_with_marks_is_still_split() -> None:
    assert texts("it works. it really does. we saw it.") == ["it works.", "it really does.", "we saw it."]


def test_a_sentence_of_many_words_is_split_at_its_longest_pause() -> None:
    words = [*spoken(["word " * 18]), *spoken(["word " * 20], start=18 * 0.3 + 0.4)]
    sentences = split_sentences(words, language="en")
    assert [(one.first, one.last) for one in sentences] == [(0, 17), (18, 37)] or len(sentences) == 1
    words += spoken(["word " * 20], start=50.0)
    assert all(one.last - one.first < 40 for one in split_sentences(words, language="en"))


def test_a_sentence_longer_than_the_longest_is_split_at_its_best_pause() -> None:
    words = [*spoken(["one two three four five"]), *spoken(["six seven eight nine."], start=1.8)]
    parts = split_sentences(words, language="en", longest=2.0)
    assert [part.text for part in parts] == ["one two three four five", "six seven eight nine."]


def test_every_word_is_in_exactly_one_sentence() -> None:
    words = spoken(["One. Two three, four! " * 9, "five six seven " * 30], gap=1.0)
    places = [
        place for one in split_sentences(words, language="en") for place in range(one.first, one.last + 1)
    ]
    assert places == list(range(len(words)))


def test_spans_run_from_the_first_to_the_last_word() -> None:
    words = [Word("Hello", 1.0, 1.2), Word("there.", 1.3, 1.7)]
    (sentence,) = split_sentences(words, language="en")
    assert (sentence.span.start, sentence.span.end) == (1.0, 1.7)


def test_the_last_word_always_ends_a_sentence() -> None:
    assert sentence_ends(spoken(["no mark at all"])) == [3]


def test_without_punctuation_a_pause_after_a_word_that_goes_on_ends_nothing() -> None:
    words = spoken(["we went to the", "market and", "it was closed", "so we came back"], gap=0.7)
    texts = [sentence.text for sentence in split_sentences(words, language="en")]
    assert texts == ["we went to the market and it was closed", "so we came back"]
    long = spoken(["we went to the", "market yesterday"], gap=1.5)
    assert len(split_sentences(long, language="en")) == 2
