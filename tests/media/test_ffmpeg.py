"""Finding ffmpeg, opening files with it safely, and watching it."""

import os
from pathlib import Path

import pytest

from clipmill.errors import JobCancelled, MissingError, SettingsError, ToolError
from clipmill.media.ffmpeg import (
    ENCODERS,
    FILTERS,
    HARDWARE,
    encoder_works,
    find_ffmpeg,
    input_arguments,
    out_time,
    pick_encoder,
    run_ffmpeg,
)
from media_kit import make_silent_video, make_video

NULL = ("-f", "null", "-")
ENDLESS = ("-f", "lavfi", "-i", "testsrc=size=320x240:rate=30", "-c:v", "libx264", *NULL)


def test_the_embedded_ffmpeg_passes_the_self_test() -> None:
    found = find_ffmpeg(None)
    assert found.filters >= FILTERS
    assert found.encoders >= ENCODERS
    assert found.version[0] in "nN123456789"


def test_it_is_tested_once() -> None:
    assert find_ffmpeg(None) is find_ffmpeg(None)


def test_a_setting_wins(ffmpeg: Path, tmp_path: Path) -> None:
    link = tmp_path / "my-ffmpeg"
    link.symlink_to(ffmpeg)
    assert find_ffmpeg(link).path == ffmpeg.resolve()


def test_a_setting_that_names_nothing_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="names no program") as caught:
        find_ffmpeg(tmp_path / "ffmpeg")
    assert caught.value.code == "ffmpeg-not-found"


def test_a_program_that_is_no_ffmpeg_is_told_so() -> None:
    with pytest.raises((MissingError, ToolError)):
        find_ffmpeg(Path("/bin/true"))


def test_without_the_embedded_one_and_with_none_on_the_path_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="pip install imageio-ffmpeg"):
        find_ffmpeg(None)


def test_x264_truly_works_and_so_does_what_is_picked() -> None:
    ffmpeg = find_ffmpeg(None)
    assert encoder_works(ffmpeg, "libx264")
    assert pick_encoder(ffmpeg, "libx264") == "libx264"
    picked = pick_encoder(ffmpeg)
    assert picked in ("libx264", *HARDWARE)
    assert encoder_works(ffmpeg, picked)


def test_an_encoder_that_is_compiled_in_but_dead_is_not_picked() -> None:
    ffmpeg = find_ffmpeg(None)
    dead = [name for name in HARDWARE if name in ffmpeg.encoders and not encoder_works(ffmpeg, name)]
    for name in dead:
        with pytest.raises(MissingError, match=name):
            pick_encoder(ffmpeg, name)


def test_an_unknown_encoder_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="libx264"):
        pick_encoder(find_ffmpeg(None), "h264; rm -rf /")


def test_progress_grows_to_the_whole(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_video(ffmpeg, tmp_path / "source.mp4", seconds=3)
    shares: list[float] = []
    run_ffmpeg(
        ffmpeg,
        (*input_arguments(source), *NULL),
        cwd=tmp_path,
        reads=(source,),
        expected_s=3,
        tick=shares.append,
    )
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1, abs=0.05)


def test_a_cancel_stops_it(ffmpeg: Path, tmp_path: Path) -> None:
    def cancel(_: float) -> None:
        raise JobCancelled

    with pytest.raises(JobCancelled):
        run_ffmpeg(ffmpeg, ENDLESS, cwd=tmp_path, tick=cancel)


def test_one_that_moves_nothing_is_stopped(
    ffmpeg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clipmill.media.ffmpeg.STILL_S", 0.5)
    os.mkfifo(tmp_path / "never")
    with pytest.raises(ToolError, match="no progress") as caught:
        run_ffmpeg(ffmpeg, ("-f", "s16le", "-i", "never", *NULL), cwd=tmp_path)
    assert caught.value.code == "tool-timeout"


def test_a_failure_tells_what_ffmpeg_said(ffmpeg: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        run_ffmpeg(ffmpeg, ("-i", "nowhere.mp4", *NULL), cwd=tmp_path)
    assert caught.value.code == "tool-failed"
    assert "nowhere.mp4" in caught.value.detail
    assert "nowhere.mp4" not in caught.value.message


def test_frames_leave_by_a_descriptor_while_progress_is_told(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_silent_video(ffmpeg, tmp_path / "source.mp4", seconds=1)
    shares: list[float] = []
    arguments = (*input_arguments(source), "-pix_fmt", "gray", "-f", "rawvideo", "pipe:1")
    with open(tmp_path / "frames", "wb") as frames:
        run_ffmpeg(
            ffmpeg,
            arguments,
            cwd=tmp_path,
            reads=(source,),
            expected_s=1,
            tick=shares.append,
            stdout=frames.fileno(),
        )
    assert (tmp_path / "frames").stat().st_size == 25 * 160 * 120
    assert shares


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ncanary.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile canary.ts\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" mediaPresentationDuration="PT1S">'
        '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1000">'
        "<BaseURL>canary.ts</BaseURL><SegmentBase/></Representation></AdaptationSet></Period></MPD>",
    ],
    ids=["hls", "ffconcat", "dash"],
)
def test_a_script_that_names_another_file_is_not_opened(ffmpeg: Path, tmp_path: Path, text: str) -> None:
    make_silent_video(ffmpeg, tmp_path / "canary.ts", seconds=0.5)
    source = tmp_path / "source.mp4"
    source.write_text(text)
    with pytest.raises(ToolError), open(tmp_path / "frames", "wb") as frames:
        run_ffmpeg(
            ffmpeg,
            (*input_arguments(source), "-f", "rawvideo", "pipe:1"),
            cwd=tmp_path,
            stdout=frames.fileno(),
        )
    assert (tmp_path / "frames").stat().st_size == 0


def test_a_decoder_that_is_not_on_the_list_is_not_used(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_silent_video(ffmpeg, tmp_path / "odd.mkv", "-c:v", "ffv1", seconds=0.2)
    with pytest.raises(ToolError):
        run_ffmpeg(ffmpeg, (*input_arguments(source), *NULL), cwd=tmp_path)


def test_a_frame_that_is_too_large_is_not_decoded(ffmpeg: Path, tmp_path: Path) -> None:
    make_silent_video(ffmpeg, tmp_path / "large.mp4", "-vf", "scale=7680:5300", "-frames:v", "1")
    with pytest.raises(ToolError):
        run_ffmpeg(ffmpeg, (*input_arguments(tmp_path / "large.mp4"), *NULL), cwd=tmp_path)


@pytest.mark.parametrize(
    ("said", "seconds"), [("1500000", 1.5), ("-2", 0.0), ("N/A", None), ("", None), (None, None)]
)
def test_out_time_may_be_missing(said: str | None, seconds: float | None) -> None:
    assert out_time({} if said is None else {"out_time_us": said}) == seconds
