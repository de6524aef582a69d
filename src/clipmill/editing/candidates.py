"""Stretches of sentences that could stand alone as a clip."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from clipmill.editing.edges import LEAD, TAIL, Room, cut_span, room_of
from clipmill.editing.sentences import sentence_ends
from clipmill.model import Candidate, Sentence, Span, Word

SLOWEST, FASTEST = 1.0, 5.0
"""Words a second of speech worth a clip; in interviews 99.9 % of all windows lie between (measured)."""
FASTEST_UNSPACED = 14.0
"""The same for writing without spaces, where a word is often one character."""
ENOUGH_ENDS = 2
"""Real ends of sentences in the length of a clip; where there are fewer (bare captions), splits count too."""
MOST_AIR = LEAD + TAIL
"""Seconds that a cut adds to speech at most."""
MOST_CANDIDATES = 60_000
"""Beyond this the ends tried for each start are thinned; a talk of 3 h stays below it."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """What all windows are tried on."""

    sentences: Sequence[Sentence]
    words: Sequence[Word]
    least: float
    most: float
    duration: float


def find_candidates(
    sentences: Sequence[Sentence], words: Sequence[Word], *, least: float, most: float, duration: float
) -> tuple[Candidate, ...]:
    """All stretches of sentences of ``least`` to ``most`` seconds with 1 to 5 words a second.

    Spans run from the first word's start to the last word's end. A source shorter than ``least`` is one
    candidate: the whole. Where speech is so sparse that nothing fits, the limits on speed fall first, then
    short stretches with silence around them count. Sentences that were split for their length are no
    edges while there are others. The number is bounded, by trying fewer ends for each start.
    """
    if not sentences:
        return ()
    ground = _Ground(sentences, words, least, most, max(duration, sentences[-1].span.end))
    if duration <= least:
        return (Candidate(0, len(sentences) - 1, Span(0.0, ground.duration)),)
    starts, ends = _edges(sentences, words)
    everywhere = tuple(range(len(sentences)))
    if len(ends) * most < ENOUGH_ENDS * ground.duration:
        starts, ends = everywhere, everywhere
    return (
        _windows(ground, starts, ends, slowest=SLOWEST)
        or _windows(ground, everywhere, everywhere, slowest=SLOWEST)
        or _windows(ground, everywhere, everywhere, slowest=0.0)
        or _widened(ground)
    )


def _edges(sentences: Sequence[Sentence], words: Sequence[Word]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The sentences at which a clip may start and end: where one really begins or ends."""
    real = set(sentence_ends(words))
    ends = tuple(place for place, sentence in enumerate(sentences) if sentence.last in real)
    starts = (0, *(place + 1 for place in ends if place + 1 < len(sentences)))
    return starts, ends


def _windows(
    ground: _Ground, starts: Sequence[int], ends: Sequence[int], *, slowest: float
) -> tuple[Candidate, ...]:
    """Windows from a start to an end whose length and speed of speech are right."""
    times = [ground.sentences[end].span.end for end in ends]
    most_ends = max(3, MOST_CANDIDATES // max(1, len(starts)))
    found = []
    for first in starts:
        start = ground.sentences[first].span.start
        low = max(bisect_left(times, start + ground.least - MOST_AIR), bisect_left(ends, first))
        reached = ends[low : bisect_right(times, start + ground.most)]
        fitting = (last for last in _thinned(reached, most_ends) if _fits(ground, first, last, slowest))
        found += [_candidate(ground, first, last) for last in fitting]
    return tuple(found)


def _fits(ground: _Ground, first: int, last: int, slowest: float) -> bool:
    """Whether the cut span is long enough, and speech neither too sparse nor too dense for talk."""
    one, other = ground.sentences[first], ground.sentences[last]
    seconds = other.span.end - one.span.start
    pace = (other.last - one.first + 1) / max(0.001, seconds)
    if seconds > ground.most or not slowest <= pace <= _fastest(ground.words[one.first]):
        return False
    return seconds >= ground.least or _tight(ground, first, last) >= ground.least


def _tight(ground: _Ground, first: int, last: int) -> float:
    """Seconds of the cut span without widening it."""
    room = room_of(ground.sentences[first], ground.sentences[last], ground.words, ground.duration)
    return cut_span(room, least=0.0, most=ground.most).length


def _fastest(word: Word) -> float:
    """Words a second that speech may have, by the writing of ``word``."""
    return (
        FASTEST_UNSPACED
        if any("\u0e00" <= sign <= "\u0eff" or sign >= "\u2e80" for sign in word.text)
        else FASTEST
    )


def _thinned(places: Sequence[int], most: int) -> Sequence[int]:
    """At most ``most`` of the places, evenly spread."""
    if len(places) <= most:
        return places
    return [places[round(number * (len(places) - 1) / (most - 1))] for number in range(most)]


def _widened(ground: _Ground) -> tuple[Candidate, ...]:
    """Where no stretch of speech is long enough: stretches that reach it with the silence around them."""
    found = []
    for first in range(len(ground.sentences)):
        for last in range(first, len(ground.sentences)):
            one, other = ground.sentences[first], ground.sentences[last]
            if other.span.end - one.span.start > ground.most:
                break
            room = room_of(one, other, ground.words, ground.duration)
            if _room_length(room) >= ground.least:
                found.append(_candidate(ground, first, last))
                break
    return tuple(found)


def _room_length(room: Room) -> float:
    return room.high - room.low


def _candidate(ground: _Ground, first: int, last: int) -> Candidate:
    start = ground.sentences[first].span.start
    return Candidate(first, last, Span(start, ground.sentences[last].span.end))
