from typing import Any

import pytest

from clipmill.editing.heard import Heard, NotHeard, read_answer
from clipmill.editing.languages import language_code


def said(text: str, *, seconds: float = 10.0, **more: Any) -> dict[str, Any]:
    entries = [
        {"word": f" {part}", "start": place * 0.5, "end": place * 0.5 + 0.4}
        for place, part in enumerate(text.split())
    ]
    return {"text": text, "words": entries, "duration": seconds, "language": "english", **more}


def texts(heard: Heard) -> list[str]:
    return [word.text for word in heard.words]


def test_words_come_without_their_leading_blanks() -> None:
    heard = read_answer(said("And so, my fellow Americans"), seconds=10)
    assert texts(heard) == ["And", "so,", "my", "fellow", "Americans"]
    assert (heard.exact, heard.language) == (True, "en")
    assert heard.words[1].start == 0.5


def test_words_without_punctuation_get_that_of_the_text() -> None:
    answer = said("Well it costs 25 dollars doesnt it") | {"text": " Well, it costs 25 dollars - doesn't it?"}
    assert texts(read_answer(answer, seconds=10)) == [
        *("Well,", "it", "costs", "25", "dollars", "doesn't", "it?")
    ]


def test_words_that_the_text_writes_otherwise_stay_as_they_are() -> None:
    answer = said("we met at half past ten") | {"text": "We met at 10:30."}
    assert texts(read_answer(answer, seconds=10)) == ["We", "met", "at", "half", "past", "ten"]


def test_segments_alone_give_words_with_estimated_times() -> None:
    segments = [
        {"start": 1.0, "end": 3.0, "text": " Hello there."},
        {"start": 4.0, "end": 5.0, "text": "Yes."},
    ]
    heard = read_answer({"text": "Hello there. Yes.", "segments": segments}, seconds=10)
    assert texts(heard) == ["Hello", "there.", "Yes."]
    assert heard.words[0].start == 1.0
    assert heard.words[2].start == 4.0
    assert not heard.exact


def test_words_inside_segments_are_found() -> None:
    words = [{"word": "Hello", "start": 1.0, "end": 1.4, "probability": 0.5}]
    heard = read_answer({"text": "Hello", "segments": [{"text": "Hello", "words": words}]}, seconds=10)
    assert heard.exact
    assert heard.words[0].probability == 0.5


@pytest.mark.parametrize(
    "answer",
    [
        {"text": ""},
        {"text": " ", "words": [], "segments": []},
        {"text": "", "words": None, "segments": None, "language": None},
        {"segments": []},
    ],
)
def test_an_empty_answer_is_nothing_heard(answer: Any) -> None:
    assert read_answer(answer, seconds=10) == Heard((), True, "")


@pytest.mark.parametrize("answer", [None, [], "text", 3, {}, {"error": {"message": "no"}}])
def test_an_answer_of_another_shape_is_none(answer: Any) -> None:
    with pytest.raises(ValueError, match="neither"):
        read_answer(answer, seconds=10)


def test_a_text_without_times_is_not_taken() -> None:
    with pytest.raises(NotHeard):
        read_answer({"text": "Hello there."}, seconds=10)


def test_entries_that_cannot_be_words_are_left_out() -> None:
    entries = [
        {"word": "good", "start": 1, "end": 2},
        {"word": "", "start": 1, "end": 2},
        {"word": "nowhere", "start": None, "end": 2},
        {"word": "never", "start": float("nan"), "end": 2},
        {"word": "huge", "start": 10**400, "end": 2},
        {"word": "late", "start": 11, "end": 12},
        {"word": "endless", "start": 3, "end": None},
        {"word": ["list"], "start": 3, "end": 4},
        "word",
    ]
    assert texts(read_answer({"text": "good endless", "words": entries}, seconds=10)) == ["good", "endless"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("english", "en"),
        ("English", "en"),
        ("en", "en"),
        ("en-US", "en"),
        ("zh_TW", "zh"),
        ("haitian creole", "ht"),
        ("haw", "haw"),
        ("castilian", "es"),
        ("unknown", ""),
        ("", ""),
        ("x" * 1000, ""),
    ],
)
def test_a_language_is_known_by_its_name_or_code(name: str, code: str) -> None:
    assert language_code(name) == code


def test_the_words_of_a_model_that_loops_are_read_in_a_moment() -> None:
    answer = said("you " * 20_000) | {"text": "you " * 15_000 + "and you, " * 5_000}
    assert len(read_answer(answer, seconds=1e6).words) == 20_000


def test_after_words_that_the_text_has_not_the_rest_is_marked_again() -> None:
    answer = said("um so we um met there and left") | {"text": "So we met, there. And left!"}
    assert texts(read_answer(answer, seconds=10)) == [
        *("um", "So", "we", "um", "met,", "there.", "And", "left!")
    ]
