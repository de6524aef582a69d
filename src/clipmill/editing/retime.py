"""When words of captions were truly said, from what was heard in parts of the source."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from clipmill.editing.sentences import CLOSERS, TERMINALS
from clipmill.editing.spelling import spoken
from clipmill.editing.text import clusters, unspaced
from clipmill.editing.timed_text import longest_s
from clipmill.editing.words import SHORTEST
from clipmill.model import Span, Word

REACH = 6.0
"""Seconds that a word may be from where its caption has it: lines are up to 6 s long, and some are late."""

NEAR = 3.0
"""The same once it is known how late the captions are."""

BESIDE = 1.0
"""Seconds within which two words that are written differently can be one that was misheard."""

EQUAL, ALIKE, MISHEARD, CLOSE = 2.0, 1.2, 0.3, 0.1
"""What it is worth to take a heard word for one of the captions: by its letters, and by how close it is."""

BEGINNING = 4
"""Letters from which on two words that begin alike are one: ``listening`` and ``listened``."""

ENOUGH = 0.4
"""Share of a part's words that must be heard for the part to be believed: a small model hears that many in a
language that it knows little, and hardly any where the captions are a translation."""

PORTION = 60.0
"""Seconds of a part that are compared in one go, so that memory does not grow with its square."""

BROKEN = 10.0
"""Seconds between heard words beyond which those between them are not placed by both."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Retimed:
    """Words with better times, as many as there were and in the same order.

    ``heard`` has for each part the share of its words that were heard as they are written.
    """

    words: tuple[Word, ...]
    heard: tuple[float, ...]

    @property
    def good(self) -> bool:
        """Whether every part was heard well."""
        return all(share >= ENOUGH for share in self.heard)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Plain words with their times, and the place of the word that each belongs to."""

    texts: tuple[str, ...]
    starts: Numbers
    ends: Numbers
    owners: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """Words that were found in a portion: start and end as heard by place, and how late their captions are.

    ``sure`` are the places of those that are written as they were heard.
    """

    times: dict[int, tuple[float, float]]
    sure: frozenset[int]
    middle: float
    lag: float


def retime(
    words: Sequence[Word], heard: Sequence[Word], parts: Sequence[Span], *, duration: float
) -> Retimed:
    """``words`` of captions at the times at which they were heard in ``parts`` of the source.

    Only times change. A word that was heard has the time at which it was; one between such words has its
    share of the room there; all others are moved by as much as the captions around them are late. Parts
    of which less than two fifths were heard as they are written move nothing. ``duration`` is of the source.
    """
    shares, found = [], []
    for part in parts:
        here = [_found(words, heard, portion) for portion in _portions(part)]
        inside = [place for place, word in enumerate(words) if part.start <= word.start < part.end]
        sure = frozenset[int]().union(*(one.sure for one in here))
        shares.append(round(sum(place in sure for place in inside) / len(inside), 3) if inside else 1.0)
        found += here if shares[-1] >= ENOUGH else []
    return Retimed(_moved(words, [one for one in found if one.sure], duration), tuple(shares))


def _portions(part: Span) -> Iterator[Span]:
    """A part in equal portions that are not too long to be compared in one go."""
    count = int(np.ceil(part.length / PORTION))
    edges = np.linspace(part.start, part.end, count + 1).tolist()
    yield from (Span(start, end) for start, end in pairwise(edges))


# --- which heard word is which --------------------------------------------------------------------


def _found(words: Sequence[Word], heard: Sequence[Word], portion: Span) -> _Found:
    """The words of one portion that were heard there."""
    low, high = portion.start - REACH, portion.end + REACH
    ours = _plain(words, [place for place, word in enumerate(words) if low <= word.start < high])
    theirs = _plain(
        heard, [place for place, word in enumerate(heard) if portion.start <= word.start < portion.end]
    )
    if not ours.texts or not theirs.texts:
        return _Found({}, frozenset(), portion.start, 0.0)
    late = ours.starts[:, None] - theirs.starts[None, :]
    same = _same(ours.texts, theirs.texts)
    first = _pairs(_weighed(late, REACH, EQUAL * same))
    lag = float(np.median([late[pair] for pair in first])) if first else 0.0
    likely = np.maximum(EQUAL * same, ALIKE * _same(_beginnings(ours.texts), _beginnings(theirs.texts)))
    worth = np.maximum(_weighed(late - lag, NEAR, likely), _weighed(late - lag, BESIDE, MISHEARD + 0 * late))
    pairs = _pairs(worth)
    times: dict[int, tuple[float, float]] = {}
    for one, other in pairs:
        start, end = times.get(ours.owners[one], (np.inf, 0.0))
        times[ours.owners[one]] = min(start, theirs.starts[other]), max(end, theirs.ends[other])
    sure = frozenset(ours.owners[one] for one, other in pairs if likely[one, other] > 0)
    return _Found(times, sure, (portion.start + portion.end) / 2, lag)


def _plain(words: Sequence[Word], places: Sequence[int]) -> _Pieces:
    """The words at these places as they are said, each piece with a share of its word's time."""
    texts: list[str] = []
    times: list[tuple[float, float]] = []
    owners: list[int] = []
    for place in places:
        word, said = words[place], _said(words[place].text)
        step = (word.end - word.start) / max(1, len(said))
        texts += said
        times += [
            (word.start + step * number, word.start + step * (number + 1)) for number in range(len(said))
        ]
        owners += [place] * len(said)
    table = np.array(times, dtype=np.float64).reshape(-1, 2)
    return _Pieces(tuple(texts), table[:, 0], table[:, 1], tuple(owners))


