"""The still picture of a clip."""

from pathlib import Path

import numpy as np

from clip_kit import make, pictures
from clipmill.media.stills import thumbnail

# Fine detail only between 1.0 and 1.5 s; a soft picture before and after.
PICTURE = "testsrc2=s=180x320:r=20:d=3,gblur=sigma=12:enable='not(between(t,1,1.5))'"


def clip_of(ffmpeg: Path, folder: Path) -> Path:
    fast = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    return make(ffmpeg, folder / "clip.mp4", "-f", "lavfi", "-i", PICTURE, *fast)


def test_the_sharpest_of_the_good_moments_is_taken(ffmpeg: Path, tmp_path: Path) -> None:
    clip, target = clip_of(ffmpeg, tmp_path), tmp_path / "clip.jpg"
    assert 1.0 <= thumbnail(ffmpeg, clip, (0.3, 1.3, 2.6), target, cwd=tmp_path) <= 1.5
    assert target.read_bytes()[:3] == b"\xff\xd8\xff"
    assert np.asarray(pictures(ffmpeg, target, size=(180, 320))).shape == (1, 320, 180)


def test_without_a_good_moment_a_still_is_made_all_the_same(ffmpeg: Path, tmp_path: Path) -> None:
    clip, target = clip_of(ffmpeg, tmp_path), tmp_path / "clip.jpg"
    thumbnail(ffmpeg, clip, (), target, cwd=tmp_path)
    thumbnail(ffmpeg, clip, (2.99,), target, cwd=tmp_path)
    assert target.stat().st_size > 500
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.jpg", "clip.mp4"]
