"""Long sound cut into pieces at pauses, and the words of the pieces joined again."""

from collections.abc import Sequence
from math import ceil

import numpy as np
import numpy.typing as npt

from clipmill.model import Span, Word

STEP_S = 0.02
"""Seconds that one level stands for."""

PAUSE_S = 0.3
"""A shorter quiet is inside a word as often as between two."""

LONG_PAUSE_S = 1.0
"""Among pauses that are at least so long, the nearest is as good as the longest."""

QUIETER_DB = 20.0
"""A pause is so much below the loud parts around it."""

SEARCH_S = 60.0
"""A pause is looked for so far to both sides of where a cut is wanted."""

OVERLAP_S = 2.0
"""What two pieces have in common where there is no pause to cut in."""

SAME_S = 0.6
"""Two pieces' times for the same word differ by less."""

_Levels = npt.NDArray[np.floating]


def cut_at_pauses(levels: _Levels, *, longest_s: float) -> tuple[Span, ...]:
    """Where to cut sound of these levels (dB, one for each 0.02 s), so that no piece is over ``longest_s``.

    Pieces are about equally long and follow each other, cut in the middle of a pause; where there is none
    near, they overlap by 2 s. ``longest_s`` is at least 10.
    """
    if longest_s < 10.0:
        raise ValueError(f"pieces need at least 10 s, got {longest_s}")
    total, start = round(len(levels) * STEP_S, 3), 0.0
    spans = []
    while total - start > longest_s:
        wanted = start + (total - start) / ceil((total - start) / longest_s)
        aside = min(SEARCH_S, (wanted - start) / 3)
        first, last = wanted - aside, min(wanted + aside, start + longest_s - OVERLAP_S / 2)
        cut, paused = _best_cut(levels, first, wanted, last)
        common = 0.0 if paused else OVERLAP_S / 2
        spans.append(Span(start, round(cut + common, 3)))
        start = round(cut - common, 3)
    return (*spans, Span(start, total)) if total > start else tuple(spans)


def join_pieces(pieces: Sequence[tuple[Span, Sequence[Word]]]) -> list[Word]:
    """The words of pieces that follow each other or overlap, each word once; all times are the source's.

    In an overlap both heard the same: the words go over from one piece to the next at a word that both have,
    the one nearest to the overlap's middle, because each hears its own edge badly.
    """
    joined: list[Word] = []
    before: Span | None = None
    for span, words in pieces:
        if before is None or before.end <= span.start:
            joined += words
        else:
            joined = _joined(joined, words, Span(span.start, before.end))
        before = span
    return joined


def bare(text: str) -> str:
    """The letters and digits of a word, in small letters."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


# --- cutting --------------------------------------------------------------------------------------


def _best_cut(levels: _Levels, first: float, wanted: float, last: float) -> tuple[float, bool]:
    """The second to cut at between ``first`` and ``last``, and whether that is in a pause."""
    low, high = int(first / STEP_S), max(int(first / STEP_S) + 2, int(last / STEP_S))
    part = levels[low:high]
    runs = _pauses(part)
    if not runs:
        quietest = int(np.argmin(_smooth(part)))
        return (low + quietest) * STEP_S, False

    def worth(run: tuple[int, int]) -> tuple[float, float]:
        length, middle = run[1] - run[0], (low + (run[0] + run[1]) / 2) * STEP_S
        return min(length * STEP_S, LONG_PAUSE_S), -abs(middle - wanted)

    start, end = max(runs, key=worth)
    return (low + (start + end) // 2) * STEP_S, True


def _pauses(levels: _Levels) -> list[tuple[int, int]]:
    """The quiet stretches of at least ``PAUSE_S``, as steps from and to."""
    quiet = levels < np.percentile(levels, 95) - QUIETER_DB if np.ptp(levels) > 0 else levels < np.inf
    edges = np.flatnonzero(np.diff(np.concatenate(([False], quiet, [False])).astype(np.int8)))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(start, end) for start, end in runs if (end - start) * STEP_S >= PAUSE_S]


def _smooth(levels: _Levels) -> _Levels:
    """Each level with those around it, as long as a pause is."""
    width = min(len(levels), round(PAUSE_S / STEP_S))
    padded = np.pad(levels, (width // 2, width - 1 - width // 2), mode="edge")
    smooth: _Levels = np.convolve(padded, np.full(width, 1 / width), mode="valid")
    return smooth


# --- joining --------------------------------------------------------------------------------------


def _joined(before: Sequence[Word], after: Sequence[Word], common: Span) -> list[Word]:
    middle = (common.start + common.end) / 2
    last = [place for place, word in enumerate(before) if word.end > common.start]
    first = [place for place, word in enumerate(after) if word.start < common.end]
    pairs = [(old, new) for old in last for new in first if _same(before[old], after[new])]
    if pairs:
        old, new = min(pairs, key=lambda pair: _off(before[pair[0]], after[pair[1]], middle))
        return [*before[:old], *after[new:]]
    return [
        *(word for word in before if (word.start + word.end) / 2 < middle),
        *(word for word in after if (word.start + word.end) / 2 >= middle),
    ]


def _same(one: Word, other: Word) -> bool:
    said = bare(one.text)
    return abs(one.start - other.start) < SAME_S and said == bare(other.text) and bool(said)


def _off(one: Word, other: Word, middle: float) -> float:
    """How far from the middle two times of one word are, and from each other: a word may be said twice."""
    return abs((one.start + other.start) / 2 - middle) + 2 * abs(one.start - other.start)