def _said(text: str) -> Sequence[str]:
    """A word as it is said: numbers in English are words, writing without spaces is letters."""
    if unspaced(text):
        return [letter for letter in clusters(text) if letter[0].isalnum()]
    bare = "".join(sign for sign in text.casefold() if sign.isalnum() or sign in "'’")
    return spoken(text) if text.isascii() else (bare,) if bare else ()


def _beginnings(texts: Sequence[str]) -> list[str]:
    """The first letters of words, nothing for short ones."""
    return [text[:BEGINNING] if len(text) >= BEGINNING else "" for text in texts]


def _same(ours: Sequence[str], theirs: Sequence[str]) -> Numbers:
    """1 where two texts are the same and not empty, 0 elsewhere."""
    numbers = {text: number for number, text in enumerate(dict.fromkeys((*ours, *theirs)))}
    one = np.array([numbers[text] for text in ours])
    other = np.array([numbers[text] for text in theirs])
    said = np.array([bool(text) for text in ours])
    same: Numbers = ((one[:, None] == other[None, :]) & said[:, None]).astype(np.float64)
    return same


def _weighed(late: Numbers, reach: float, worth: Numbers) -> Numbers:
    """What pairs are worth: nothing beyond ``reach`` seconds, a little more the closer they are."""
    far = np.abs(late) / reach
    weighed: Numbers = np.where((far <= 1) & (worth > 0), worth + CLOSE * (1 - far), 0.0)
    return weighed


def _pairs(worth: Numbers) -> list[tuple[int, int]]:
    """The pairs (row, column), both rising, that are worth most together."""
    rows, columns = worth.shape
    best = np.zeros((rows + 1, columns + 1))
    for row in range(rows):
        taken = np.maximum(best[row, 1:], np.where(worth[row] > 0, best[row, :-1] + worth[row], 0.0))
        best[row + 1, 1:] = np.maximum.accumulate(taken)
    pairs = []
    row, column = rows, columns
    while row and column:
        if best[row, column] == best[row - 1, column]:
            row -= 1
        elif best[row, column] == best[row, column - 1]:
            column -= 1
        else:
            row, column = row - 1, column - 1
            pairs.append((row, column))
    return pairs[::-1]


# --- where all words go ---------------------------------------------------------------------------


