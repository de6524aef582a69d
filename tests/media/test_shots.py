"""Where the cuts are, to the frame."""

from pathlib import Path

import pytest

from clipmill.media.probe import probe
from clipmill.media.shots import exact_cut, exact_cuts
from media_kit import FAST, run


def cut_video(ffmpeg: Path, path: Path, *options: str, rate: str = "25", before: int = 37) -> Path:
    """``before`` frames of one moving picture, then 25 of another."""
    run(
        ffmpeg,
        *("-f", "lavfi", "-i", f"testsrc2=size=320x180:rate={rate}"),
        *("-f", "lavfi", "-i", f"mandelbrot=size=320x180:rate={rate}"),
        "-filter_complex",
        f"[0]trim=end_frame={before}[a];[1]trim=end_frame=25[b];[a][b]concat=n=2,format=yuv420p[v]",
        *("-map", "[v]", *FAST, *options, str(path)),
    )
    return path


@pytest.mark.parametrize("rate", ["25", "30000/1001", "60"])
def test_the_first_frame_after_the_cut_is_found_exactly(ffmpeg: Path, tmp_path: Path, rate: str) -> None:
    source = cut_video(ffmpeg, tmp_path / "cut.mp4", rate=rate)
    media = probe(source, cwd=tmp_path)
    true = float(37 / media.video.frame_rate)
    (found,) = exact_cuts(ffmpeg, source, media, [true + 0.09], cwd=tmp_path)
    assert found == pytest.approx(true, abs=0.002)


def test_times_count_from_the_start_of_the_file(ffmpeg: Path, tmp_path: Path) -> None:
    source = cut_video(ffmpeg, tmp_path / "cut.ts", "-output_ts_offset", "7")
    media = probe(source, cwd=tmp_path)
    assert media.start > 6
    (found,) = exact_cuts(ffmpeg, source, media, [37 / 25 - 0.1], cwd=tmp_path)
    assert found == pytest.approx(media.video.start + 37 / 25, abs=0.002)


def test_a_suspect_that_is_no_cut_is_dropped(ffmpeg: Path, tmp_path: Path) -> None:
    source = cut_video(ffmpeg, tmp_path / "cut.mp4")
    media = probe(source, cwd=tmp_path)
    assert exact_cuts(ffmpeg, source, media, [0.6, 2.2], cwd=tmp_path) == ()


def test_two_suspects_of_one_cut_are_one_cut(ffmpeg: Path, tmp_path: Path) -> None:
    source = cut_video(ffmpeg, tmp_path / "cut.mp4")
    media = probe(source, cwd=tmp_path)
    assert len(exact_cuts(ffmpeg, source, media, [1.4, 1.5], cwd=tmp_path)) == 1


def test_cuts_that_are_near_each_other_are_found_each_to_the_frame(ffmpeg: Path, tmp_path: Path) -> None:
    cut_video(ffmpeg, tmp_path / "one.mp4")
    run(
        ffmpeg,
        *("-i", str(tmp_path / "one.mp4"), "-vf", "split[a][b];[b]reverse[c];[a][c]concat", *FAST, "-an"),
        str(tmp_path / "two.mp4"),
    )
    source = tmp_path / "two.mp4"
    media = probe(source, cwd=tmp_path)
    found = exact_cuts(ffmpeg, source, media, [37 / 25 + 0.08, 2.2, 87 / 25 - 0.08], cwd=tmp_path)
    assert found == pytest.approx((37 / 25, 87 / 25), abs=0.002)


def test_a_change_must_stand_out_to_be_a_cut() -> None:
    calm = [(n / 25, 1.0) for n in range(14)]
    assert exact_cut([*calm[:7], (7 / 25, 12.0), *calm[8:]]) == 7 / 25
    assert exact_cut([*calm[:7], (7 / 25, 3.5), *calm[8:]]) is None
    assert exact_cut([(time, 10.0) for time, _ in calm[:7]] + [(0.28, 20.0)]) is None
    assert exact_cut(calm[:2]) is None
