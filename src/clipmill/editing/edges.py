"""Where exactly to cut: sentence edges moved into the pauses around them."""

from collections.abc import Sequence
from dataclasses import dataclass

from clipmill.model import Candidate, Moment, Sentence, Span, Word

Stretch = Candidate | Moment
"""Sentences ``first`` to ``last``."""

LEAD = 0.30
"""Seconds of breath before the first word, at most."""
TAIL = 0.45
"""Seconds of air after the last word, at most; longer than the lead, as an ending needs it."""
MARGIN = 0.02
"""Seconds kept free of a neighbour's word when a clip is widened into silence."""


@dataclass(frozen=True, slots=True)
class Room:
    """A span of speech and the silence around it: from ``low`` to ``high`` no other word is heard."""

    speech: Span
    low: float
    high: float


def room_of(first: Sentence, last: Sentence, words: Sequence[Word], duration: float) -> Room:
    """The silence before the first and after the last of these sentences."""
    speech = Span(first.span.start, max(last.span.end, first.span.start + 0.001))
    before = words[first.first - 1].end if first.first > 0 else 0.0
    after = words[last.last + 1].start if last.last + 1 < len(words) else max(duration, speech.end)
    return Room(speech, min(before, speech.start), max(after, speech.end))


def cut_span(room: Room, *, least: float, most: float) -> Span:
    """The span to cut: up to 0.30 s before and 0.45 s after the speech, never past half of the gap.

    A span shorter than ``least`` is widened into the silence around it, the end first; one longer than
    ``most`` gives up air, never words. The result is shorter than ``least`` only where no silence is left.
    """
    before, after = room.speech.start - room.low, room.high - room.speech.end
    lead = min(LEAD, before / 2)
    tail = min(TAIL, after / 2)
    spare = most - room.speech.length
    if lead + tail > spare:
        share = max(0.0, spare) / (lead + tail)
        lead, tail = lead * share, tail * share
    missing = least - (room.speech.length + lead + tail)
    if missing > 0:
        lead, tail = _widened(lead, tail, missing, room)
    return Span(round(max(0.0, room.speech.start - lead), 3), round(room.speech.end + tail, 3))


def _widened(lead: float, tail: float, missing: float, room: Room) -> tuple[float, float]:
    """More silence after the speech, then before it, until nothing is missing or no silence is left."""
    most_tail = max(tail, room.high - room.speech.end - MARGIN)
    most_lead = max(lead, room.speech.start - room.low - MARGIN)
    wider = min(most_tail, tail + missing)
    return min(most_lead, lead + max(0.0, missing - (wider - tail))), wider


def span_of(
    stretch: Stretch,
    sentences: Sequence[Sentence],
    words: Sequence[Word],
    *,
    limits: tuple[float, float, float],
) -> Span:
    """Where to cut ``stretch``; ``limits`` are least, most and the source's duration in seconds."""
    least, most, duration = limits
    if duration <= least:
        return Span(0.0, duration)
    room = room_of(sentences[stretch.first], sentences[stretch.last], words, duration)
    return cut_span(room, least=least, most=most)
