"""Look at the pictures of one span."""

import os
import subprocess
import sys
import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

import clipmill
from clipmill.editing.layout import frame_clip
from clipmill.errors import JobCancelled, ToolError
from clipmill.media import look as looking
from clipmill.media.look import SAMPLE, look, model_sees, small_size
from clipmill.media.probe import probe
from clipmill.model import Sighting, Span
from media_kit import FAST, make_video, run

PORTRAIT = Path(clipmill.__file__).parent / "data" / "portrait.png"
WHOLE = Span(0, 4)

FACE_X, FACE_Y = 0.56, 0.38
"""The middle of the face in the portrait, in shares of it."""


def talk(ffmpeg: Path, path: Path, *options: str, size: str = "480x270", more: str = "") -> Path:
    """Four seconds of one face before a wall; from 2 s on it is at the right, before another wall."""
    run(
        ffmpeg,
        *("-loop", "1", "-framerate", "25", "-t", "4", "-i", str(PORTRAIT)),
        "-filter_complex",
        "color=0x304050:s=480x270:r=25:d=4[dark];color=0xc0b090:s=480x270:r=25:d=2,setpts=PTS+2/TB[light];"
        f"[0]scale=-2:180[head];[dark][light]overlay=eof_action=pass[wall];"
        f"[wall][head]overlay=x='if(lt(t,1.99),20,280)':y=90:shortest=1,format=yuv420p{more}[v]",
        *("-map", "[v]", *FAST, *options, "-s", size, str(path)),
    )
    return path


def seen_in(ffmpeg: Path, source: Path, tmp_path: Path, span: Span = WHOLE) -> Sighting:
    return look(ffmpeg, source, probe(source, cwd=tmp_path), span, cwd=tmp_path)


def middle(sighting: Sighting, time: float) -> tuple[float, float]:
    frame = min(sighting.frames, key=lambda frame: abs(frame.time - time))
    (face,) = frame.faces
    return face.box.centre_x, face.box.centre_y


def test_the_face_and_the_cut_are_found_where_they_are(ffmpeg: Path, tmp_path: Path) -> None:
    seen = seen_in(ffmpeg, talk(ffmpeg, tmp_path / "talk.mp4"), tmp_path)
    assert len(seen.frames) == 20
    assert all(len(frame.faces) == 1 for frame in seen.frames)
    assert middle(seen, 1)[0] == pytest.approx((20 + 180 * FACE_X) / 480, abs=0.03)
    assert middle(seen, 3)[0] == pytest.approx((280 + 180 * FACE_X) / 480, abs=0.03)
    assert seen.cuts == (pytest.approx(2.0, abs=0.002),)


def test_a_span_in_the_middle_has_times_of_the_source(ffmpeg: Path, tmp_path: Path) -> None:
    seen = seen_in(ffmpeg, talk(ffmpeg, tmp_path / "talk.mp4"), tmp_path, Span(1.48, 3.0))
    assert [round(frame.time, 2) for frame in seen.frames[:2]] == [1.48, 1.68]
    assert seen.frames[-1].time < 3.0
    assert seen.cuts == (pytest.approx(2.0, abs=0.002),)
    assert [middle(seen, time)[0] < 0.5 for time in (1.88, 2.08)] == [True, False]


def test_the_whole_way_the_window_follows_the_face_and_jumps_on_the_cut(ffmpeg: Path, tmp_path: Path) -> None:
    seen = seen_in(ffmpeg, talk(ffmpeg, tmp_path / "talk.mp4"), tmp_path)
    framing = frame_clip(
        seen, picture=(480, 270), aspect=Fraction(9, 16), layout="auto", frame_rate=Fraction(25)
    )
    first, second = framing.path.keys
    assert first.x == pytest.approx((20 + 180 * FACE_X) / 480, abs=0.05)
    assert (second.time, second.cut) == (pytest.approx(2.0, abs=0.002), True)


def test_a_picture_with_long_pixels_is_seen_in_its_shape(ffmpeg: Path, tmp_path: Path) -> None:
    source = talk(ffmpeg, tmp_path / "talk.mp4", "-aspect", "16:9", size="240x270")
    media = probe(source, cwd=tmp_path)
    assert small_size(media.video) == (480, 270)
    seen = look(ffmpeg, source, media, Span(0, 1), cwd=tmp_path)
    assert middle(seen, 0.6)[0] == pytest.approx((20 + 180 * FACE_X) / 480, abs=0.03)


