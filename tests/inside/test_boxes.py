"""What is read from the index of an MP4 file, whole or not."""

import struct
from pathlib import Path

from clipmill.inside.boxes import Claims, claims
from media_kit import make_video, patch


def test_the_index_of_an_ordinary_file(ffmpeg: Path, tmp_path: Path) -> None:
    said = claims(make_video(ffmpeg, tmp_path / "source.mp4", seconds=2))
    assert said.index
    assert said.complete
    assert 1.9 < said.duration < 2.2
    assert (said.width, said.height) == (160, 120)
    assert not said.encrypted
    assert not said.undescribed


def test_a_claim_of_a_huge_picture_is_seen(ffmpeg: Path, tmp_path: Path) -> None:
    source = patch(
        make_video(ffmpeg, tmp_path / "s.mp4"), b"avc1\x00\x00\x00\x00", b"\xff\xff\xff\xff", skip=20
    )
    assert (claims(source).width, claims(source).height) == (65535, 65535)


def test_a_file_cut_off_in_its_picture_is_not_complete(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_video(ffmpeg, tmp_path / "source.mp4")
    source.write_bytes(source.read_bytes()[:2000])
    assert claims(source) == Claims(index=False, complete=False)


def test_an_index_of_nonsense_says_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    for body in (b"", b"mvhd", b"mvhd" + b"\xff" * 12, b"stsd" * 9):
        source.write_bytes(struct.pack(">I4s", 8 + len(body), b"moov") + body)
        said = claims(source)
        assert (said.index, said.duration, said.width) == (True, 0.0, 0)


def test_lengths_of_64_bits_and_to_the_end_are_understood(tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    index = b"....mvhd" + bytes(12) + struct.pack(">II", 1000, 5000)
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 4) + b"data"
    source.write_bytes(large + struct.pack(">I4s", 0, b"moov") + index + bytes(20))
    assert claims(source).duration == 5.0
