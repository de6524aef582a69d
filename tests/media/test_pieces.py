from pathlib import Path

import numpy as np
import pytest

from clipmill.media.pieces import (
    BYTES_A_SECOND,
    FORMS,
    LONGEST_S,
    Piece,
    Sound,
    longest_piece,
    survey,
    write_piece,
)
from clipmill.media.probe import probe_sound
from clipmill.model import Span
from media_kit import make_video, run


@pytest.fixture(scope="module")
def bursts(ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound of 40 s: noise with a second of silence in every eight."""
    path = tmp_path_factory.mktemp("bursts") / "bursts.mp4"
    sound = "anoisesrc=d=40:c=pink:r=48000:a=0.4,volume='lt(mod(t,8),7)':eval=frame"
    picture = ("-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=40")
    run(ffmpeg, *picture, "-f", "lavfi", "-i", sound, "-c:v", "libx264", "-c:a", "aac", str(path))
    return path


@pytest.fixture
def sound(ffmpeg: Path, bursts: Path, tmp_path: Path) -> Sound:
    return Sound(ffmpeg, bursts, probe_sound(bursts, cwd=tmp_path), tmp_path)


def still(_: float) -> None:
    pass


def decoded(ffmpeg: Path, file: Path) -> np.ndarray:
    return np.frombuffer(run(ffmpeg, "-i", str(file), "-ac", "1", "-ar", "16000", "-f", "s16le", "-"), "<i2")


def test_pieces_are_cut_where_it_is_silent(sound: Sound) -> None:
    pieces = survey(sound, tick=still).pieces(longest_s=18)
    assert len(pieces) >= 3
    cuts = [piece.span.end for piece in pieces[:-1]]
    assert all(7.0 < cut % 8 < 8.0 for cut in cuts)
    assert [piece.span.start for piece in pieces[1:]] == cuts


def test_a_piece_has_the_same_name_whenever_it_is_cut_and_no_other_has_it(sound: Sound) -> None:
    first, second = survey(sound, tick=still), survey(sound, tick=still)
    assert first.pieces(longest_s=18) == second.pieces(longest_s=18)
    assert len({piece.sha256 for piece in first.pieces(longest_s=18)}) == len(first.pieces(longest_s=18))


def test_what_is_left_can_be_cut_anew(sound: Sound) -> None:
    whole = survey(sound, tick=still)
    second = whole.pieces(longest_s=18)[1]
    rest = whole.pieces(longest_s=10, after=second.span.start)
    assert rest[0].span.start == second.span.start
    assert rest[-1].span.end == pytest.approx(40, abs=0.1)
    assert all(piece.span.length <= 10.02 for piece in rest)


@pytest.mark.parametrize("form", FORMS)
def test_a_piece_is_a_small_file_of_the_right_stretch(sound: Sound, form: str, ffmpeg: Path) -> None:
    file = write_piece(sound, Piece(Span(6.0, 17.0), ""), form, tick=still)
    assert file.stat().st_size < 11 * BYTES_A_SECOND
    samples = decoded(ffmpeg, file)
    assert len(samples) / 16_000 == pytest.approx(11.0, abs=0.1)
    loud = np.abs(samples.astype(np.int32))
    assert loud[16_000 * 1 + 4000 : 16_000 * 2 - 4000].max() < 300  # silent from 7 to 8
    assert loud[16_000 * 2 + 4000 : 16_000 * 3].max() > 2000


def test_sound_that_begins_after_the_picture_keeps_its_times(ffmpeg: Path, tmp_path: Path) -> None:
    video = make_video(ffmpeg, tmp_path / "late.mkv", "-af", "adelay=0", seconds=4)
    late = tmp_path / "shifted.mkv"
    run(
        ffmpeg,
        *("-i", str(video), "-itsoffset", "2", "-i", str(video)),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", str(late)),
    )
    late_sound = Sound(ffmpeg, late, probe_sound(late, cwd=tmp_path), tmp_path)
    levels = survey(late_sound, tick=still).levels
    assert levels[:90].max() < -60
    assert levels[110:250].min() > -40


def test_sound_of_an_odd_length_is_heard_to_its_end(ffmpeg: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.wav"
    run(ffmpeg, "-f", "lavfi", "-i", "sine=frequency=440:duration=1.0301:sample_rate=16000", str(path))
    found = survey(Sound(ffmpeg, path, probe_sound(path, cwd=tmp_path), tmp_path), tick=still)
    assert len(found.levels) == 52
    assert len(found.prints) == 52 * 8


def test_a_piece_fits_into_what_the_service_takes() -> None:
    assert longest_piece(24.0) == LONGEST_S
    assert longest_piece(1.0) * BYTES_A_SECOND <= 1e6
    assert longest_piece(0.001) == 10.0
