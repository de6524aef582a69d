"""Speech heard through the real child with the real models."""

import json
import os
import wave
from pathlib import Path

import numpy as np
import pytest

from clipmill.errors import MissingError, ToolError, UsageError
from clipmill.media.speech import Listening, find_models, hear_parts, model_hears, transcribe
from clipmill.model import AudioStream, Recording, Span, Transcript
from media_kit import run

RATE = 16_000


def _recording(seconds: float, *, sound: bool = True) -> Recording:
    audio = AudioStream(0, "any", 1, RATE, "", 0.0) if sound else None
    return Recording(0.0, seconds, audio)


def _wave(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes((samples * 32767).astype(np.int16).tobytes())
    return path


def _heard(
    ffmpeg: Path, path: Path, seconds: float, cwd: Path, **options: object
) -> tuple[Transcript, list[float]]:
    ticks: list[float] = []
    listening = Listening(**options)  # type: ignore[arg-type]
    heard = transcribe(ffmpeg, path, _recording(seconds), listening=listening, cwd=cwd, tick=ticks.append)
    return heard, ticks


def test_in_silence_and_in_a_tone_nothing_is_said(ffmpeg: Path, tmp_path: Path) -> None:
    tone = 0.3 * np.sin(np.arange(3 * RATE) * 2 * np.pi * 440 / RATE)
    path = _wave(tmp_path / "quiet.wav", np.concatenate([np.zeros(3 * RATE), tone]))
    heard, _ = _heard(ffmpeg, path, 6.0, tmp_path)
    assert heard.words == ()
    assert heard.warnings == ("no-speech",)


def test_a_source_without_sound_has_an_empty_transcript(ffmpeg: Path, tmp_path: Path) -> None:
    none = _recording(5.0, sound=False)
    heard = transcribe(ffmpeg, tmp_path, none, listening=Listening(), cwd=tmp_path, tick=lambda _: None)
    assert (heard.words, heard.warnings) == ((), ("no-audio-stream",))


def test_an_unknown_language_and_a_missing_model_are_typed_errors(ffmpeg: Path, tmp_path: Path) -> None:
    path = _wave(tmp_path / "quiet.wav", np.zeros(RATE))
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(UsageError, match="klingon"):
        _heard(ffmpeg, path, 1.0, tmp_path, language="klingon")
    with pytest.raises(MissingError, match="not here"):
        _heard(ffmpeg, path, 1.0, tmp_path, model="nonsense")
    assert len(os.listdir("/proc/self/fd")) <= before


def test_sound_that_cannot_be_decoded_is_a_typed_error(ffmpeg: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound at all")
    with pytest.raises(ToolError):
        _heard(ffmpeg, broken, 1.0, tmp_path, language="en")


def test_listening_checks_itself() -> None:
    with pytest.raises(ValueError, match="device"):
        Listening(device="abacus")


def test_each_language_has_its_models() -> None:
    assert {role: one.name for role, one in find_models(Listening()).items()} == {
        "english": "tiny.en",
        "any": "base",
    }
    assert list(find_models(Listening(language="en-GB"))) == ["english"]
    assert list(find_models(Listening(language="de"))) == ["any"]
    assert find_models(Listening(model="base"))["any"].name == "base"


def test_the_models_run(tmp_path: Path) -> None:
    model_hears(cwd=tmp_path)


def test_an_address_of_1961_is_understood_to_the_word(
    ffmpeg: Path, shared_data: Path, tmp_path: Path
) -> None:
    heard, ticks = _heard(ffmpeg, shared_data / "speech" / "jfk" / "jfk.flac", 11.0, tmp_path)
    said = " ".join(word.text.strip(",.?!").lower() for word in heard.words)
    assert said == (shared_data / "speech" / "jfk" / "jfk.txt").read_text().strip().lower()
    assert (heard.language, heard.by, heard.warnings) == ("en", "whisper tiny.en", ())
    assert ticks == sorted(ticks)
    assert 0.9 < ticks[-1] <= 1.0


def test_word_starts_are_where_they_are_known_to_be(ffmpeg: Path, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "speech" / "podcast"
    span = Span(58.072, 88.0)
    heard, _ = _heard(ffmpeg, folder / "podcast.opus", 572.5, tmp_path, language="en", span=span)
    truth = json.loads((folder / "podcast.json").read_text())["words"]
    starts = np.array([word["start"] for word in truth])
    errors = [min(abs(starts - word.start)) for word in heard.words]
    assert all(span.start <= word.start < word.end <= span.end for word in heard.words)
    assert len(errors) > 60
    assert np.median(errors) <= 0.08
    assert np.quantile(errors, 0.95) <= 0.2


def test_spanish_is_told_and_understood(ffmpeg: Path, shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "speech" / "multilingual" / "es.wav"
    heard, _ = _heard(ffmpeg, path, 10.0, tmp_path)
    assert (heard.language, heard.by) == ("es", "whisper base")
    assert {"feliz", "cardillo"} <= {word.text.strip(",.").lower() for word in heard.words}


def test_a_language_that_is_not_sure_is_said(ffmpeg: Path, shared_data: Path, tmp_path: Path) -> None:
    heard, _ = _heard(ffmpeg, shared_data / "speech" / "multilingual" / "pl.wav", 10.0, tmp_path)
    assert heard.language_probability < 0.7
    assert heard.warnings == ("language-unsure",)


def test_sound_in_any_wrapping_is_heard(ffmpeg: Path, shared_data: Path, tmp_path: Path) -> None:
    source = tmp_path / "talk.mp4"
    run(ffmpeg, "-i", str(shared_data / "speech" / "jfk" / "jfk.flac"), "-c:a", "aac", str(source))
    heard, _ = _heard(ffmpeg, source, 11.0, tmp_path, language="en")
    assert len(heard.words) == 22


def test_parts_of_a_talk_are_heard_at_once_at_their_own_times(
    ffmpeg: Path, shared_data: Path, tmp_path: Path
) -> None:
    folder, parts = shared_data / "speech" / "podcast", (Span(58.072, 70.0), Span(305.0, 316.0))
    heard = hear_parts(
        ffmpeg,
        folder / "podcast.opus",
        _recording(572.5),
        parts,
        listening=Listening(language="en"),
        cwd=tmp_path,
        tick=lambda _: None,
    )
    truth = json.loads((folder / "podcast.json").read_text())["words"]
    starts = np.array([word["start"] for word in truth])
    assert np.median([min(abs(starts - word.start)) for word in heard.words]) <= 0.08
    for part in parts:
        inside = [word for word in heard.words if part.start <= word.start < word.end <= part.end]
        assert len(inside) > 15
    assert all(any(part.start <= word.start < part.end for part in parts) for word in heard.words)
    assert (heard.duration, heard.by, heard.warnings) == (572.5, "whisper tiny.en", ())
    assert list(tmp_path.iterdir()) == []


def test_a_part_after_the_end_of_the_sound_is_silent(ffmpeg: Path, tmp_path: Path) -> None:
    path = _wave(tmp_path / "short.wav", np.zeros(2 * RATE))
    heard = hear_parts(
        ffmpeg,
        path,
        _recording(9.0),
        (Span(1, 3), Span(5, 8)),
        listening=Listening(language="en"),
        cwd=tmp_path,
        tick=lambda _: None,
    )
    assert (heard.words, heard.warnings) == ((), ("no-speech",))
