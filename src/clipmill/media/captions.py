"""A transcript from a file: clipmill's or Whisper's JSON, YouTube's json3, SRT, WebVTT."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from clipmill.editing.json3 import is_json3, read_json3
from clipmill.editing.timed_text import NotTimedText, read_timed_text, spread
from clipmill.editing.words import clean_text, settle
from clipmill.errors import SourceError
from clipmill.model import Transcript, Word

LARGEST_MB = 32
"""Size of a transcript that is read: ten hours of words as JSON with every detail take 15."""

OUTSIDE = 0.2
"""Share of words after the source's end from which the transcript belongs to another video."""

_WAY_OUT = "Give a transcript as clipmill or Whisper write it (JSON), or subtitles as SRT or WebVTT."


def read_transcript(path: Path, *, duration: float) -> Transcript:
    """The words in ``path``: clipmill's or Whisper's JSON, json3, SRT, WebVTT, told apart by what is inside.

    ``duration`` is of the source, infinite if nobody knows. Warnings: ``word-times-estimated`` where only
    lines had times, ``words-outside-source`` where some were left out. Raises SourceError
    ``transcript-not-understood``, ``transcript-too-large``, ``transcript-mismatch`` or
    ``container-not-allowed``.
    """
    words, exact, language = read_words(path)
    settled = settle(words, duration=duration)
    warnings = _checked(path, words, settled, duration) + (() if exact else ("word-times-estimated",))
    known = duration if math.isfinite(duration) else settled[-1].end if settled else 0.0
    sure = 1.0 if language else 0.0
    return Transcript(language, sure, known, settled, f"file {clean_text(path.name)}", warnings)


def read_words(path: Path) -> tuple[list[Word], bool, str]:
    """The words as they are in a file, whether each has a time of its own, and the language it names or "".

    Raises SourceError as ``read_transcript`` does, but for ``transcript-mismatch``.
    """
    text = _text(path)
    if path.suffix.lower() in {".ass", ".ssa"} or text.lstrip()[:13].lower() == "[script info]":
        raise SourceError(
            f"{path.name} is an ASS file, whose drawing commands are not accepted. Save it as SRT.",
            code="container-not-allowed",
        )
    if text.lstrip()[:1] not in {"{", "["}:
        return *_from_subtitles(path, text), ""
    data = _parsed(path, text)
    words, exact = read_json3(data) if is_json3(data) else _from_json(path, data)
    return words, exact, _field(data, "language")


def write_transcript_json(transcript: Transcript) -> str:
    """The transcript as clipmill's JSON, which ``read_transcript`` reads: words with times and chances."""
    words = []
    for word in transcript.words:
        entry: dict[str, Any] = {"word": word.text, "start": word.start, "end": word.end}
        entry["probability"] = word.probability
        if word.speaker:
            entry["speaker"] = word.speaker
        words.append(entry)
    whole = {"language": transcript.language, "duration": transcript.duration, "words": words}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read((LARGEST_MB << 20) + 1)
    except OSError as error:
        raise SourceError(
            f"The transcript {path.name} cannot be read: {error.strerror}.", code="transcript-not-found"
        ) from error
    if len(raw) > LARGEST_MB << 20:
        raise SourceError(
            f"The transcript {path.name} is larger than {LARGEST_MB} MiB. {_WAY_OUT}",
            code="transcript-too-large",
        )
    return _decoded(raw)


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _parsed(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _not_understood(path, f"line {error.lineno} is not JSON ({error.msg})") from error
    except RecursionError as error:
        raise _not_understood(path, "it is nested too deeply") from error


def _from_subtitles(path: Path, text: str) -> tuple[list[Word], bool]:
    try:
        return read_timed_text(text)
    except NotTimedText as error:
        raise _not_understood(path, f"line {error.line} is not what a subtitle file has there") from error


def _from_json(path: Path, data: Any) -> tuple[list[Word], bool]:
    """The words, and whether each came with its own times."""
    entries = data
    if isinstance(data, dict):
        lists = [
            data[name] for name in ("words", "segments", "transcription") if isinstance(data.get(name), list)
        ]
        entries = next(filter(None, lists), lists[0] if lists else None)
    if not isinstance(entries, list):
        raise _not_understood(path, "it has no list of words or segments")
    words: list[Word] = []
    exact = True
    for number, entry in enumerate(entries, 1):
        inner = entry.get("words") if isinstance(entry, dict) else None
        if isinstance(inner, list) and inner:
            words += _timed(path, inner, entry, f"segment {number}")
        else:
            said = _words(path, entry, f"entry {number}")
            exact = exact and len(said) < 2
            words += said
    return words, exact


def _timed(path: Path, entries: Sequence[Any], segment: dict[str, Any], where: str) -> Iterator[Word]:
    """The words of a segment; WhisperX gives none to numbers, which then begin where the word before ends."""
    last = segment.get("start", 0.0)
    for entry in entries:
        if isinstance(entry, dict) and "start" not in entry:
            entry = {**entry, "start": last, "end": last}
        for word in _words(path, entry, where, speaker=_field(segment, "speaker")):
            yield word
            last = word.end


def _words(path: Path, entry: Any, where: str, *, speaker: str = "") -> list[Word]:
    """The words of one entry of a list: one as a rule, several where a whole segment has times only."""
    if not isinstance(entry, dict):
        raise _not_understood(path, f"{where} is not an object")
    text = entry.get("word", entry.get("text"))
    offsets = entry.get("offsets")
    if isinstance(offsets, dict):  # whisper.cpp counts milliseconds
        entry = {"start": _ms(offsets.get("from")), "end": _ms(offsets.get("to"))}
    start, end = _number(entry.get("start")), _number(entry.get("end"))
    if not isinstance(text, str) or start is None or end is None:
        raise _not_understood(path, f"{where} lacks a word or its start and end in seconds")
    if start < 0 or end < start:
        raise _not_understood(path, f"{where} runs from {start:g} to {end:g} s, which is not forward")
    speaker = _field(entry, "speaker") or speaker
    chance = _number(entry.get("probability", entry.get("score")))
    said = spread(text, start, end, speaker=clean_text(speaker))
    probability = 1.0 if chance is None else min(1.0, max(0.0, chance))
    return [Word(word.text, word.start, word.end, probability, word.speaker) for word in said]


def _ms(value: Any) -> float | None:
    number = _number(value)
    return None if number is None else number / 1000


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
    return float(value) if good else None


def _field(data: Any, name: str) -> str:
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, str) else ""


def _checked(path: Path, words: Sequence[Word], settled: Sequence[Word], duration: float) -> tuple[str, ...]:
    """Warnings about words that were left out; SourceError when there are too many of them."""
    if not settled and not words:
        return ("no-speech",)
    outside = sum(word.start >= duration for word in words)
    if outside > OUTSIDE * len(words):
        last = max(word.end for word in words)
        raise SourceError(
            f"The transcript {path.name} goes on to {last:.0f} s, but the source ends at {duration:.0f} s. "
            "It belongs to another video, or to another cut of this one.",
            code="transcript-mismatch",
        )
    return ("words-outside-source",) if outside else ()


def _not_understood(path: Path, why: str) -> SourceError:
    return SourceError(
        f"The transcript {path.name} is not understood: {why}. {_WAY_OUT}", code="transcript-not-understood"
    )
