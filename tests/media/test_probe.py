"""The facts of files whose truth is known, and frames that are found exactly."""

import hashlib
from fractions import Fraction
from pathlib import Path

import pytest

from clipmill.errors import SourceError
from clipmill.media.probe import probe, probe_sound, snap_to_frame, snap_to_frames, sniff
from clipmill.model import Hdr
from media_kit import make_numbered_video, make_silent_video, make_video, number_of, patch, run


def refusal(source: Path, cwd: Path) -> str:
    """The code with which a source is refused."""
    with pytest.raises(SourceError) as caught:
        probe(source, cwd=cwd)
    assert str(source.parent) not in caught.value.message
    return caught.value.code


def test_the_facts_of_an_ordinary_file(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_video(ffmpeg, tmp_path / "source.mp4", seconds=2)
    media = probe(source, cwd=tmp_path)
    assert media.name == "source.mp4"
    assert media.size_bytes == source.stat().st_size
    assert media.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert media.duration == pytest.approx(2, abs=0.05)
    assert (media.video.codec, media.video.width, media.video.height) == ("h264", 160, 120)
    assert media.video.frame_rate == 25
    assert not media.video.variable
    assert media.audio
    assert (media.audio.codec, media.audio.channels) == ("aac", 1)
    assert media.warnings == ()


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "avi", "flv", "ts", "mpg", "3gp"])
def test_every_container_on_the_list_is_opened(ffmpeg: Path, tmp_path: Path, ending: str) -> None:
    codecs = ("-c:v", "mpeg2video", "-c:a", "mp2") if ending == "mpg" else ()
    source = make_video(ffmpeg, tmp_path / f"source.{ending}", *codecs, "-ar", "44100", seconds=2)
    media = probe(source, cwd=tmp_path)
    assert media.duration == pytest.approx(2, abs=0.15)
    assert media.video.frame_rate == 25
    assert not media.video.variable
    assert media.warnings == ()


@pytest.mark.parametrize(
    ("turn", "rotation", "shown"),
    [(0, 0, (160, 120)), (90, 270, (120, 160)), (270, 90, (120, 160)), (180, 180, (160, 120))],
)
def test_a_turned_picture_is_shown_upright(
    ffmpeg: Path, tmp_path: Path, turn: int, rotation: int, shown: tuple[int, int]
) -> None:
    flat = make_video(ffmpeg, tmp_path / "flat.mp4", seconds=0.5)
    run(
        ffmpeg,
        "-display_rotation:v:0",
        str(turn),
        "-i",
        str(flat),
        "-c",
        "copy",
        str(tmp_path / "turned.mp4"),
    )
    video = probe(tmp_path / "turned.mp4", cwd=tmp_path).video
    assert (video.rotation, (video.display_width, video.display_height)) == (rotation, shown)
    frame = run(ffmpeg, "-i", str(tmp_path / "turned.mp4"), "-frames:v", "1", "-f", "yuv4mpegpipe", "-")
    assert f"W{shown[0]} H{shown[1]} ".encode() in frame, "ffmpeg must agree"


def test_pixel_aspect_widens_the_shown_picture(ffmpeg: Path, tmp_path: Path) -> None:
    video = probe(make_video(ffmpeg, tmp_path / "wide.mp4", "-vf", "setsar=4/3"), cwd=tmp_path).video
    assert video.pixel_aspect == Fraction(4, 3)
    assert (video.width, video.display_width, video.display_height) == (160, 213, 120)


def test_late_sound_keeps_its_offset(ffmpeg: Path, tmp_path: Path) -> None:
    plain = make_video(ffmpeg, tmp_path / "plain.mp4", seconds=2)
    late = tmp_path / "late.mp4"
    delayed = ("-itsoffset", "0.7", "-i", str(plain), "-map", "0:v", "-map", "1:a", "-c", "copy")
    run(ffmpeg, "-i", str(plain), *delayed, str(late))
    media = probe(late, cwd=tmp_path)
    assert media.audio
    assert media.audio.start == pytest.approx(0.7, abs=0.03)
    assert media.video.start == pytest.approx(0, abs=0.001)