def _moved(words: Sequence[Word], found: Sequence[_Found], duration: float) -> tuple[Word, ...]:
    """All words at better times; as they were where nothing was found."""
    known: dict[int, tuple[float, float]] = {}
    for one in found:
        known |= one.times
    if not known:
        return tuple(words)
    old = np.array([(word.start, word.end) for word in words])
    new = old - np.interp(old, [one.middle for one in found], [one.lag for one in found])
    places = np.array(sorted(known))
    heard = np.array([_after_pause(words, place, *known[place]) for place in sorted(known)])
    new = np.where(_between(old, places), np.interp(old, old[places].ravel(), heard.ravel()), new)
    new[places] = heard
    for before, after in pairwise(places.tolist()):
        if after - before > 1 and old[after, 0] - old[before, 1] <= BROKEN:
            new[before + 1 : after] = _by_sentence(words[before:after], new[before : after + 1])
    starts, ends = _in_line(_kept_off(new, places), duration)
    return tuple(
        replace(word, start=start, end=end) for word, start, end in zip(words, starts, ends, strict=True)
    )


def _after_pause(words: Sequence[Word], place: int, start: float, end: float) -> tuple[float, float]:
    """A word as it was heard, without the pause before it.

    Recognisers give it to the first word of a sentence, which then seems longer than any such word is.
    """
    first = place == 0 or _ends(words[place - 1])
    return max(start, end - longest_s(words[place].text)) if first else start, end


def _ends(word: Word) -> bool:
    """Whether a sentence ends with this word."""
    return word.text.rstrip(CLOSERS)[-1:] in TERMINALS


def _by_sentence(words: Sequence[Word], times: Numbers) -> Numbers:
    """Times of words between two that were heard, the first of ``words`` and the one after them.

    Where there is more room than they need and a sentence ends, its words stay with the one before, and those
    of the next with the one after: the room is the pause between them.
    """
    need = np.array([longest_s(word.text) for word in words[1:]])
    ends = [place for place, word in enumerate(words) if _ends(word)]
    if not ends or times[-1, 0] - times[0, 1] <= need.sum():
        return times[1:-1]
    lengths = np.minimum(need, np.maximum(times[1:-1, 1] - times[1:-1, 0], SHORTEST))
    early = times[0, 1] + np.cumsum(lengths)
    late = times[-1, 0] - np.cumsum(lengths[::-1])[::-1]
    starts = np.where(np.arange(1, len(words)) <= ends[-1], early - lengths, late)
    return np.stack([starts, starts + lengths], axis=1)


def _between(old: Numbers, places: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which words stand between two heard ones that are close, for both columns of times."""
    after = np.searchsorted(places, np.arange(len(old)))
    inner = (after > 0) & (after < len(places))
    before, after = np.maximum(after - 1, 0), np.minimum(after, len(places) - 1)
    close = old[places[after], 0] - old[places[before], 1] <= BROKEN
    return np.repeat((inner & close)[:, None], 2, axis=1)


def _kept_off(new: Numbers, places: NDArray[np.intp]) -> Numbers:
    """The times with every other word kept between the heard ones around it, so that these need not move."""
    low, high = np.zeros(len(new)), np.full(len(new), np.inf)
    low[places], high[places] = new[places, 1], new[places, 0]
    low = np.maximum.accumulate(low)
    high = np.minimum.accumulate(high[::-1])[::-1]
    kept = np.clip(new, low[:, None], np.maximum(low, high)[:, None])
    kept[places] = new[places]
    return kept


def _in_line(times: Numbers, duration: float) -> tuple[list[float], list[float]]:
    """Starts and ends in order, none overlapping and none empty, inside 0 to ``duration``."""
    steps = SHORTEST * np.arange(len(times))
    starts = np.maximum.accumulate(np.maximum(times[:, 0], 0.0) - steps) + steps
    starts = np.minimum(starts, duration - SHORTEST * len(times) + steps)
    limits = np.append(starts[1:], duration)
    ends = np.minimum(np.maximum(times[:, 1], starts + SHORTEST), limits)
    return starts.round(3).tolist(), ends.round(3).tolist()
