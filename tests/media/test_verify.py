"""A clip that is not whole never passes."""

from dataclasses import replace
from pathlib import Path

import pytest

from clip_kit import counted, edit_of, make
from clipmill.editing.command import Encoding
from clipmill.errors import ToolError
from clipmill.media.encode import encode
from clipmill.media.kit import Kit
from clipmill.media.probe import probe
from clipmill.media.verify import boxes_whole, verify
from clipmill.model import Edit, Span

EDIT = edit_of(Span(0.5, 2.5))


@pytest.fixture(scope="module")
def kit(ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    folder = tmp_path_factory.mktemp("verify")
    return Kit(ffmpeg, folder, folder, Encoding(preset="ultrafast"))


@pytest.fixture(scope="module")
def whole(kit: Kit) -> Path:
    source = counted(kit.ffmpeg, kit.cwd / "source.mp4")
    media = probe(source, cwd=kit.cwd)
    return encode(EDIT, source, media, kit.cwd / "clip.mp4", kit=kit, tick=lambda _: None).clip


def check(clip: Path, kit: Kit, edit: Edit = EDIT) -> None:
    verify(clip, edit, kit=kit, tick=lambda _: None)


def full(kit: Kit) -> Kit:
    return replace(kit, encoding=replace(kit.encoding, verify_full=True))


def test_a_whole_clip_passes_quickly_and_in_full(whole: Path, kit: Kit) -> None:
    check(whole, kit)
    check(whole, full(kit))


@pytest.mark.parametrize("share", [0.1, 0.4, 0.9, 0.999])
def test_a_clip_cut_off_anywhere_fails(whole: Path, kit: Kit, tmp_path: Path, share: float) -> None:
    data = whole.read_bytes()
    short = tmp_path / "clip.mp4"
    short.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ToolError) as caught:
        check(short, kit)
    assert caught.value.code == "clip-broken"


@pytest.mark.parametrize(
    "edit",
    [
        edit_of(Span(0.5, 2.6)),
        edit_of(Span(0.5, 2.4)),
        edit_of(Span(0.5, 2.5), size=(180, 322)),
    ],
    ids=["longer", "shorter", "of another size"],
)
def test_a_clip_that_is_not_what_was_asked_for_fails(whole: Path, kit: Kit, edit: Edit) -> None:
    with pytest.raises(ToolError, match="not whole"):
        check(whole, kit, edit)


def test_a_clip_without_a_picture_fails(kit: Kit, tmp_path: Path) -> None:
    sound = ("-f", "lavfi", "-i", "sine=440:duration=2", "-c:a", "aac", "-movflags", "+faststart")
    with pytest.raises(ToolError, match="audio"):
        check(make(kit.ffmpeg, tmp_path / "sound.mp4", *sound), kit)


def test_damage_inside_is_found_in_full(whole: Path, kit: Kit, tmp_path: Path) -> None:
    data = bytearray(whole.read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[middle : middle + 2000] = bytes(2000)
    damaged = tmp_path / "clip.mp4"
    damaged.write_bytes(data)
    with pytest.raises(ToolError):
        check(damaged, full(kit))


def test_an_index_at_the_end_is_not_ready_for_the_web(whole: Path, tmp_path: Path) -> None:
    data = whole.read_bytes()
    moov, mdat = data.index(b"moov") - 4, data.index(b"mdat") - 4
    late = tmp_path / "late.mp4"
    late.write_bytes(data[:moov] + data[mdat:] + data[moov:mdat])
    assert boxes_whole(whole)
    assert not boxes_whole(late)
