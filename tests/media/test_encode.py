"""Renders of known sources: every frame, every edge and every failure is checked on the finished file."""

import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from clip_kit import ASS, counted, edit_of, flash_and_beep, make, pictures, samples, told
from clipmill.editing.canvas import canvas_for
from clipmill.editing.command import Encoder, Encoding
from clipmill.errors import BudgetError, ClipmillError, JobCancelled, ToolError
from clipmill.media.encode import Kit, Rendering, about_disk, encode
from clipmill.media.launcher import Reins, held_by
from clipmill.media.probe import probe
from clipmill.model import Box, CropKey, Edit, Hdr, Layout, SafeArea, Span
from clipmill.resources import FONTS

FAST = Encoding(preset="ultrafast", crf=10, safe_area=SafeArea(288, 192, 500, 120))

Render = Callable[..., Rendering]


@pytest.fixture
def kit(ffmpeg: Path, tmp_path: Path) -> Kit:
    scratch, fonts = tmp_path / "scratch", tmp_path / "fonts"
    scratch.mkdir()
    fonts.mkdir()
    return Kit(ffmpeg, fonts, scratch, FAST)


@pytest.fixture
def render(kit: Kit, tmp_path: Path) -> Render:
    def run(edit: Edit, source: Path, **media: object) -> Rendering:
        found = probe(source, cwd=kit.cwd)
        if media:
            found = replace(found, video=replace(found.video, **media))
        return encode(edit, source, found, tmp_path / "clip-01.mp4", kit=kit, tick=lambda _: None)

    return run


