"""What sentences are about: content terms, how rare and how central they are, and how alike two texts are."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clipmill.editing.lexicon import STOP_WORDS

NEIGHBOURS = 15
"""Sentences on each side that make the surroundings of one: about 90 s of talk."""
TERM = re.compile(r"[^\W\d_][^\s.,;:!?…।؟،(){}\[\]\"“”«»—]*")
UNSPACED_RUN = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+")

Values = NDArray[np.float64]


def terms_of(text: str) -> list[str]:
    """The content terms of a text in order; pairs of characters in writing without spaces."""
    lowered = text.casefold()
    pairs = [run[at : at + 2] for run in UNSPACED_RUN.findall(lowered) for at in range(max(1, len(run) - 1))]
    plain = UNSPACED_RUN.sub(" ", lowered).replace("’", "'")
    return pairs + [term for term in TERM.findall(plain) if len(term) > 1 and term not in STOP_WORDS]


class Topics:
    """Sentences as unit vectors of weighted terms (TF-IDF with a logarithm on counts)."""

    def __init__(self, texts: Sequence[str]) -> None:
        counted = [Counter(terms_of(text)) for text in texts]
        names = sorted({term for counts in counted for term in counts})
        self._column = {name: column for column, name in enumerate(names)}
        seen = Counter(term for counts in counted for term in counts)
        total = len(texts)
        self._idf = np.array(
            [math.log((1 + total) / (1 + seen[name])) + 1.0 for name in names], dtype=np.float64
        )
        self._rows = [self._row(counts) for counts in counted]

    def _row(self, counts: Counter[str]) -> tuple[NDArray[np.intp], Values]:
        columns = np.array([self._column[term] for term in counts], dtype=np.intp)
        values = (1.0 + np.log(np.array(list(counts.values()), dtype=np.float64))) * self._idf[columns]
        return columns, values / (float(np.sqrt(values @ values)) or 1.0)

    def rarity(self) -> Values:
        """How rare the terms of each sentence are in this source, on average; the mean where it has none."""
        means = [float(self._idf[columns].mean()) if len(columns) else math.nan for columns, _ in self._rows]
        values = np.array(means, dtype=np.float64)
        known = values[~np.isnan(values)]
        return np.where(np.isnan(values), known.mean() if len(known) else 0.0, values)

    def centrality(self, neighbours: int | None = None) -> Values:
        """Cosine of each sentence with all, or with ``neighbours`` on each side of it (itself included)."""
        count = len(self._rows)
        reach = count if neighbours is None else neighbours
        around = np.zeros(len(self._idf), dtype=np.float64)
        for columns, values in self._rows[:reach]:
            around[columns] += values
        result = np.zeros(count, dtype=np.float64)
        for place, (columns, values) in enumerate(self._rows):
            self._shift(around, place, reach)
            length = float(np.sqrt(around @ around))
            result[place] = float(values @ around[columns]) / length if length else 0.0
        return result

    def _shift(self, around: Values, place: int, reach: int) -> None:
        """Let the sentence that comes into reach in, and the one that leaves it out."""
        if place + reach < len(self._rows):
            columns, values = self._rows[place + reach]
            around[columns] += values
        if place - reach - 1 >= 0:
            columns, values = self._rows[place - reach - 1]
            around[columns] -= values
