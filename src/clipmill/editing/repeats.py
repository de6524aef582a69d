"""Words that are said twice: a teaser at the start that quotes the talk, and moments alike in their words."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clipmill.editing.signals import tokens_of
from clipmill.model import Sentence

SHINGLE = 6
"""Words in a row that hardly ever come twice by chance."""
TEASER_ENDS = 240.0
"""A teaser is over after so many seconds."""
APART = 60.0
"""Seconds between a quote and what it quotes, at least."""
SAME = 0.4
"""Share of a sentence's shingles found elsewhere from which on it counts as said twice."""
LOOP_REACH = 3
"""Sentences on each side in which the same one may come back."""
LOOP_TIMES = 3
"""How often it must, to be a loop; people say things twice."""

Marks = NDArray[np.bool_]


def find_teaser(sentences: Sequence[Sentence]) -> tuple[Marks, Marks]:
    """Which sentences belong to an opening teaser, and which later ones it quotes.

    Editors open talks with their best lines, which come again in the body: exact runs of six words find
    them. A teaser is of no use as a clip (its lines are jump-cut); what it quotes was chosen by a person.
    """
    nothing = np.zeros(len(sentences), dtype=np.bool_)
    if not sentences:
        return nothing, nothing.copy()
    runs = [_shingles(sentence.text) for sentence in sentences]
    limit = sentences[0].span.start + TEASER_ENDS
    early = {
        run
        for sentence, found in zip(sentences, runs, strict=True)
        if sentence.span.end <= limit
        for run in found
    }
    late = {
        run
        for sentence, found in zip(sentences, runs, strict=True)
        if sentence.span.start > limit
        for run in found
    }
    teaser = [
        s.span.end <= limit and _share(found, late) >= SAME for s, found in zip(sentences, runs, strict=True)
    ]
    quoted = [
        s.span.start > limit and _share(found, early) >= SAME
        for s, found in zip(sentences, runs, strict=True)
    ]
    return np.array(teaser), np.array(quoted)


def find_loops(sentences: Sequence[Sentence]) -> Marks:
    """Which sentences are said three times or more within a few: a recogniser's loop over music or noise."""
    said = [tuple(tokens_of(sentence.text)) for sentence in sentences]
    marks = [
        bool(text) and said[max(0, place - LOOP_REACH) : place + LOOP_REACH + 1].count(text) >= LOOP_TIMES
        for place, text in enumerate(said)
    ]
    return np.array(marks, dtype=np.bool_)


def _shingles(text: str) -> set[tuple[str, ...]]:
    tokens = tokens_of(text)
    return {tuple(tokens[at : at + SHINGLE]) for at in range(len(tokens) - SHINGLE + 1)}


def _share(found: set[tuple[str, ...]], others: set[tuple[str, ...]]) -> float:
    return len(found & others) / len(found) if found else 0.0