def test_uneven_steps_are_seen(ffmpeg: Path, tmp_path: Path) -> None:
    uneven = ("-vf", "settb=1/1000,setpts='40*N+20*mod(N,2)'", "-fps_mode", "vfr", "-enc_time_base", "1/1000")
    assert probe(make_video(ffmpeg, tmp_path / "vfr.mp4", *uneven), cwd=tmp_path).video.variable


def test_interlaced_pictures_are_seen(ffmpeg: Path, tmp_path: Path) -> None:
    woven = ("-vf", "tinterlace=interleave_top", "-flags", "+ildct+ilme", "-c:v", "mpeg2video")
    assert probe(make_video(ffmpeg, tmp_path / "tv.ts", *woven), cwd=tmp_path).video.interlaced


@pytest.mark.parametrize(
    ("transfer", "hdr"), [("smpte2084", Hdr.PQ), ("arib-std-b67", Hdr.HLG), ("bt709", None)]
)
def test_high_dynamic_range_is_named(ffmpeg: Path, tmp_path: Path, transfer: str, hdr: Hdr | None) -> None:
    tags = ("-vf", f"setparams=color_trc={transfer}:color_primaries=bt2020:colorspace=bt2020nc")
    source = make_silent_video(ffmpeg, tmp_path / "hdr.mp4", *tags, seconds=0.4)
    assert probe(source, cwd=tmp_path).video.hdr == hdr


def test_the_default_sound_is_taken_and_cover_art_is_not_the_picture(ffmpeg: Path, tmp_path: Path) -> None:
    plain = make_video(ffmpeg, tmp_path / "plain.mp4", seconds=1)
    run(ffmpeg, "-i", str(plain), "-frames:v", "1", "-s", "640x640", str(tmp_path / "cover.jpg"))
    source = tmp_path / "many.mp4"
    run(
        ffmpeg,
        *("-i", str(plain), "-i", str(tmp_path / "cover.jpg")),
        *("-map", "1:v", "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c", "copy"),
        *("-disposition:v:0", "attached_pic", "-disposition:v:1", "default"),
        *("-disposition:a:0", "0", "-disposition:a:1", "default", "-metadata:s:a:1", "language=eng"),
        str(source),
    )
    media = probe(source, cwd=tmp_path)
    assert media.video.width == 160
    assert media.audio
    assert media.audio.language == "eng"


def test_no_sound_is_a_warning(ffmpeg: Path, tmp_path: Path) -> None:
    media = probe(make_silent_video(ffmpeg, tmp_path / "mute.mp4"), cwd=tmp_path)
    assert media.audio is None
    assert media.warnings == ("no-audio-stream",)