@pytest.fixture(scope="module")
def source(ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return counted(ffmpeg, tmp_path_factory.mktemp("source") / "counted.mp4")


def test_every_frame_is_the_right_one_and_the_window_jumps_on_the_frame_of_the_cut(
    ffmpeg: Path, source: Path, render: Render
) -> None:
    start, cut = 37 / 30, 71 / 30
    edit = edit_of(Span(start, start + 2), CropKey(start, 0.25, 0.5), CropKey(cut, 0.75, 0.5, cut=True))
    clip = render(edit, source).clip
    numbers, places = told(ffmpeg, clip)
    assert list(numbers) == [(37 + frame) % 30 for frame in range(60)]
    assert np.allclose(places[:34], 0.25, atol=0.01)
    assert np.allclose(places[34:], 0.75, atol=0.01)


def test_a_move_is_straight_and_never_more_than_a_step_off(
    ffmpeg: Path, source: Path, render: Render
) -> None:
    keys = CropKey(1.0, 0.3, 0.5), CropKey(1.5, 0.3, 0.5), CropKey(2.5, 0.7, 0.5)
    clip = render(edit_of(Span(1.0, 3.0), *keys), source).clip
    _, places = told(ffmpeg, clip)
    wanted = np.interp(1 + np.arange(60) / 30, [1.5, 2.5], [0.3, 0.7])
    assert np.abs(places - wanted).max() < 0.012


def test_scenes_change_their_layout_on_the_exact_frame(ffmpeg: Path, source: Path, render: Render) -> None:
    layouts = ((0.5, Layout.FILL), (35 / 30, Layout.FIT), (2.0, Layout.FILL))
    keys = CropKey(0.5, 0.25, 0.5), CropKey(2.0, 0.75, 0.5, cut=True), CropKey(2.4, 0.5, 0.5)
    clip = render(edit_of(Span(0.5, 2.5), *keys, layouts=layouts), source).clip
    seen = pictures(ffmpeg, clip)
    fit = np.ptp(seen[:, 17:19].mean(axis=1), axis=1) > 100  # only FIT shows the whole ramp at once
    assert list(np.flatnonzero(np.diff(fit.astype(int))) + 1) == [20, 45]
    fills = ~fit
    numbers, places = told(ffmpeg, clip)
    assert list(numbers[fills]) == [(15 + frame) % 30 for frame in np.flatnonzero(fills)]
    assert np.allclose(places[45], 0.75, atol=0.01)
    assert np.allclose(places[57:], 0.5, atol=0.02)


def test_a_fitted_picture_is_whole_and_its_frames_in_step(ffmpeg: Path, source: Path, render: Render) -> None:
    clip = render(edit_of(Span(1.0, 2.0), layouts=((1.0, Layout.FIT),)), source).clip
    seen = pictures(ffmpeg, clip, size=(180, 320))
    assert seen[0, 172:204, 2:8].mean() < 55
    assert seen[0, 172:204, 172:178].mean() > 185
    numbers = np.round((seen[:, 120:150, 20:160].mean(axis=(1, 2)) - 40) / 5).astype(int)
    assert list(numbers) == list(range(30))


def test_a_close_view_shows_just_its_part_of_the_picture(ffmpeg: Path, source: Path, render: Render) -> None:
    edit = edit_of(Span(1.0, 2.0), layouts=((1.0, Layout.FIT),))
    scene = replace(edit.framing.scenes[0], view=Box(0.25, 0.0, 0.5625, 1.0))
    clip = render(replace(edit, framing=replace(edit.framing, scenes=(scene,))), source).clip
    seen = pictures(ffmpeg, clip, size=(180, 320))
    ramp = (seen[0, 172:240].mean(axis=0) - 40) / 160
    assert np.allclose(ramp[[2, 90, 177]], [0.256, 0.531, 0.806], atol=0.02)
    numbers = np.round((seen[:, 80:150].mean(axis=(1, 2)) - 40) / 5).astype(int)
    assert list(numbers) == list(range(30))


@pytest.mark.parametrize("rate", ["30", "60", "25", "24000/1001"])
def test_sound_stays_with_the_picture(ffmpeg: Path, tmp_path: Path, render: Render, rate: str) -> None:
    source = flash_and_beep(ffmpeg, tmp_path / "flash.mp4", rate=rate)
    frame_rate = Fraction(rate) / (2 if rate == "60" else 1)
    clip = render(edit_of(Span(1.0, 2.0), rate=frame_rate), source).clip
    assert abs(_offset(ffmpeg, clip, frame_rate)) <= 1 / frame_rate
    assert len(pictures(ffmpeg, clip)) == round(frame_rate)


def test_sound_that_begins_late_stays_with_the_picture(ffmpeg: Path, tmp_path: Path, render: Render) -> None:
    source = make(
        ffmpeg,
        tmp_path / "late.mkv",
        *("-f", "lavfi", "-i", "color=black:s=320x180:r=30:d=3,drawbox=c=white:t=fill:enable='gte(t,1)'"),
        *("-itsoffset", "1", "-f", "lavfi", "-i", "sine=1000:duration=2"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"),
    )
    clip = render(edit_of(Span(0.0, 2.0)), source).clip
    assert abs(_offset(ffmpeg, clip, Fraction(30))) <= 1 / 30


def test_a_picture_that_begins_late_or_varies_its_rate_fills_every_frame(
    ffmpeg: Path, tmp_path: Path, render: Render
) -> None:
    drop = "select='not(between(mod(n\\,40)\\,10\\,24))'"
    source = counted(ffmpeg, tmp_path / "vfr.mkv", "-vf", f"{drop},setpts=PTS+0.5/TB", "-fps_mode", "vfr")
    clip = render(edit_of(Span(0.0, 3.0)), source).clip
    numbers, _ = told(ffmpeg, clip)
    kept = [frame for frame in range(120) if not 10 <= frame % 40 <= 24]
    wanted = [max([old for old in kept if old <= frame - 15], default=0) % 30 for frame in range(90)]
    assert list(numbers) == wanted


def test_a_source_without_sound_gets_a_silent_track(ffmpeg: Path, tmp_path: Path, render: Render) -> None:
    rendering = render(edit_of(Span(0.5, 1.5)), counted(ffmpeg, tmp_path / "mute.mp4", "-an"))
    assert np.abs(samples(ffmpeg, rendering.clip)).max() == 0
    assert rendering.card.loudness_lufs is None
    assert rendering.card.start_clean is None


def test_a_turned_source_is_shown_upright(ffmpeg: Path, tmp_path: Path, render: Render) -> None:
    plain = counted(ffmpeg, tmp_path / "plain.mp4")
    turned = make(ffmpeg, tmp_path / "turned.mp4", "-display_rotation", "90", "-i", str(plain), "-c", "copy")
    clip = render(edit_of(Span(1.0, 2.0), width=1.0), turned).clip
    seen = pictures(ffmpeg, clip)[15]
    number = 40 + 5 * 15
    assert abs(seen[:, 2:7].mean() - number) < 4 or abs(seen[:, 11:16].mean() - number) < 4
    assert abs(seen[2:6].mean() - seen[26:30].mean()) > 30  # the ramp now runs from top to bottom


def test_an_odd_size_and_wide_pixels_come_out_even_and_square(
    ffmpeg: Path, tmp_path: Path, render: Render
) -> None:
    scaled = ("-vf", "scale=321:181,setsar=3/2", "-pix_fmt", "yuv444p")
    source = counted(ffmpeg, tmp_path / "odd.mkv", *scaled)
    keys = CropKey(0.0, 0.2, 0.5), CropKey(1.0, 0.9, 0.5)
    clip = render(edit_of(Span(0.5, 1.5), *keys, width=0.2), source).clip
    text = subprocess.run([ffmpeg, "-hide_banner", "-i", clip], capture_output=True, text=True).stderr
    assert "180x320" in text
    assert "SAR 1:1" in text or "SAR" not in text
    _, places = told(ffmpeg, clip)
    assert places[0] == pytest.approx(0.55, abs=0.02)


def test_high_dynamic_range_and_interlaced_sources_render(
    ffmpeg: Path, tmp_path: Path, render: Render
) -> None:
    named = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    tags = ("-vf", f"format=yuv420p10le,{named}", "-pix_fmt", "yuv420p10le", "-colorspace", "bt2020nc")
    for layout in Layout:
        bright = counted(ffmpeg, tmp_path / "hdr.mkv", *tags, seconds=1)
        edit = edit_of(Span(0.0, 0.5), layouts=((0.0, layout),))
        clip = render(edit, bright, hdr=Hdr.PQ, interlaced=True).clip
        assert len(pictures(ffmpeg, clip)) == 15


def test_the_card_tells_what_is_in_the_picture(source: Path, render: Render) -> None:
    keys = CropKey(1.0, 0.3, 0.5), CropKey(1.6, 0.3, 0.5), CropKey(2.4, 0.7, 0.5)
    card = render(edit_of(Span(1.0, 3.0), *keys, ass=ASS), source).card
    assert card.caption_box is not None
    assert card.caption_box.x == pytest.approx(334 / 1080, abs=0.02)
    assert card.caption_box.y == pytest.approx(1294 / 1920, abs=0.02)
    assert card.caption_safe
    assert card.face_seen == 0
    assert card.face_inside is None
    assert (card.frames, card.duration) == (60, 2.0)
    assert card.size_bytes > 1000
    assert card.loudness_lufs == pytest.approx(-24, abs=4)
    assert card.start_clean is False  # the tone goes on across both edges


def test_captions_are_drawn_in_the_fonts_of_the_folder(source: Path, kit: Kit, tmp_path: Path) -> None:
    head, media = ASS.rpartition("Dialogue")[0], probe(source, cwd=kit.cwd)
    widths = []
    for font in ("Anton", "Archivo Black"):
        line = "Dialogue: 0,0:00:00.00,0:00:10.00,A,,0,0,0,,Clipping\n"
        edit = edit_of(Span(1.0, 1.4), ass=(head + line).replace(",Sans,", f",{font},"))
        target = tmp_path / f"{font}.mp4"
        card = encode(edit, source, media, target, kit=replace(kit, fonts=FONTS), tick=lambda _: None).card
        assert card.caption_box is not None
        widths.append(card.caption_box.width)
    assert widths[0] < 0.75 * widths[1]  # Anton is narrow, Archivo Black is wide


def test_the_file_is_ready_for_the_web_and_says_nothing_of_its_source(ffmpeg: Path, tmp_path: Path) -> None:
    source = counted(ffmpeg, tmp_path / "named.mp4", "-metadata", "title=secret", "-metadata", "artist=me")
    kit = Kit(ffmpeg, tmp_path, tmp_path, Encoding(preset="veryfast"))
    media, target = probe(source, cwd=tmp_path), tmp_path / "clip.mp4"
    clip = encode(edit_of(Span(1.0, 2.0)), source, media, target, kit=kit, tick=lambda _: None).clip
    text = subprocess.run([ffmpeg, "-hide_banner", "-i", clip], capture_output=True, text=True).stderr
    assert "secret" not in text
    for fact in ("(High)", "yuv420p(tv, bt709, progressive)", "48000 Hz, stereo", "30 fps"):
        assert fact in text
    data = clip.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_progress_runs_forward_to_one(source: Path, kit: Kit, tmp_path: Path) -> None:
    seen: list[float] = []
    media = probe(source, cwd=kit.cwd)
    encode(edit_of(Span(1.0, 3.0)), source, media, tmp_path / "a.mp4", kit=kit, tick=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_cancelled_render_leaves_nothing(source: Path, kit: Kit, tmp_path: Path) -> None:
    def stop(_: float) -> None:
        raise JobCancelled

    target = tmp_path / "out" / "clip-01.mp4"
    target.parent.mkdir()
    media = probe(source, cwd=kit.cwd)
    with pytest.raises(JobCancelled):
        encode(edit_of(Span(1.0, 3.0)), source, media, target, kit=kit, tick=stop)
    assert list(target.parent.iterdir()) == []
    assert list(kit.cwd.iterdir()) == []


def test_a_span_with_nothing_in_it_is_an_error_and_the_old_clip_stays(
    source: Path, kit: Kit, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "clip-01.mp4"
    target.parent.mkdir()
    target.write_bytes(b"the clip of yesterday")
    media = probe(source, cwd=kit.cwd)
    with pytest.raises(ToolError):
        encode(edit_of(Span(40.0, 41.0)), source, media, target, kit=kit, tick=lambda _: None)
    assert target.read_bytes() == b"the clip of yesterday"
    assert os.listdir(target.parent) == ["clip-01.mp4"]


def test_a_hardware_encoder_that_fails_is_replaced(source: Path, kit: Kit, tmp_path: Path) -> None:
    nvidia = replace(kit, encoding=replace(FAST, encoder=Encoder.NVENC))
    media = probe(source, cwd=kit.cwd)
    edit = edit_of(Span(1.0, 2.0))
    rendering = encode(edit, source, media, tmp_path / "clip.mp4", kit=nvidia, tick=lambda _: None)
    if rendering.encoder is not Encoder.NVENC:  # a machine that has one may well use it
        assert rendering.degraded == ("hardware-encoder-failed",)
    assert rendering.card.frames == 30


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_said_so(source: Path, kit: Kit, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    media = probe(source, cwd=kit.cwd)
    with pytest.raises(ClipmillError) as caught:
        encode(edit_of(Span(1.0, 2.0)), source, media, closed / "a.mp4", kit=kit, tick=lambda _: None)
    assert caught.value.code == "folder-read-only"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    argv = ("mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder))
    if not shutil.which("mount") or subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_so_and_leaves_nothing(source: Path, kit: Kit, small_disk: Path) -> None:
    media, target = probe(source, cwd=kit.cwd), small_disk / "clip-01.mp4"
    large = edit_of(Span(0.0, 3.0), size=(1080, 1920))
    with pytest.raises(BudgetError) as caught:
        encode(large, source, media, target, kit=replace(kit, cwd=small_disk), tick=lambda _: None)
    assert caught.value.code == "disk-full"
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "x"), "disk-full"),
        (OSError(errno.EDQUOT, "x"), "disk-full"),
        (PermissionError(errno.EACCES, "x"), "folder-read-only"),
        (ToolError("x", code="tool-failed", detail="clip: No space left on device"), "disk-full"),
        (ToolError("x", code="tool-failed", detail="clip: Read-only file system"), "folder-read-only"),
    ],
)
def test_what_the_system_says_of_the_disk_is_said_plainly(error: OSError | ToolError, code: str) -> None:
    found = about_disk(error, Path("/clips/clip-01.mp4"))
    assert found is not None
    assert found.code == code
    assert "/clips" in found.message


def test_other_failures_are_not_blamed_on_the_disk() -> None:
    assert about_disk(OSError(errno.EINVAL, "x"), Path("a/b")) is None
    assert about_disk(ToolError("x", code="tool-failed", detail="Invalid data"), Path("a/b")) is None


def test_two_renders_of_one_clip_at_once_both_leave_a_whole_clip(
    ffmpeg: Path, source: Path, kit: Kit, tmp_path: Path
) -> None:
    media, target = probe(source, cwd=kit.cwd), tmp_path / "clip-01.mp4"
    both = threading.Barrier(2)
    lengths: list[int] = []

    def render_once() -> None:
        both.wait()
        edit = edit_of(Span(1.0, 2.0))
        rendering = encode(edit, source, media, target, kit=kit, tick=lambda _: None)
        lengths.append(len(pictures(ffmpeg, rendering.clip)))

    threads = [threading.Thread(target=render_once) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lengths == [30, 30]
    assert list(kit.cwd.iterdir()) == []


def test_a_render_that_is_stopped_leaves_nothing_and_does_not_try_another_encoder(
    source: Path, kit: Kit, tmp_path: Path
) -> None:
    media, reins = probe(source, cwd=kit.cwd), Reins()
    shares: list[float] = []

    def stop(share: float) -> None:
        shares.append(share)
        reins.stop("cancelled")

    hardware = replace(kit, encoding=replace(FAST, encoder=Encoder.NVENC))
    for one in (kit, hardware):
        with held_by(reins), pytest.raises(JobCancelled):
            encode(edit_of(Span(0.0, 4.0)), source, media, tmp_path / "clip.mp4", kit=one, tick=stop)
    assert shares
    assert list(kit.cwd.iterdir()) == []
    assert not (tmp_path / "clip.mp4").exists()


def test_real_talks_render_at_their_own_shape(shared_data: Path, ffmpeg: Path, render: Render) -> None:
    source = shared_data / "video" / "rotated_portrait.mov"
    clip = render(edit_of(Span(0.0, 1.0), width=1.0, rate=Fraction(30)), source).clip
    assert len(pictures(ffmpeg, clip)) == 30


def test_the_canvas_of_a_probed_source_renders(source: Path, kit: Kit, render: Render) -> None:
    canvas = canvas_for("1:1", probe(source, cwd=kit.cwd), height=320)
    edit = replace(edit_of(Span(1.0, 2.0), width=9 / 16), canvas=canvas)
    assert render(edit, source).card.frames == 30


def _offset(ffmpeg: Path, clip: Path, rate: Fraction) -> float:
    """Seconds by which the beep comes after the flash."""
    light = pictures(ffmpeg, clip).mean(axis=(1, 2))
    flash = float(np.flatnonzero(light > 120)[0] / rate)
    loud = np.flatnonzero(np.abs(samples(ffmpeg, clip)) > 0.02)
    return float(loud[0] / 48000) - flash
