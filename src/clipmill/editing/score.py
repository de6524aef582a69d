"""Signals into one score for each stretch of sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from clipmill.editing.signals import SENTENCE_SIGNALS, Signals, Values
from clipmill.model import Sentence, Span

SHAPE_SIGNALS = (
    "opens on a question",
    "opens on an anaphor",
    "ends on a question",
    "ends before a pause",
    "starts a turn",
    "length",
    "sponsor read",
    "teaser",
    "quoted in the teaser",
)
SAID_SIGNALS = ("sponsor read", "teaser", "quoted in the teaser")
"""Those of them that are about what is said, not about where it is cut."""

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each signal counts.

    ``sentence`` weighs the signals of sentences (mean over a stretch, in deviations of this transcript),
    ``shape`` those of a whole candidate, ``position`` the share of the source that lies before it.
    ``name``, ``date`` and ``how`` say where the numbers are from.
    """

    name: str
    date: str
    how: str
    sentence: Mapping[str, float]
    shape: Mapping[str, float]
    position: float


def weights_from(data: Mapping[str, object]) -> Weights:
    """Weights from the object of a weights file. Raises ValueError on a key that is missing or unknown."""
    expected = {"name", "date", "how", "sentence", "shape", "position"}
    if set(data) != expected:
        raise ValueError(f"weights need the keys {sorted(expected)}, got {sorted(data)}")
    return Weights(
        str(data["name"]),
        str(data["date"]),
        str(data["how"]),
        _numbers(data["sentence"], SENTENCE_SIGNALS),
        _numbers(data["shape"], SHAPE_SIGNALS),
        _number(data["position"], "position"),
    )


def _numbers(table: object, names: Sequence[str]) -> Mapping[str, float]:
    if not isinstance(table, Mapping) or set(table) != set(names):
        raise ValueError(f"a table of weights needs exactly the keys {sorted(names)}")
    return MappingProxyType({name: _number(table[name], name) for name in names})


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"the weight {name!r} must be a number, got {value!r}")
    return float(value)


def sentence_scores(signals: Signals, weights: Weights) -> Values:
    """One number a sentence: its signals, weighed."""
    scores: Values = signals.scaled @ np.array([weights.sentence[name] for name in SENTENCE_SIGNALS])
    return scores


def mean_over(values: Values, firsts: Places, lasts: Places) -> Values:
    """Mean of ``values`` (sentences x anything) over sentences first to last, for many stretches.

    Sentences count alike, whatever their length: that costs stretches of hurried to and fro, rightly.
    """
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    amount = (lasts - firsts + 1).reshape(-1, *[1] * (values.ndim - 1))
    means: Values = (sums[lasts + 1] - sums[firsts]) / amount
    return means


def positions(sentences: Sequence[Sentence], firsts: Places) -> Values:
    """Share of the talk before each of these sentences, 0 to 1."""
    starts = np.array([sentence.span.start for sentence in sentences])
    length = sentences[-1].span.end - starts[0]
    shares: Values = (starts[firsts] - starts[0]) / max(length, 0.001)
    return shares


def stretches_of(spans: Sequence[Span], sentences: Sequence[Sentence]) -> tuple[Places, Places]:
    """First and last sentence of each span: those whose middle lies inside, else the nearest one."""
    middles = np.array([(sentence.span.start + sentence.span.end) / 2 for sentence in sentences])
    middles = np.maximum.accumulate(middles)
    firsts = np.searchsorted(middles, [span.start for span in spans])
    lasts = np.searchsorted(middles, [span.end for span in spans]) - 1
    nearest = _nearest(middles, np.array([(span.start + span.end) / 2 for span in spans]))
    empty = lasts < firsts
    return np.where(empty, nearest, firsts), np.where(empty, nearest, lasts)


def _nearest(middles: Values, times: Values) -> Places:
    after = np.clip(np.searchsorted(middles, times), 0, len(middles) - 1)
    before = np.maximum(after - 1, 0)
    nearer: Places = np.where(
        np.abs(middles[before] - times) <= np.abs(middles[after] - times), before, after
    )
    return nearer
