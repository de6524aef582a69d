"""YouTube's json3 as words."""

from typing import Any

import pytest

from clipmill.editing.json3 import is_json3, read_json3


def _auto(*events: dict[str, Any]) -> dict[str, Any]:
    return {"wireMagic": "pb3", "events": [{"tStartMs": 0, "dDurationMs": 9000, "id": 1}, *events]}


def _event(start: int, length: int, *segs: tuple[str, int]) -> dict[str, Any]:
    return {
        "tStartMs": start,
        "dDurationMs": length,
        "segs": [{"utf8": text, "tOffsetMs": offset} if offset else {"utf8": text} for text, offset in segs],
    }


AUTOMATIC = _auto(
    _event(160, 4000, ("so", 0), (" today", 320), (" we", 720)),
    {"tStartMs": 2470, "dDurationMs": 1690, "aAppend": 1, "segs": [{"utf8": "\n"}]},
    _event(2480, 3000, ("[Music]", 0)),
    _event(2480, 3000, ("talk", 0), (" about", 320)),
    {"tStartMs": 4000, "dDurationMs": 1000, "aAppend": 1, "segs": [{"utf8": "\n"}]},
    _event(5000, 2000, (">> yes", 0), (" [\xa0__\xa0]", 400)),
)


def test_automatic_captions_have_a_time_for_every_word() -> None:
    words, exact = read_json3(AUTOMATIC)
    assert exact
    assert [(word.text, word.start) for word in words] == [
        *(("so", 0.16), ("today", 0.48), ("we", 0.88), ("talk", 2.48), ("about", 2.8), ("yes", 5.0))
    ]


def test_a_word_ends_where_the_next_begins_or_when_it_must_be_over() -> None:
    words, _ = read_json3(AUTOMATIC)
    assert words[0].end == 0.48
    assert words[2].end == pytest.approx(0.88 + 0.25 + 2 * 0.05)
    assert all(word.start < word.end for word in words)


def test_uploaded_captions_are_lines() -> None:
    words, exact = read_json3(
        _auto(_event(1000, 2000, ("one two\nthree", 0)), _event(3000, 1000, ("♪ la ♪", 0)))
    )
    assert not exact
    assert [word.text for word in words] == ["one", "two", "three"]
    assert (words[0].start, words[-1].end) == (1.0, 3.0)


def test_one_styled_word_in_a_line_is_no_word_time() -> None:
    event = {"tStartMs": 0, "dDurationMs": 1000, "segs": [{"utf8": "a "}, {"utf8": "b", "pPenId": 2}]}
    words, exact = read_json3({"events": [event]})
    assert ([word.text for word in words], exact) == (["a", "b"], False)


@pytest.mark.parametrize(
    "event",
    [
        None,
        {"segs": "x"},
        {"segs": [{"utf8": "x"}]},
        {"tStartMs": "soon", "segs": [{"utf8": "x"}]},
        {"tStartMs": -5, "segs": [{"utf8": "x"}]},
        {"tStartMs": True, "segs": [{"utf8": "x"}]},
        {"tStartMs": float("nan"), "segs": [{"utf8": "x"}]},
        {"tStartMs": 10**30, "segs": [{"utf8": "x"}]},
        {"tStartMs": 5, "segs": [{"utf8": 7}, 3, {"other": ""}]},
    ],
)
def test_what_is_no_text_at_a_time_is_left_out(event: Any) -> None:
    assert read_json3({"events": [event]}) == ([], False)


def test_other_json_is_told_apart() -> None:
    assert is_json3({"events": []})
    assert not any(is_json3(other) for other in ([], {"segments": []}, {"events": "x"}, None))
