"""What was said in a source, heard by Whisper in a sandboxed child."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

from clipmill.editing.words import SHORTEST, settle, without_loops
from clipmill.media.asking import ask
from clipmill.media.decode import SAMPLE_RATE, sound_to
from clipmill.media.launcher import Limits, Tick, graphics_devices
from clipmill.media.models import Weights, find_weights
from clipmill.model import Media, Recording, Span, Transcript, Word

UNSURE = 0.7
"""Below this probability the language may be wrong: Polish was once taken for English at 0.6."""

APART = 2.5
"""Seconds of silence between parts that are heard in one go; 2 s are enough to keep them apart."""


@dataclass(frozen=True, slots=True)
class Listening:
    """How to listen, and to what.

    ``model`` is ``auto`` (tiny.en for English, base for the rest), a model's name or a folder.
    ``language`` is a code such as ``en``; empty means to find out. ``device`` is ``auto``, ``cpu`` or
    ``cuda``. ``threads`` share one matrix: a second one makes two cores a fifth faster and a quarter
    dearer. ``models`` is the folder where fetched models stay. ``span`` is the part of the source to hear,
    in its seconds; None means all.
    """

    model: str = "auto"
    language: str = ""
    device: str = "auto"
    threads: int = 1
    models: Path | None = None
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.device not in {"auto", "cpu", "cuda"} or self.threads < 1:
            raise ValueError(f"listening needs a device and a thread, got {self.device}, {self.threads}")


def transcribe(
    ffmpeg: Path, source: Path, media: Media | Recording, *, listening: Listening, cwd: Path, tick: Tick
) -> Transcript:
    """All words of ``source``, or of ``listening.span``, with times in seconds of the source.

    The sound is heard in windows, so memory does not grow with its length. Warnings are ``language-unsure``
    (below 0.7), ``no-speech`` and ``no-audio-stream``. Raises MissingError when a model or graphics card is
    not here, UsageError for a language that Whisper does not know, ToolError when a child died.
    """
    if media.audio is None:
        return Transcript("", 0.0, media.duration, (), "nobody", ("no-audio-stream",))
    span = listening.span or Span(0.0, media.duration)
    read, write = os.pipe()
    with (
        open(read, "rb") as hearing,
        open(write, "wb") as saying,
        sound_to(ffmpeg, source, media, cwd=cwd, stdout=write, span=listening.span) as sound,
    ):
        saying.close()  # so that the sound's end is the end for the hearing child
        answer = _ask(listening, span.length, stdin=hearing.fileno(), cwd=cwd, tick=tick)
        hearing.close()
        sound.wait()
    return transcript_of(answer, media, span)


def hear_parts(  # noqa: PLR0913 (as transcribe, of which it does several)
    ffmpeg: Path,
    source: Path,
    media: Media | Recording,
    parts: Sequence[Span],
    *,
    listening: Listening,
    cwd: Path,
    tick: Tick,
) -> Transcript:
    """The words of some parts of ``source``, in seconds of the source: one child hears all of them.

    ``parts`` are in order and do not overlap; ``media`` has sound. Warnings and errors are those of
    ``transcribe``.
    """
    begins = list(accumulate((part.length + APART for part in parts), initial=0.0))
    seconds = begins.pop()
    with tempfile.TemporaryFile(dir=cwd) as file:
        for part, begin in zip(parts, begins, strict=True):
            tick(0.0)
            _lengthen(file, begin)
            with sound_to(ffmpeg, source, media, cwd=cwd, stdout=file.fileno(), span=part) as sound:
                sound.wait()
        _lengthen(file, seconds)
        file.seek(0)
        answer = _ask(listening, seconds, stdin=file.fileno(), cwd=cwd, tick=tick)
    heard = transcript_of(answer, Recording(0.0, seconds, media.audio), Span(0.0, seconds))
    words = tuple(
        replace(word, start=round(word.start + shift, 3), end=round(min(word.end + shift, part.end), 3))
        for part, begin in zip(parts, begins, strict=True)
        for shift in (part.start - begin,)
        for word in heard.words
        if begin <= word.start < begin + part.length - SHORTEST
    )
    return replace(heard, words=words, duration=media.duration)


def _lengthen(file: IO[bytes], seconds: float) -> None:
    """Add silence to a file of sound, or cut it, so that it ends at second ``seconds``."""
    file.truncate(int(seconds * SAMPLE_RATE) * 2)
    file.seek(0, os.SEEK_END)


def _ask(listening: Listening, seconds: float, *, stdin: int, cwd: Path, tick: Tick) -> dict[str, Any]:
    """What a child hears in ``seconds`` of sound from ``stdin``."""
    models = find_models(listening)
    answer: dict[str, Any] = ask(
        "speech",
        question(listening, models, seconds),
        cwd=cwd,
        reads=tuple(sorted({folder for weights in models.values() for folder in weights.folders})),
        stdin=stdin,
        tick=tick,
        limits=Limits(wall_s=600 + 8 * seconds, cpu_s=int(600 + 8 * seconds)),
        devices=() if listening.device == "cpu" else graphics_devices(),
    )
    return answer


def model_hears(listening: Listening = Listening(), *, cwd: Path) -> None:
    """Run every model once. Raises MissingError or ToolError when one is not here, damaged or dies."""
    models = find_models(listening)
    folders = tuple(folder for weights in models.values() for folder in weights.folders)
    request = question(listening, models, 1.0) | {"check": True}
    ask("speech", request, cwd=cwd, reads=folders, limits=Limits(wall_s=120, cpu_s=60))


def find_models(listening: Listening) -> dict[str, Weights]:
    """The weights by what they are for: ``english``, or ``any`` language, which is also who names it."""
    return {role: find_weights(name, kept=listening.models) for role, name in _roles(listening).items()}


def model_names(listening: Listening) -> tuple[str, ...]:
    """The names of the models that may hear."""
    return tuple(_roles(listening).values())


def _roles(listening: Listening) -> dict[str, str]:
    if listening.model != "auto":
        return {"any": listening.model}
    english = listening.language.lower().replace("_", "-").partition("-")[0] == "en"
    roles = {"english": "tiny.en"} if english else {"any": "base"}
    if not listening.language:
        roles["english"] = "tiny.en"
    return roles


def question(listening: Listening, models: dict[str, Weights], seconds: float) -> dict[str, Any]:
    """What the child is asked; ``seconds`` is how long the sound will be."""
    files = {
        role: {"name": one.name, "files": {name: [str(part) for part in parts] for name, parts in one.files}}
        for role, one in models.items()
    }
    return {
        "models": files,
        "language": listening.language,
        "device": listening.device,
        "threads": listening.threads,
        "seconds": seconds,
    }


def transcript_of(answer: dict[str, Any], media: Media | Recording, span: Span) -> Transcript:
    """The child's answer about ``span`` as a transcript in seconds of the source, without loops."""
    heard = [
        Word(text, start + span.start, end + span.start, round(probability, 3))
        for text, start, end, probability in answer["words"]
    ]
    words = without_loops(settle(heard, duration=min(media.duration, span.end)))
    sure = answer["language_probability"]
    warnings = ("no-speech",) if not words else ("language-unsure",) if sure < UNSURE else ()
    by = f"whisper {answer['model']}".strip()
    return Transcript(answer["language"], sure, media.duration, words, by, warnings)
