"""Flashes and beeps that come together in the source come together in the clip, within a frame."""

from pathlib import Path

import numpy as np
import pytest

from clipmill.cli import main
from media_kit import FAST, run

pytestmark = pytest.mark.usefixtures("small")

RATE = 25
SOUND_RATE = 48_000
UNEVEN = "select='not(between(mod(n,25),2,8)+between(mod(n,25),19,21))'"
"""Frames are left out before and after each flash."""

SOURCES = {
    "even.mp4": (),
    "uneven.mp4": ("-vf", UNEVEN, "-fps_mode", "vfr"),
    "uneven.mkv": ("-vf", UNEVEN, "-fps_mode", "vfr"),
    "late-sound.mp4": ("-af", "atrim=start=2.5"),
    "broadcast.ts": ("-g", "40", "-bf", "2", "-preset", "medium"),
    "wrapped.ts": ("-g", "40", "-output_ts_offset", "95440", "-muxdelay", "0"),
    "disc.mpg": ("-c:v", "mpeg2video", "-q:v", "3", "-bf", "2", "-c:a", "mp2", "-b:a", "128k"),
    "old.avi": ("-g", "40", "-bf", "2", "-preset", "medium", "-c:a", "mp3"),
    "web.flv": ("-g", "40", "-bf", "2", "-preset", "medium", "-ar", "44100"),
}


def make_flashes(ffmpeg: Path, path: Path, *options: str, seconds: int = 7) -> Path:
    """White for a fifth of a second from 0.48 s of each second on, and a beep with it."""
    white = "geq=lum='if(between(mod(N,25),12,16),235,16)':cb=128:cr=128"
    picture = f"color=black:s=160x90:r={RATE}:d={seconds},{white}"
    sound = f"aevalsrc='0.4*sin(2*PI*1000*t)*between(mod(t,1),0.48,0.68)':s={SOUND_RATE}:d={seconds}"
    run(ffmpeg, "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *FAST, *options, str(path))
    return path


def flashes(ffmpeg: Path, clip: Path) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """When the picture becomes white, in seconds of the clip."""
    raw = run(ffmpeg, "-i", str(clip), "-vf", "scale=1:1:flags=area,format=gray", "-f", "rawvideo", "-")
    white = np.frombuffer(raw, np.uint8) > 110
    return (np.flatnonzero(~white[:-1] & white[1:]) + 1) / RATE


def beeps(ffmpeg: Path, clip: Path) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """When the beep begins, in seconds of the clip."""
    sound = ("-af", "aresample=async=1:first_pts=0", "-ac", "1", "-f", "f32le", "-")
    samples = np.abs(np.frombuffer(run(ffmpeg, "-i", str(clip), *sound), np.float32))
    loud = np.flatnonzero(samples > 0.25 * samples.max())
    return loud[np.diff(loud, prepend=-SOUND_RATE) > SOUND_RATE / 2] / SOUND_RATE


@pytest.mark.parametrize("name", SOURCES)
def test_a_beep_comes_with_its_flash(name: str, ffmpeg: Path, tmp_path: Path) -> None:
    source = make_flashes(ffmpeg, tmp_path / name, *SOURCES[name])
    words = tmp_path / "nobody.json"
    words.write_text('{"words": []}')
    options = ("--transcript", words, "--allow-silent", "--min", "4", "--max", "6", "-n", "1", "-q")
    assert main(["make", str(source), "-o", str(tmp_path / "clips"), *map(str, options)]) == 0
    clip = tmp_path / "clips" / source.stem / "clip-01.mp4"
    seen, heard = flashes(ffmpeg, clip), beeps(ffmpeg, clip)
    assert len(seen) >= 3
    assert len(heard) >= 2
    for beep in heard[heard > 0]:
        assert np.abs(seen - beep).min() <= 1 / RATE + 1e-6, (seen, heard)
