"""Sound on a pipe keeps its time, and lively seconds are told from dull ones."""

import os
from pathlib import Path

import numpy as np
import pytest

from clipmill.errors import JobCancelled
from clipmill.media.decode import SAMPLE_RATE, activity, sound_hash, sound_to
from clipmill.media.ffmpeg import run_ffmpeg
from clipmill.media.launcher import Child
from clipmill.media.probe import probe
from clipmill.model import Span
from media_kit import FAST, make_silent_video, make_video, run


def samples(child: Child) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    """All that a sound child writes."""
    with child:
        assert child.stdout
        heard = np.frombuffer(child.stdout.read(), "<i2")
        child.wait()
    return heard


def test_sound_comes_as_samples_of_known_time(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_video(ffmpeg, tmp_path / "source.mp4", seconds=2)
    heard = samples(sound_to(ffmpeg, source, probe(source, cwd=tmp_path), cwd=tmp_path))
    assert len(heard) / SAMPLE_RATE == pytest.approx(2, abs=0.1)
    tone = np.abs(np.fft.rfft(heard[:SAMPLE_RATE].astype(float)))
    assert int(tone.argmax()) == pytest.approx(440, abs=2)


def test_late_sound_begins_with_silence(ffmpeg: Path, tmp_path: Path) -> None:
    plain = make_video(ffmpeg, tmp_path / "plain.mp4", seconds=2)
    late = tmp_path / "late.mp4"
    run(
        ffmpeg,
        *("-i", str(plain), "-itsoffset", "0.7", "-i", str(plain)),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", str(late)),
    )
    heard = samples(sound_to(ffmpeg, late, probe(late, cwd=tmp_path), cwd=tmp_path))
    first = int(np.argmax(np.abs(heard) > 500))
    assert first / SAMPLE_RATE == pytest.approx(0.7, abs=0.03)


def test_a_span_is_cut_out_to_the_sample(ffmpeg: Path, tmp_path: Path) -> None:
    source = tmp_path / "beep.mkv"
    beep = "aevalsrc='if(between(t,1.5,1.6),sin(2*PI*1000*t),0)':d=3:s=48000"
    picture = ("-f", "lavfi", "-i", "color=size=64x64:rate=25:duration=3", "-f", "lavfi", "-i", beep)
    run(ffmpeg, *picture, *FAST, "-c:a", "pcm_s16le", str(source))
    media = probe(source, cwd=tmp_path)
    heard = samples(sound_to(ffmpeg, source, media, cwd=tmp_path, span=Span(1.25, 2.25)))
    assert len(heard) == pytest.approx(SAMPLE_RATE, abs=20)
    assert int(np.argmax(np.abs(heard) > 1000)) / SAMPLE_RATE == pytest.approx(0.25, abs=0.002)


def test_sound_goes_to_a_given_descriptor(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_video(ffmpeg, tmp_path / "source.mp4", seconds=1)
    reading, writing = os.pipe()
    child = sound_to(ffmpeg, source, probe(source, cwd=tmp_path), cwd=tmp_path, stdout=writing)
    os.close(writing)
    with child, open(reading, "rb") as pipe:
        assert len(pipe.read()) > SAMPLE_RATE
        child.wait()
    assert child.stdout is None


def test_a_source_without_sound_has_none_to_give(ffmpeg: Path, tmp_path: Path) -> None:
    source = make_silent_video(ffmpeg, tmp_path / "mute.mp4", seconds=0.2)
    with pytest.raises(ValueError, match="no sound"):
        sound_to(ffmpeg, source, probe(source, cwd=tmp_path), cwd=tmp_path)


@pytest.mark.parametrize("with_sound", [True, False])
def test_the_lively_half_of_a_source_is_livelier(ffmpeg: Path, tmp_path: Path, with_sound: bool) -> None:
    source = tmp_path / "halves.mp4"
    sound = "aevalsrc='if(lt(t,6),0,random(0)*sin(20*t)*0.5)':d=12:s=16000"
    run(
        ffmpeg,
        *("-f", "lavfi", "-i", "color=gray:size=160x120:rate=10:duration=6"),
        *("-f", "lavfi", "-i", "mandelbrot=size=160x120:rate=10:end_scale=0.01"),
        *("-f", "lavfi", "-i", sound),
        *("-filter_complex", "[1]trim=duration=6[moving];[0][moving]concat[v]", "-map", "[v]"),
        *(("-map", "2:a") if with_sound else ()),
        *(*FAST, "-g", "10", "-t", "12", str(source)),
    )
    found = activity(ffmpeg, source, probe(source, cwd=tmp_path), cwd=tmp_path)
    assert len(found) == 12
    assert all(0 <= value <= 1 for value in found)
    assert max(found[:4]) < 0.2 < min(found[7:11])


def test_nothing_is_lively_in_a_still_and_silent_source(ffmpeg: Path, tmp_path: Path) -> None:
    source = tmp_path / "still.mp4"
    still = ("-f", "lavfi", "-i", "color=gray:size=64x64:rate=5:duration=4")
    run(ffmpeg, *still, "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", *FAST, "-t", "4", str(source))
    assert max(activity(ffmpeg, source, probe(source, cwd=tmp_path), cwd=tmp_path)) < 0.05


def test_a_sound_has_one_hash_whatever_file_it_is_in(talk: Path, ffmpeg: Path, tmp_path: Path) -> None:
    other, louder = tmp_path / "another name.mkv", tmp_path / "louder.mp4"
    run_ffmpeg(ffmpeg, ("-i", str(talk), "-c", "copy", other.name), cwd=tmp_path, reads=(talk,))
    changed = ("-i", str(talk), "-c:v", "copy", "-af", "volume=0.9", louder.name)
    run_ffmpeg(ffmpeg, changed, cwd=tmp_path, reads=(talk,))
    ticks: list[float] = []
    hashes = [
        sound_hash(ffmpeg, file, probe(file, cwd=tmp_path), cwd=tmp_path, tick=ticks.append)
        for file in (talk, other, louder)
    ]
    assert hashes[0] == hashes[1] != hashes[2]
    assert set(ticks) == {0.0}


def test_who_is_told_to_stop_stops_hashing(talk: Path, ffmpeg: Path, tmp_path: Path) -> None:
    def stop(_: float) -> None:
        raise JobCancelled

    with pytest.raises(JobCancelled):
        sound_hash(ffmpeg, talk, probe(talk, cwd=tmp_path), cwd=tmp_path, tick=stop)
