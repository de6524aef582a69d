"""What one clip takes of its source: whole frames, and the words on the clip's own clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from clipmill.model import Canvas, Span, Word


@dataclass(frozen=True, slots=True)
class Cut:
    """The stretch of the source that a clip shows, as whole frames of its canvas."""

    span: Span
    frames: int
    canvas: Canvas


def whole_frames(start: float, end: float, canvas: Canvas) -> Cut:
    """The cut from ``start`` that comes nearest to ``end`` with a whole number of frames."""
    frames = max(1, round((end - start) * canvas.frame_rate))
    return Cut(Span(start, start + float(frames / canvas.frame_rate)), frames, canvas)


def excerpt(words: Sequence[Word], span: Span, *, changed: Mapping[int, str]) -> tuple[Word, ...]:
    """The words that are heard inside ``span``, with times counted from its start.

    A word belongs to the clip when more than half of it lies inside. ``changed`` replaces the text of
    words by their number in ``words``; an empty text leaves a word out.
    """
    kept = []
    for number, word in enumerate(words):
        inside = min(word.end, span.end) - max(word.start, span.start)
        text = changed.get(number, word.text)
        if text and inside > 0 and inside * 2 >= word.end - word.start:
            start = max(0.0, word.start - span.start)
            end = min(span.length, word.end - span.start)
            kept.append(replace(word, text=text, start=start, end=end))
    return tuple(kept)