def test_a_turned_picture_is_seen_upright(ffmpeg: Path, tmp_path: Path) -> None:
    lying = talk(ffmpeg, tmp_path / "lying.mp4", size="270x480", more=",transpose=clock")
    source = tmp_path / "turned.mp4"
    run(ffmpeg, "-display_rotation", "90", "-i", str(lying), "-c", "copy", str(source))
    media = probe(source, cwd=tmp_path)
    assert small_size(media.video) == (480, 270)
    seen = look(ffmpeg, source, media, Span(0, 1), cwd=tmp_path)
    assert middle(seen, 0.6) == (
        pytest.approx((20 + 180 * FACE_X) / 480, abs=0.03), pytest.approx((90 + 180 * FACE_Y) / 270, abs=0.05)
    )  # fmt: skip


def test_letters_are_fine_detail_and_motion_has_its_column(ffmpeg: Path, tmp_path: Path) -> None:
    moving = make_video(ffmpeg, tmp_path / "moving.mp4", seconds=2)
    plain = talk(ffmpeg, tmp_path / "talk.mp4")
    comb = tmp_path / "comb.mp4"
    stripes = "nullsrc=s=320x180:r=25:d=2,geq=lum='if(mod(floor(X/2),2),230,20)':cb=128:cr=128,format=yuv420p"
    run(ffmpeg, "-f", "lavfi", "-i", stripes, *FAST, str(comb))
    assert seen_in(ffmpeg, comb, tmp_path, Span(0, 2)).detail > 0.5
    assert seen_in(ffmpeg, plain, tmp_path, Span(0, 1.8)).detail < 0.05
    rows = seen_in(ffmpeg, moving, tmp_path, Span(0, 2)).motion
    assert len(rows) == 10
    assert {len(row) for row in rows} == {32}
    assert max(rows[5]) > 0.02


def test_a_line_from_top_to_bottom_is_a_seam(ffmpeg: Path, tmp_path: Path) -> None:
    source = talk(ffmpeg, tmp_path / "talk.mp4", more=",drawbox=x=238:y=0:w=4:h=ih:color=white:t=fill")
    seen = seen_in(ffmpeg, source, tmp_path, Span(0, 1.8))
    assert all(any(abs(seam - 0.5) < 0.01 for seam in frame.seams) for frame in seen.frames)


def test_a_cancel_stops_both_children(ffmpeg: Path, tmp_path: Path) -> None:
    source = talk(ffmpeg, tmp_path / "talk.mp4")
    media = probe(source, cwd=tmp_path)

    def stop(_: float) -> None:
        raise JobCancelled

    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(JobCancelled):
        look(ffmpeg, source, media, Span(0, 4), cwd=tmp_path, tick=stop)
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_a_source_that_ffmpeg_cannot_open_is_a_tool_error(ffmpeg: Path, tmp_path: Path) -> None:
    source = talk(ffmpeg, tmp_path / "talk.mp4")
    media = probe(source, cwd=tmp_path)
    source.write_bytes(b"nothing")
    with pytest.raises(ToolError):
        look(ffmpeg, source, media, Span(0, 4), cwd=tmp_path)


def test_the_face_model_sees_the_portrait(tmp_path: Path) -> None:
    model_sees(cwd=tmp_path)


def test_a_face_model_that_sees_no_face_in_a_portrait_is_an_error(tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    header = PORTRAIT.read_bytes()
    at = header.index(b"IDAT") + 4
    blank.write_bytes(header[:at] + zlib.compress(bytes(112 * (1 + 112 * 3))))
    with pytest.raises(ToolError) as caught:
        model_sees(blank, cwd=tmp_path)
    assert caught.value.code == "face-model-blind"


def test_big_frames_are_small_and_small_ones_are_not_enlarged(ffmpeg: Path, tmp_path: Path) -> None:
    video = probe(make_video(ffmpeg, tmp_path / "small.mp4"), cwd=tmp_path).video
    assert small_size(video) == (160, 120)
    assert small_size(replace(video, display_width=1080, display_height=1920)) == (270, 480)
    assert small_size(replace(video, display_width=1921, display_height=803)) == (480, 200)


def test_the_parent_never_imports_the_model(tmp_path: Path) -> None:
    code = "import sys, clipmill.media.look; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
    assert looking.SAMPLE == SAMPLE
