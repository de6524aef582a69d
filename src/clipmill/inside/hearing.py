"""The words of one window of sound: cut at pauses, heard four stretches at a time, doubtful ones again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.vad import VadOptions, get_speech_timestamps
from numpy.typing import NDArray

from clipmill.editing.words import whole_words
from clipmill.model import Span, Word

RATE = 16_000
"""Samples a second."""

LONGEST = 28.0
"""Seconds of one stretch: Whisper hears 30 at a time, less the room around the speech."""

FULL = 22.0
"""Seconds from which a stretch may end: the longest pause from here on is where it does."""

APART = 2.0
"""Seconds of silence that always end a stretch."""

ROOM = 0.3
"""Seconds of sound around the speech of a stretch."""

HOLE = 1.5
"""Seconds of speech without a word that make a stretch doubtful."""

LOOPING = 2.4
"""Times that a text can be squeezed above which it repeats itself (OpenAI's figure)."""

UNLIKELY = -1.0
"""Mean log probability below which a text is doubtful (OpenAI's figure)."""

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound that Whisper hears in one go: its span with room around, and the speech inside, in seconds."""

    span: Span
    speech: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Ear:
    """A loaded model, the language it shall hear, and how many stretches it hears at once."""

    model: WhisperModel
    language: str
    together: int


def find_speech(samples: Samples) -> list[Span]:
    """Where somebody speaks, in seconds of ``samples``, split at pauses of 0.16 s."""
    options = VadOptions(min_silence_duration_ms=160, speech_pad_ms=0, max_speech_duration_s=LONGEST)
    found = get_speech_timestamps(samples, options)
    return [Span(one["start"] / RATE, one["end"] / RATE) for one in found if one["end"] > one["start"]]


def stretches(speech: Sequence[Span], length: float) -> list[Stretch]:
    """The speech in groups that Whisper can hear in one go, ended at the longest pause within reach.

    ``length`` is the end of the sound in seconds.
    """
    groups: list[Sequence[Span]] = []
    rest = list(speech)
    while rest:
        count = _reach(rest)
        groups.append(rest[:count])
        rest = rest[count:]
    if not groups:
        return []
    starts = [*(group[0].start for group in groups[1:]), length]
    ends = [0.0, *(group[-1].end for group in groups[:-1])]
    return [_with_room(*three) for three in zip(groups, ends, starts, strict=True)]


def hear(ear: Ear, samples: Samples, found: Sequence[Stretch]) -> Iterator[tuple[Stretch, list[Word]]]:
    """Every stretch in order with the words heard in it, as the model's own times have them."""
    for first in range(0, len(found), ear.together):
        some = found[first : first + ear.together]
        for stretch, segments in zip(some, _at_once(ear, samples, some), strict=True):
            if doubtful(segments, stretch.speech):
                yield stretch, _again(ear, samples, stretch.span)
            else:
                yield stretch, _words(segments, 0.0)


def doubtful(segments: Sequence[Any], speech: Sequence[Span]) -> bool:
    """Whether a text loops, is unlikely, or leaves speech without words."""
    if any(one.compression_ratio > LOOPING or one.avg_logprob < UNLIKELY for one in segments):
        return True
    ends = [speech[0].start, *(word.end for one in segments for word in one.words)]
    starts = [*(word.start for one in segments for word in one.words), speech[-1].end]
    holes = [Span(end, start) for end, start in zip(ends, starts, strict=True) if start - end > HOLE]
    return any(sum(hole.overlap(span) for span in speech) > HOLE for hole in holes)


def _reach(rest: Sequence[Span]) -> int:
    """How many of the first spans make one stretch."""
    count = 1
    while count < len(rest) and rest[count].end - rest[0].start <= LONGEST:
        if rest[count].start - rest[count - 1].end >= APART:
            return count
        count += 1
    if count == len(rest):
        return count
    ends = [place for place in range(1, count + 1) if rest[place - 1].end - rest[0].start >= FULL]
    return max(ends, key=lambda place: rest[place].start - rest[place - 1].end, default=count)


def _with_room(speech: Sequence[Span], before: float, after: float) -> Stretch:
    start, end = speech[0].start, speech[-1].end
    start -= min(ROOM, max(0.0, start - before) / 2)
    end += min(ROOM, max(0.0, after - end) / 2)
    return Stretch(Span(max(0.0, start), end), tuple(speech))


def _at_once(ear: Ear, samples: Samples, some: Sequence[Stretch]) -> list[list[Any]]:
    """The segments of each stretch; together they cost half of what they cost one by one."""
    found, _ = BatchedInferencePipeline(ear.model).transcribe(
        samples,
        language=ear.language,
        beam_size=1,
        word_timestamps=True,
        without_timestamps=False,
        clip_timestamps=[{"start": one.span.start, "end": one.span.end} for one in some],
        batch_size=ear.together,
    )
    heard: list[list[Any]] = [[] for _ in some]
    for segment in found:
        # seek, in hundredths, is where the stretch began that the segment was heard in.
        distances = [abs(segment.seek / 100 - one.span.start) for one in some]
        heard[int(np.argmin(distances))].append(segment)
    return heard


def _again(ear: Ear, samples: Samples, span: Span) -> list[Word]:
    """The words of a stretch heard alone: whatever a pass leaves out gets another, loops are tried hotter."""
    segments, _ = ear.model.transcribe(
        samples[int(span.start * RATE) : int(span.end * RATE)],
        language=ear.language,
        beam_size=1,
        best_of=2,
        temperature=(0.0, 0.4, 0.8),
        word_timestamps=True,
        condition_on_previous_text=False,
    )
    sane = [one for one in segments if one.compression_ratio <= LOOPING or len(one.words) < 20]
    return _words(sane, span.start)


def _words(segments: Sequence[Any], offset: float) -> list[Word]:
    heard: list[Word] = []
    for segment in segments:
        pieces = (
            Word(word.word, float(word.start) + offset, float(word.end) + offset, float(word.probability))
            for word in segment.words
        )
        heard += whole_words(pieces)
    return heard
