"""Whether a site's captions are good enough to stand for what was said, or why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from clipmill.editing.text import unspaced
from clipmill.model import Word

JOINED = 4.0
"""Seconds between words that still count as captioned: a breath, a laugh, a look at a slide."""

COVERED = 0.5
"""Share of the source that captions cover at least: talks reach 0.9; below a half, songs and titles do."""

HOLE_SHARE, HOLE_LEAST, HOLE_MOST = 0.25, 30.0, 240.0
"""The longest stretch without captions: a quarter of the source, at least 30 s, at most 4 min. Openings and
applause are shorter; where a part was not captioned, it is longer."""

SLOWEST, FASTEST = 1.0, 5.0
"""Words a second while captions are shown: speech has 2 to 4, and the finder of clips takes no other."""

FEWEST_LETTERS, MOST_LETTERS = 1.5, 14.0
"""The same in letters for writing without spaces."""

PAST_END = 3.0
"""Seconds that captions may go on after the source ends: a last line is held, a file ends at a key frame."""

BACKWARDS = 0.02
"""Share of words that may begin more than a second before the word before them."""

FEW, VARIED = 50, 0.04
"""From so many words on, so many of them differ: an hour of talk has 0.1, one line over and over less."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether captions are good enough; ``why`` is a sentence for people where they are not."""

    ok: bool
    why: str = ""


def check_captions(words: Sequence[Word], *, duration: float) -> Verdict:
    """Whether ``words``, as read from captions, can be the transcript of a source of ``duration`` seconds.

    In doubt they are refused: hearing the source costs minutes, wrong words cost every clip.
    """
    if not words:
        return Verdict(False, "they hold no words")
    last = max(word.start for word in words)
    if last > duration + PAST_END:
        return Verdict(
            False,
            f"they go on to {last:.0f} s, but the video ends at {duration:.0f} s: they are of another cut",
        )
    why = _out_of_order(words) or _holes(words, duration) or _pace(words) or _loops(words)
    return Verdict(not why, why)


def _out_of_order(words: Sequence[Word]) -> str:
    back = sum(after.start < word.start - 1.0 for word, after in pairwise(words))
    return "their times run backwards" if back > BACKWARDS * len(words) else ""


def _holes(words: Sequence[Word], duration: float) -> str:
    covered = _covered(words, duration)
    shown = sum(end - start for start, end in covered)
    if shown < COVERED * duration:
        return f"they cover {shown:.0f} of {duration:.0f} s"
    edges = [0.0, *(edge for pair in covered for edge in pair), duration]
    length, start = max((after - end, end) for end, after in zip(edges[::2], edges[1::2], strict=True))
    if length > max(HOLE_LEAST, min(HOLE_MOST, HOLE_SHARE * duration)):
        return f"they have a hole of {length:.0f} s at {start:.0f} s"
    return ""


def _covered(words: Sequence[Word], duration: float) -> list[tuple[float, float]]:
    """The stretches with captions, as start and end in order; pauses of a few seconds belong to them."""
    stretches: list[tuple[float, float]] = []
    for word in sorted(words, key=lambda word: word.start):
        end = min(duration, max(word.start, word.end))
        if stretches and word.start - stretches[-1][1] <= JOINED:
            stretches[-1] = (stretches[-1][0], max(end, stretches[-1][1]))
        elif word.start < duration:
            stretches.append((word.start, end))
    return stretches


def _pace(words: Sequence[Word]) -> str:
    """What is wrong with the words a second while captions are shown; letters where words are not spaced."""
    shown = max(0.1, _shown(words))
    letters = sum(len(word.text) for word in words if unspaced(word.text))
    if letters > sum(len(word.text) for word in words) / 2:
        return _too("letters", letters / shown, FEWEST_LETTERS, MOST_LETTERS)
    return _too("words", len(words) / shown, SLOWEST, FASTEST)


def _too(what: str, pace: float, least: float, most: float) -> str:
    if least <= pace <= most:
        return ""
    return f"they have {pace:.1f} {what} a second where speech has {least:g} to {most:g}"


def _shown(words: Sequence[Word]) -> float:
    """Seconds while a word is shown."""
    shown, until = 0.0, 0.0
    for word in sorted(words, key=lambda word: word.start):
        shown += max(0.0, word.end - max(word.start, until))
        until = max(until, word.end)
    return shown


def _loops(words: Sequence[Word]) -> str:
    different = {word.text.casefold() for word in words}
    if len(words) >= FEW and len(different) < VARIED * len(words) and not unspaced(words[0].text):
        return "they say the same words over and over"
    return ""
