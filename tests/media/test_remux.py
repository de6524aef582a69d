"""Files that cannot be wound exactly become files in which every frame is found, in step with the sound."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from clipmill.errors import UsageError
from clipmill.media.decode import SAMPLE_RATE, sound_to
from clipmill.media.probe import probe, snap_to_frame
from clipmill.media.remux import UNWOUND, remux
from media_kit import make_numbered_video, make_video, number_of, run

UNEVEN = {
    "ts": ("-preset", "medium", "-bf", "2", "-g", "40"),
    "m2ts": ("-preset", "medium", "-bf", "2", "-g", "40", "-mpegts_m2ts_mode", "1", "-f", "mpegts"),
    "flv": ("-preset", "medium", "-bf", "2", "-g", "40"),
    "avi": ("-preset", "medium", "-bf", "2", "-g", "40"),
    "mpg": ("-c:v", "mpeg2video", "-q:v", "2", "-bf", "2", "-g", "18"),
}


def copied(ffmpeg: Path, source: Path, cwd: Path) -> Path:
    media = probe(source, cwd=cwd)
    assert media.container in UNWOUND
    target = cwd / "copy.mkv"
    scratch = cwd / "scratch"
    scratch.mkdir()
    remux(ffmpeg, source, media, target, cwd=scratch)
    assert list(scratch.iterdir()) == []
    return target


def test_old_avi_with_pictures_out_of_order_is_copied_too(ffmpeg: Path, tmp_path: Path) -> None:
    old = ("-c:v", "mpeg4", "-q:v", "2", "-bf", "2", "-g", "20")
    source = make_numbered_video(ffmpeg, tmp_path / "n.avi", *old, rate="25")
    media = probe(copied(ffmpeg, source, tmp_path), cwd=tmp_path)
    assert media.duration == pytest.approx(3.6, abs=0.01)


@pytest.mark.parametrize("ending", UNEVEN)
def test_every_frame_of_the_copy_is_found(ffmpeg: Path, tmp_path: Path, ending: str) -> None:
    source = make_numbered_video(ffmpeg, tmp_path / f"n.{ending}", *UNEVEN[ending], rate="25")
    copy = copied(ffmpeg, source, tmp_path)
    media = probe(copy, cwd=tmp_path)
    for number in (0, 7, 39, 40, 58, 85):
        time = snap_to_frame(copy, media, media.video.start + (number + 0.6) / 25, cwd=tmp_path)
        seek = ("-ss", f"{max(0.0, time - 0.002):.6f}")
        one = ("-frames:v", "1", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
        assert number_of(run(ffmpeg, *seek, "-i", str(copy), *one)[64 * 32 + 32]) == number


def test_late_sound_stays_late(ffmpeg: Path, tmp_path: Path) -> None:
    plain = make_video(ffmpeg, tmp_path / "plain.mp4", seconds=2)
    late = tmp_path / "late.ts"
    delayed = ("-itsoffset", "0.5", "-i", str(plain), "-map", "0:v", "-map", "1:a", "-c", "copy")
    run(ffmpeg, "-i", str(plain), *delayed, str(late))
    copy = copied(ffmpeg, late, tmp_path)
    media = probe(copy, cwd=tmp_path)
    with sound_to(ffmpeg, copy, media, cwd=tmp_path) as child:
        assert child.stdout
        samples = np.frombuffer(child.stdout.read(), "<i2")
    loud = np.flatnonzero(abs(samples.astype(int)) > 1000)[0] / SAMPLE_RATE
    assert loud - media.video.start == pytest.approx(0.5, abs=0.01)


def test_sound_that_the_copy_cannot_hold_is_kept_without_loss(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_video(ffmpeg, tmp_path / "disc.m2ts", "-c:a", "pcm_bluray", "-f", "mpegts", seconds=1)
    media = probe(copied(ffmpeg, source, tmp_path), cwd=tmp_path)
    assert media.audio
    assert media.audio.codec == "flac"


def test_a_folder_that_cannot_be_written_is_named(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_video(ffmpeg, tmp_path / "a.ts", seconds=1)
    media = probe(source, cwd=tmp_path)
    closed = tmp_path / "closed"
    closed.mkdir()
    os.chmod(closed, stat.S_IRUSR | stat.S_IXUSR)
    if os.access(closed, os.W_OK):
        pytest.skip("the superuser may write anywhere")
    with pytest.raises(UsageError, match="cannot be written"):
        remux(ffmpeg, source, media, closed / "copy.mkv", cwd=tmp_path)
