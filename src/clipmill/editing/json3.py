"""YouTube's own form of captions, json3, as words: its events, already parsed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clipmill.editing.timed_text import Shown, longest_s, said, spread, words_of
from clipmill.model import Word

MOST_MS = 1e9
"""Milliseconds that are believed: eleven days."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text that is said from ``start`` on; ``end`` is when its event goes."""

    text: str
    start: float
    end: float


def is_json3(data: object) -> bool:
    """Whether parsed JSON is captions in this form."""
    return isinstance(data, Mapping) and isinstance(data.get("events"), list)


def read_json3(data: Mapping[str, Any]) -> tuple[list[Word], bool]:
    """The words of a json3 document, and whether their times were written rather than spread by length.

    Automatic captions come word for word; each word ends where the next begins, or after as long as it can
    take. The line breaks that they scroll by and the windows that they stand in say nothing. Uploaded
    captions come line by line. What is no text at a time is left out.
    """
    events = [pieces for event in data["events"] if (pieces := _pieces(event))]
    exact = any(len({piece.start for piece in pieces}) > 1 for pieces in events)
    if not exact:
        return words_of([_shown(pieces) for pieces in events]), False
    return _timed([piece for pieces in events for piece in pieces]), True


def _shown(pieces: Sequence[_Piece]) -> Shown:
    text = "".join(piece.text for piece in pieces)
    return Shown(pieces[0].start, max(pieces[0].end, pieces[0].start + 0.1), tuple(text.splitlines()))


def _pieces(event: object) -> list[_Piece]:
    """What an event says, nothing for one that only breaks a line or opens a window."""
    if not isinstance(event, Mapping) or not isinstance(event.get("segs"), list):
        return []
    start, length = _ms(event.get("tStartMs")), _ms(event.get("dDurationMs")) or 0.0
    texts = [seg for seg in event["segs"] if isinstance(seg, Mapping) and isinstance(seg.get("utf8"), str)]
    if start is None or not "".join(seg["utf8"] for seg in texts).strip():
        return []
    return [
        _Piece(seg["utf8"], (start + (_ms(seg.get("tOffsetMs")) or 0.0)) / 1000, (start + length) / 1000)
        for seg in texts
    ]


def _ms(value: object) -> float | None:
    """A count of milliseconds; None for anything else."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < MOST_MS
    return float(value) if good and isinstance(value, int | float) else None


def _timed(pieces: Sequence[_Piece]) -> list[Word]:
    """The words of pieces with a time each."""
    ready = [replace(piece, text=said(piece.text)) for piece in pieces]
    ready = sorted((piece for piece in ready if piece.text.strip()), key=lambda piece: piece.start)
    words: list[Word] = []
    for place, piece in enumerate(ready):
        after = ready[place + 1].start if place + 1 < len(ready) else max(piece.end, piece.start + 0.02)
        words += spread(
            piece.text, piece.start, max(min(after, piece.start + longest_s(piece.text)), piece.start)
        )
    return words
