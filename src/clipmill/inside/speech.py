"""Hears speech: takes 16 kHz mono s16le from stdin window by window, answers with words and their times."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import _LANGUAGE_CODES
from numpy.typing import NDArray

from clipmill.errors import MissingError, UsageError
from clipmill.inside import serve, tell
from clipmill.inside.align import Aligner
from clipmill.inside.hearing import APART, RATE, Ear, Samples, Stretch, find_speech, hear, stretches
from clipmill.model import Word

WINDOW = 300
"""Seconds of sound in memory at a time: five minutes cost 0.5 GB, the whole of an hour would cost 3.4 GB."""

ENOUGH = 30
"""Seconds of speech from which the language is told."""

AHEAD = {"tiny.en": -0.03, "base": 0.13}
"""Seconds that a model's words come too early (tiny.en: late by 0.019 on synthetic speech with exact times
and 0.045 on real onsets; base: early by 0.128 and 0.13)."""


@dataclass(frozen=True, slots=True)
class Device:
    """What computes, with which numbers, and how many stretches at once."""

    name: str
    numbers: str
    together: int


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The language, its probability, the model's name and the words as (text, start, end, probability)."""
    ctranslate2.set_random_seed(1)
    device = choose_device(request["device"], ctranslate2.get_cuda_device_count())
    language, sure = plain_code(request["language"]), 1.0
    if request.get("check"):
        return _checked(request, device)
    role, ear, words = "", None, []
    aligner = None
    for offset, raw, found in windows(sys.stdin.buffer):
        sound = _samples(raw)
        if ear is None and found:
            if not language:
                language, sure = _told(request, device, sound, found)
            role = "english" if language == "en" and "english" in request["models"] else "any"
            ear = Ear(_load(request, role, device), language, device.together)
            aligner = Aligner() if language == "en" else None
        for stretch, heard in hear(ear, sound, found) if ear else ():
            heard = _timed(heard, stretch, raw, aligner, _ahead(request, role))
            words += [(one.text, one.start + offset, one.end + offset, one.probability) for one in heard]
            tell(min(1.0, (offset + stretch.span.end) / request["seconds"]))
    name = request["models"][role]["name"] if role else ""
    return {"language": language, "language_probability": sure, "model": name, "words": words}


def choose_device(wanted: str, gpus: int) -> Device:
    """What to compute on: ``wanted`` is ``auto``, ``cpu`` or ``cuda``, ``gpus`` how many there are."""
    if wanted == "cuda" and not gpus:
        raise MissingError(
            "No NVIDIA card can be used: install its driver and CUDA 12, or set CLIPMILL_DEVICE=auto.",
            code="gpu-not-found",
        )
    if gpus and wanted != "cpu":
        return Device("cuda", "float16", 16)
    return Device("cpu", "int8", 4)


def plain_code(language: str) -> str:
    """``en`` for ``en-US`` and ``EN``; raises UsageError for a language that Whisper does not know."""
    code = language.lower().replace("_", "-").partition("-")[0]
    if code and code not in _LANGUAGE_CODES:
        raise UsageError(
            f"The speech model knows no language {language}. Give a code such as en, es or de.",
            code="language-unknown",
        )
    return code


def windows(stream: IO[bytes]) -> Iterator[tuple[float, NDArray[np.int16], list[Stretch]]]:
    """The sound in windows of at most five minutes that end at a pause: offset, samples, stretches of speech.

    A stretch that the end of a window might have cut belongs to the next window.
    """
    held, offset, more = np.zeros(0, np.int16), 0, True
    while more:
        wanted = (WINDOW * RATE - len(held)) * 2
        block = stream.read(wanted)
        more = len(block) == wanted
        held = np.concatenate([held, np.frombuffer(block[: len(block) // 2 * 2], np.int16)])
        found = _stretches(held)
        cut = len(held)
        if more and found and found[-1].speech[-1].end > len(held) / RATE - APART:
            cut = int(found.pop().span.start * RATE)
        yield offset / RATE, held, found
        held, offset = held[cut:].copy(), offset + cut


def _checked(request: dict[str, Any], device: Device) -> dict[str, Any]:
    """Every part run once: no speech in silence, a text from each model, an alignment."""
    hiss = np.random.default_rng(1).normal(0, 0.05, 2 * RATE).astype(np.float32)
    find_speech(hiss)
    for role in request["models"]:
        segments, _ = _load(request, role, device).transcribe(hiss, language="en", beam_size=1)
        list(segments)
    Aligner().aligned([Word("hello", 0.5, 1.0)], np.zeros(2 * RATE, np.int16), offset=0.0)
    return {"models": [one["name"] for one in request["models"].values()]}


def _samples(raw: NDArray[np.int16]) -> Samples:
    return np.divide(raw, 32768, dtype=np.float32)


def _stretches(held: NDArray[np.int16]) -> list[Stretch]:
    if len(held) < RATE // 10:
        return []
    return stretches(find_speech(_samples(held)), len(held) / RATE)


def _told(
    request: dict[str, Any], device: Device, sound: Samples, found: Sequence[Stretch]
) -> tuple[str, float]:
    """The language of up to 30 s of speech from the middle, where no jingle plays, and how sure that is."""
    if "any" not in request["models"]:
        return "en", 1.0
    model = _load(request, "any", device)
    if not model.model.is_multilingual:
        return "en", 1.0
    spans = [span for stretch in found for span in stretch.speech]
    speech = np.concatenate([sound[int(span.start * RATE) : int(span.end * RATE)] for span in spans])
    first = max(0, (len(speech) - ENOUGH * RATE) // 2)
    language, sure, _ = model.detect_language(speech[first : first + ENOUGH * RATE])
    return language, float(sure)


def _load(request: dict[str, Any], role: str, device: Device) -> WhisperModel:
    asked = request["models"][role]
    files = {
        name: b"".join(Path(part).read_bytes() for part in parts) for name, parts in asked["files"].items()
    }
    return WhisperModel(
        asked["name"],
        device=device.name,
        compute_type=device.numbers,
        cpu_threads=request["threads"],
        files=files,
    )


def _ahead(request: dict[str, Any], role: str) -> float:
    return AHEAD.get(request["models"][role]["name"], 0.0)


def _timed(
    words: Sequence[Word], stretch: Stretch, raw: NDArray[np.int16], aligner: Aligner | None, ahead: float
) -> list[Word]:
    """The words with the model's bias taken out, and aligned where that can be done."""
    moved = [replace(word, start=max(0.0, word.start + ahead), end=word.end + ahead) for word in words]
    if aligner is None:
        return moved
    first, last = (int(time * RATE) for time in (stretch.span.start, stretch.span.end))
    return aligner.aligned(moved, raw[first:last], offset=first / RATE)


if __name__ == "__main__":
    serve(answer)
