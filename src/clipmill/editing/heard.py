"""What a speech service answered, as words with times."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clipmill.editing.joining import bare
from clipmill.editing.languages import language_code
from clipmill.editing.timed_text import spread
from clipmill.model import Word

_MARKS = frozenset(".,?!:;…。、，？！।؟")
_AHEAD = 8  # so many words of the text may have no counterpart in a row, such as a time in figures


class NotHeard(ValueError):  # noqa: N818 (it says what the answer is not)
    """The answer has no words with times, though it has a text."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The words of one piece of sound, in its own seconds.

    ``exact`` says that the service gave each word its times, and not only each segment. ``language`` is a
    code, empty when the service named none.
    """

    words: tuple[Word, ...]
    exact: bool
    language: str


def read_answer(answer: Any, *, seconds: float) -> Heard:
    """The words of an answer in OpenAI's ``verbose_json`` about so many seconds of sound.

    Words that begin after its end are left out. Raises NotHeard for a text without times, ValueError for an
    answer of another shape.
    """
    if not isinstance(answer, dict) or not {"text", "words", "segments"} & answer.keys():
        raise ValueError("it has neither text nor words nor segments")
    segments, named = _entries(answer, "segments"), answer.get("language")
    inner = (word for segment in segments for word in _entries(segment, "words"))
    words = list(_timed(_entries(answer, "words"))) or list(_timed(inner))
    exact = bool(words)
    text = _whole_text(answer, segments)
    if exact:
        words = marked(words, text)
    else:
        words = [word for line in _timed(segments) for word in spread(line.text, line.start, line.end)]
    if text and not words:
        raise NotHeard("it has a text, but no times")
    inside = tuple(word for word in words if word.start < seconds)
    return Heard(inside, exact or not words, language_code(named) if isinstance(named, str) else "")


def marked(words: Sequence[Word], text: str) -> list[Word]:
    """The words as ``text`` writes them, where they came without any punctuation, as OpenAI's do."""
    if any(set(word.text) & _MARKS for word in words):
        return list(words)
    written = [part for part in text.split() if bare(part)]
    result, at = [], 0
    for word in words:
        said, ahead = bare(word.text), written[at : at + _AHEAD]
        place = next((step for step, part in enumerate(ahead) if bare(part) == said), None)
        if place is not None:
            word, at = replace(word, text=ahead[place]), at + place + 1
        result.append(word)
    return result


def _timed(entries: Iterable[Any]) -> Iterator[Word]:
    """The entries with a text and times as words; those without are left out."""
    for entry in entries:
        text = entry.get("word", entry.get("text"))
        start, end = _seconds(entry.get("start")), _seconds(entry.get("end"))
        if isinstance(text, str) and text.strip() and start is not None:
            chance = _seconds(entry.get("probability"))
            sure = 1.0 if chance is None else min(1.0, chance)
            yield Word(text.strip(), start, max(start, start if end is None else end), sure)


def _whole_text(answer: dict[str, Any], segments: Sequence[Any]) -> str:
    text = answer.get("text")
    if isinstance(text, str) and text.strip():
        return text.strip()
    lines = (segment.get("text") for segment in segments)
    return " ".join(line.strip() for line in lines if isinstance(line, str) and line.strip())


def _entries(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = answer.get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return max(0.0, float(value)) if abs(value) < 1e9 else None
