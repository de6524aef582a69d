"""Words with known times, and the weights that ship with clipmill."""

import json
from collections.abc import Sequence
from pathlib import Path

import clipmill
from clipmill.editing.score import Weights, weights_from
from clipmill.model import Transcript, Word

SUBJECTS = (
    "copper",
    "garden",
    "engine",
    "river",
    "market",
    "school",
    "music",
    "weather",
    "kitchen",
    "planet",
)


def spoken(
    texts: Sequence[str], *, start: float = 0.0, each: float = 0.3, gap: float = 0.4, speaker: str = ""
) -> list[Word]:
    """The words of ``texts``, one after the other from ``start`` s, with ``gap`` s between the texts."""
    words: list[Word] = []
    time = start
    for text in texts:
        for part in text.split():
            words.append(Word(part, round(time, 3), round(time + each, 3), speaker=speaker))
            time += each
        time += gap
    return words


def transcript_of(
    words: Sequence[Word], *, language: str = "en", duration: float | None = None
) -> Transcript:
    """A transcript of these words, as long as they are or as ``duration`` says."""
    ends = [word.end for word in words]
    return Transcript(language, 1.0, duration or max(ends, default=1.0) + 0.5, tuple(words), "test")


def plain_talk(minutes: float, *, first: int = 0) -> list[str]:
    """Sentences for about so many minutes, counted from ``first``; each says something else."""
    count = round(minutes * 60 / (12 * 0.3 + 0.4))
    subjects = [SUBJECTS[place // 8 % len(SUBJECTS)] for place in range(first, first + count)]
    return [
        f"Item {place} about the {subject} lists n{place} and m{place} in o{place} then p{place}."
        for place, subject in enumerate(subjects, first)
    ]


def shipped_weights() -> Weights:
    """The weights that ship with clipmill."""
    file = Path(clipmill.__file__).parent / "data" / "weights.json"
    return weights_from(json.loads(file.read_text(encoding="utf-8")))
