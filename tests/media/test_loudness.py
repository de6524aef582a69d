"""Loudness on sounds that are hard to bring to one level."""

import subprocess
from pathlib import Path

import pytest

from clip_kit import make
from clipmill.editing.command import SOUND
from clipmill.editing.filters import level, listen
from clipmill.media.loudness import Loudness, measure_gain, parse_loudness
from clipmill.media.probe import probe
from clipmill.model import Span

PICTURE = ("-f", "lavfi", "-i", "color=black:s=64x64:r=10:d=8")
CODECS = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le", "-pix_fmt", "yuv420p")
# Bursts like syllables over noise, in steps of loudness.
SPEECH = "(0.6+0.4*sin(2*PI*3*t))*(sin(2*PI*180*t)+0.5*sin(2*PI*1900*t)+0.3*(random(0)-0.5))"


def source(ffmpeg: Path, target: Path, sound: str) -> Path:
    return make(ffmpeg, target, *PICTURE, "-f", "lavfi", "-i", f"aevalsrc='{sound}':d=8:s=48000", *CODECS)


def gain_of(ffmpeg: Path, file: Path, folder: Path) -> float:
    media = probe(file, cwd=folder)
    return measure_gain(ffmpeg, file, media, Span(0.5, 7.5), cwd=folder, tick=lambda _: None)


def finished(ffmpeg: Path, file: Path, gain: float, folder: Path) -> Loudness:
    """What a clip of that source at that gain measures."""
    chain = f"[0:a]{listen(7.0)},{level(gain)}[out]"
    argv = ("-ss", "0.5", "-i", str(file), "-filter_complex", chain, "-map", "[out]", *SOUND)
    clip = make(ffmpeg, folder / "finished.m4a", *argv)
    heard = [ffmpeg, "-hide_banner", "-nostats", "-i", clip, "-af", "ebur128=peak=true", "-f", "null", "-"]
    return parse_loudness(subprocess.run(heard, capture_output=True, text=True, check=True).stderr)


@pytest.mark.parametrize(
    "sound",
    [f"0.1*{SPEECH}", f"0.05*{SPEECH}", f"0.55*{SPEECH}", f"(0.05+0.6*gt(mod(t,2),1.9))*{SPEECH}"],
    ids=["normal", "faint", "loud", "with outbursts"],
)
def test_every_sound_ends_at_the_loudness_of_the_platforms(ffmpeg: Path, tmp_path: Path, sound: str) -> None:
    file = source(ffmpeg, tmp_path / "a.mkv", sound)
    found = finished(ffmpeg, file, gain_of(ffmpeg, file, tmp_path), tmp_path)
    assert found.lufs == pytest.approx(-14, abs=1)
    assert found.true_peak_db is not None
    assert found.true_peak_db <= -1


def test_silence_is_left_alone(ffmpeg: Path, tmp_path: Path) -> None:
    assert gain_of(ffmpeg, source(ffmpeg, tmp_path / "a.mkv", "0"), tmp_path) == 0.0


def test_a_source_without_sound_has_no_gain(ffmpeg: Path, tmp_path: Path) -> None:
    mute = make(ffmpeg, tmp_path / "a.mkv", *PICTURE, "-c:v", "libx264", "-preset", "ultrafast")
    assert gain_of(ffmpeg, mute, tmp_path) == 0.0


def test_a_whisper_is_raised_by_twenty_decibels_at_most(ffmpeg: Path, tmp_path: Path) -> None:
    assert gain_of(ffmpeg, source(ffmpeg, tmp_path / "a.mkv", f"0.004*{SPEECH}"), tmp_path) == 20.0


def test_the_summary_is_read_and_silence_recognised() -> None:
    text = "Summary:\n  Integrated loudness:\n    I:  -23.4 LUFS\n  True peak:\n    Peak:  -3.1 dBFS\n"
    assert parse_loudness(text) == Loudness(-23.4, -3.1)
    silent = text.replace("-23.4", "-70.0").replace("-3.1", "-inf")
    assert parse_loudness(silent) == Loudness(None, None)
    assert parse_loudness("") == Loudness(None, None)
