"""Signals become one score."""

import numpy as np
import pytest

from clipmill.editing.score import mean_over, positions, stretches_of, weights_from
from clipmill.editing.sentences import split_sentences
from clipmill.editing.signals import SENTENCE_SIGNALS
from clipmill.model import Span
from word_kit import shipped_weights, spoken


def good() -> dict[str, object]:
    weights = shipped_weights()
    return {
        "name": "mine",
        "date": "2026-01-01",
        "how": "by hand",
        "sentence": dict(weights.sentence),
        "shape": dict(weights.shape),
        "position": -1,
    }


def test_shipped_weights_name_every_signal_and_say_how_they_were_made() -> None:
    weights = shipped_weights()
    assert set(weights.sentence) == set(SENTENCE_SIGNALS)
    assert weights.how
    assert weights.date


def test_weights_are_read() -> None:
    weights = weights_from(good())
    assert (weights.name, weights.position) == ("mine", -1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"sentence": {"you": 1.0}},
        {"shape": 3},
        {"position": "much"},
        {"position": True},
    ],
)
def test_wrong_weights_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="weight"):
        weights_from({**good(), **change})


def test_a_missing_key_is_refused() -> None:
    data = good()
    del data["how"]
    with pytest.raises(ValueError, match="how"):
        weights_from(data)


def test_means_over_stretches() -> None:
    values = np.array([1.0, 2.0, 6.0])
    firsts, lasts = np.array([0, 1]), np.array([1, 2])
    assert mean_over(values, firsts, lasts).tolist() == [1.5, 4.0]
    assert mean_over(np.stack([values, -values], axis=1), firsts, lasts).tolist() == [
        [1.5, -1.5],
        [4.0, -4.0],
    ]


def test_position_runs_from_zero_to_nearly_one() -> None:
    sentences = split_sentences(spoken(["One two. Three four. Five six."], gap=0.0), language="en")
    assert positions(sentences, np.array([0, 2])).tolist() == pytest.approx([0.0, 2 / 3])


def test_spans_hold_the_sentences_whose_middle_they_hold() -> None:
    sentences = split_sentences(spoken(["One two. Three four. Five six."], each=1.0, gap=0.0), language="en")
    firsts, lasts = stretches_of([Span(0.0, 3.1), Span(2.2, 2.4), Span(50.0, 60.0)], sentences)
    assert list(zip(firsts.tolist(), lasts.tolist(), strict=True)) == [(0, 1), (1, 1), (2, 2)]