def test_a_source_may_be_too_long_for_the_caller(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_video(ffmpeg, tmp_path / "source.mp4", seconds=2)
    with pytest.raises(SourceError) as caught:
        probe(source, cwd=tmp_path, max_duration_s=1)
    assert caught.value.code == "duration-too-long"


# --- damage ---------------------------------------------------------------------------------------


def test_a_file_cut_short_says_how_much_of_it_is_left(ffmpeg: Path, tmp_path: Path) -> None:
    whole = make_video(ffmpeg, tmp_path / "whole.mp4", "-movflags", "+faststart", "-g", "25", seconds=8)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    media = probe(cut, cwd=tmp_path)
    assert "truncated-media" in media.warnings
    assert 2 < media.duration < 6


def test_a_file_without_its_index_is_truncated(ffmpeg: Path, tmp_path: Path) -> None:
    whole = make_video(ffmpeg, tmp_path / "whole.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert refusal(cut, tmp_path) == "truncated-media"


def test_a_hole_in_the_picture_is_seen(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_video(ffmpeg, tmp_path / "source.mp4", "-g", "5", seconds=4)
    data = bytearray(source.read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 3
    data[middle : middle + 20_000] = bytes(20_000)
    source.write_bytes(data)
    assert "corrupt-media" in probe(source, cwd=tmp_path).warnings


def test_a_duration_that_is_a_lie_is_measured_instead(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_video(ffmpeg, tmp_path / "source.mp4", seconds=2)
    patch(source, b"mvhd", (360_000_000).to_bytes(4, "big"), skip=16)
    media = probe(source, cwd=tmp_path)
    assert media.duration == pytest.approx(2, abs=0.1)
    assert media.warnings == ("duration-mismatch",)


def test_a_marked_encryption_is_named(ffmpeg: Path, tmp_path: Path) -> None:
    source = tmp_path / "locked.mp4"
    key = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb")
    make_video(ffmpeg, source, *key, "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")
    assert refusal(source, tmp_path) == "encrypted-media"


def test_an_unknown_codec_is_named(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_silent_video(ffmpeg, tmp_path / "odd.mkv", "-c:v", "ffv1", seconds=0.2)
    with pytest.raises(SourceError, match="ffv1") as caught:
        probe(source, cwd=tmp_path)
    assert caught.value.code == "codec-not-supported"


# --- first bytes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", "empty-file"),
        (b"<!doctype html><title>Sign in</title>", "not-a-media-file"),
        (b"PK\x03\x04 zip", "not-a-media-file"),
        (b"\x7fELF", "not-a-media-file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not-a-media-file"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n", "not-a-media-file"),
        (b"#EXTM3U\n", "container-not-allowed"),
        (b"\xef\xbb\xbf\n#EXTM3U\n", "container-not-allowed"),
        (b"ffconcat version 1.0\n", "container-not-allowed"),
        (b"<?xml version='1.0'?><MPD/>", "container-not-allowed"),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", "container-not-allowed"),
        (b"\xff\xd8\xff\xe0 JFIF", "container-not-allowed"),
        (b"\x89PNG\r\n\x1a\n", "container-not-allowed"),
        (b"[Script Info]\n", "container-not-allowed"),
        (b"RIFF\x00\x00\x00\x00WEBP", "container-not-allowed"),
    ],
)
def test_the_name_does_not_count_but_the_first_bytes(tmp_path: Path, head: bytes, code: str) -> None:
    source = tmp_path / "source.mp4"
    source.write_bytes(head)
    assert refusal(source, tmp_path) == code


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        sniff(tmp_path / "source.mp4")
    assert caught.value.code == "source-missing"


# --- frames ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "rate", "options"),
    [
        ("mp4", "30", ("-preset", "medium", "-bf", "3", "-g", "20")),
        ("mp4", "30000/1001", ("-preset", "medium", "-bf", "2")),
        ("mkv", "24000/1001", ("-preset", "medium", "-bf", "2", "-g", "12")),
    ],
)
def test_a_seek_to_two_milliseconds_before_a_snapped_time_shows_just_that_frame(
    ffmpeg: Path, tmp_path: Path, ending: str, rate: str, options: tuple[str, ...]
) -> None:
    source = make_numbered_video(ffmpeg, tmp_path / f"n.{ending}", *options, "-crf", "5", rate=rate)
    media = probe(source, cwd=tmp_path)
    step = float(1 / Fraction(rate))
    first = media.video.start
    frames = (0, 1, 7, 19, 20, 31, 58, 88)
    found = snap_to_frames(source, media, [first + (n + 0.6) * step for n in frames], cwd=tmp_path)
    for number, time in zip(frames, found, strict=True):
        assert time == pytest.approx(first + number * step, abs=0.0011)
        shown = run(
            ffmpeg,
            *("-ss", f"{max(0.0, time - 0.002):.6f}", "-i", str(source), "-frames:v", "1"),
            *("-pix_fmt", "yuv420p", "-f", "rawvideo", "-"),
        )
        assert number_of(shown[64 * 32 + 32]) == number


def test_frames_are_found_in_a_container_without_an_index(ffmpeg: Path, tmp_path: Path) -> None:
    options = ("-preset", "medium", "-bf", "2", "-g", "10")
    source = make_numbered_video(ffmpeg, tmp_path / "n.ts", *options, rate="25")
    media = probe(source, cwd=tmp_path)
    first = media.video.start
    for number in (0, 7, 19, 20, 58, 89):
        time = snap_to_frame(source, media, first + (number + 0.6) / 25, cwd=tmp_path)
        assert time == pytest.approx(first + number / 25, abs=1e-4)


def test_a_time_on_a_frame_is_that_frame(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_numbered_video(ffmpeg, tmp_path / "n.mp4")
    media = probe(source, cwd=tmp_path)
    assert snap_to_frame(source, media, 0.5, cwd=tmp_path) == pytest.approx(0.5, abs=1e-6)
    assert snap_to_frame(source, media, 0.499, cwd=tmp_path) == pytest.approx(14 / 30, abs=1e-6)


def test_a_time_before_the_first_frame_is_left_as_it_is(ffmpeg: Path, tmp_path: Path) -> None:
    plain = make_video(ffmpeg, tmp_path / "plain.mp4", seconds=1)
    late = tmp_path / "late.mkv"
    delayed = ("-itsoffset", "0.5", "-i", str(plain), "-map", "1:v", "-map", "0:a", "-c", "copy")
    run(ffmpeg, "-i", str(plain), *delayed, str(late))
    media = probe(late, cwd=tmp_path)
    assert media.video.start == pytest.approx(0.5, abs=0.03)
    assert snap_to_frame(late, media, 0.2, cwd=tmp_path) == 0.2


# --- sound only -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["mp3", "m4a", "wav", "flac", "opus", "ogg", "aac", "mka", "webm"])
def test_a_sound_file_is_a_recording_as_long_as_it_sounds(ffmpeg: Path, tmp_path: Path, ending: str) -> None:
    source = tmp_path / f"tone.{ending}"
    run(ffmpeg, "-f", "lavfi", "-i", "sine=frequency=440:duration=3", str(source))
    recording = probe_sound(source, cwd=tmp_path)
    assert recording.duration == pytest.approx(3, abs=0.1)
    assert recording.audio
    assert recording.audio.channels == 1
    assert abs(recording.audio.start) < 0.06


def test_a_cover_is_no_hindrance_to_listening(ffmpeg: Path, tmp_path: Path) -> None:
    source = tmp_path / "song.mp3"
    tone = ("-f", "lavfi", "-i", "sine=duration=2", "-f", "lavfi", "-i", "color=red:s=64x64:d=0.04:r=25")
    run(ffmpeg, *tone, "-map", "0", "-map", "1", "-c:v", "png", "-disposition:v", "attached_pic", str(source))
    assert refusal(source, tmp_path) == "no-video-stream"
    assert probe_sound(source, cwd=tmp_path).duration == pytest.approx(2, abs=0.1)


def test_a_video_is_a_recording_of_its_sound(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_video(ffmpeg, tmp_path / "both.mp4", seconds=2)
    assert probe_sound(source, cwd=tmp_path).audio == probe(source, cwd=tmp_path).audio
    silent = make_silent_video(ffmpeg, tmp_path / "silent.mp4", seconds=2)
    recording = probe_sound(silent, cwd=tmp_path)
    assert (recording.audio, recording.duration) == (None, pytest.approx(2, abs=0.1))


def test_a_sound_file_without_sound_in_it_is_refused(ffmpeg: Path, tmp_path: Path) -> None:
    source = tmp_path / "tone.m4a"
    run(ffmpeg, "-f", "lavfi", "-i", "sine=duration=2", str(source))
    data = source.read_bytes()
    place = data.index(b"mdat") + 4
    source.write_bytes(
        data[:place] + bytes(data.index(b"moov") - 4 - place) + data[data.index(b"moov") - 4 :]
    )
    with pytest.raises(SourceError) as caught:
        probe_sound(source, cwd=tmp_path)
    assert caught.value.code == "corrupt-media"
    source.write_text("<html>")
    with pytest.raises(SourceError) as caught:
        probe_sound(source, cwd=tmp_path)
    assert caught.value.code == "not-a-media-file"
