"""A job from source to clips: right shape, nothing done twice, faults told as facts on the clip."""

import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest

from clipmill.cli import main
from clipmill.clipfile import ClipFile, finished_clip
from clipmill.media.ffmpeg import run_ffmpeg
from clipmill.workspace import Workspace

pytestmark = pytest.mark.usefixtures("small")

SHORT = ("--min", "4", "--max", "10", "-q")


def make(talk: Path, folder: Path, *more: str, count: int = 2) -> int:
    words = talk.with_suffix(".srt")
    given = ["--transcript", str(words), "-n", str(count), *SHORT, *more]
    return main(["make", str(talk), "-o", str(folder), *given])


def clip(folder: Path, number: int = 1) -> ClipFile:
    found = finished_clip(Workspace(folder / "talk"), number, key=None)
    assert found is not None
    return found


def test_a_clip_has_the_right_shape_and_length(talk: Path, tmp_path: Path) -> None:
    assert make(talk, tmp_path) == 0
    with av.open(str(tmp_path / "talk" / "clip-01.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height) == (180, 320)
        assert (video.codec.name, audio.codec.name, audio.rate) == ("h264", "aac", 48000)
        assert video.average_rate == Fraction(25)
        frames = sum(1 for _ in container.decode(video))
    record = clip(tmp_path)
    assert frames == record.quality.frames
    assert frames / 25 == pytest.approx(record.span.length, abs=0.001)


def test_clips_start_and_end_with_a_sentence(talk: Path, tmp_path: Path) -> None:
    assert make(talk, tmp_path) == 0
    for number in (1, 2):
        text = clip(tmp_path, number).text
        assert text[0].isupper()
        assert text[-1] in ".?!"


def test_the_face_stays_inside_the_window(talk: Path, tmp_path: Path) -> None:
    assert make(talk, tmp_path) == 0
    card = clip(tmp_path).quality
    assert card.face_seen is not None
    assert card.face_seen >= 0.9
    assert card.face_inside is not None
    assert card.face_inside >= 0.95


def test_loudness_is_as_wanted(talk: Path, tmp_path: Path) -> None:
    assert make(talk, tmp_path) == 0
    card = clip(tmp_path).quality
    assert card.loudness_lufs == pytest.approx(-14, abs=1)
    assert card.true_peak_db is not None
    assert card.true_peak_db <= -1


def test_the_same_command_again_changes_nothing(talk: Path, tmp_path: Path) -> None:
    assert make(talk, tmp_path) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "talk").glob("clip-*")}
    assert make(talk, tmp_path) == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "talk").glob("clip-*")} == before


def test_a_lost_clip_alone_is_made_again(talk: Path, tmp_path: Path) -> None:
    assert make(talk, tmp_path) == 0
    first, second = (tmp_path / "talk" / f"clip-0{n}.mp4" for n in (1, 2))
    content, kept = first.read_bytes(), second.stat().st_mtime_ns
    first.unlink()
    assert make(talk, tmp_path) == 0
    assert first.read_bytes() == content
    assert second.stat().st_mtime_ns == kept


def test_an_edited_plan_is_obeyed_and_not_overwritten(talk: Path, tmp_path: Path) -> None:
    assert make(talk, tmp_path) == 0
    file = tmp_path / "talk" / "plan.json"
    plan = json.loads(file.read_text())
    plan["changes"] = {plan["chosen"][0]: {"words": {"0": "Everybody"}, "title": "Mine"}}
    file.write_text(json.dumps(plan))
    assert make(talk, tmp_path) == 0
    assert clip(tmp_path).title == "Mine"
    assert json.loads(file.read_text())["changes"] == plan["changes"]


def test_other_options_keep_the_old_plan_beside_the_new_and_remove_old_clips(
    talk: Path, tmp_path: Path
) -> None:
    assert make(talk, tmp_path) == 0
    assert make(talk, tmp_path, count=1) == 0
    folder = tmp_path / "talk"
    assert len(json.loads((folder / "plan.previous.json").read_text())["chosen"]) == 2
    assert [path.name for path in folder.glob("clip-*.mp4")] == ["clip-01.mp4"]


@pytest.mark.parametrize(("aspect", "size"), [("4:5", (180, 224)), ("1:1", (180, 180)), ("16:9", (320, 180))])
def test_other_shapes_can_be_had(talk: Path, tmp_path: Path, aspect: str, size: tuple[int, int]) -> None:
    assert make(talk, tmp_path, "--aspect", aspect, count=1) == 0
    record = clip(tmp_path)
    assert (record.width, record.height) == size


def test_two_videos_of_one_name_do_not_share_a_folder(talk: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    for name in ("talk.mp4", "talk.srt"):
        (other / name).write_bytes((talk.parent / name).read_bytes())
    assert make(talk, tmp_path / "clips", count=1) == 0
    assert make(other / "talk.mp4", tmp_path / "clips", count=1) == 0
    assert len(list((tmp_path / "clips").iterdir())) == 2


def test_silence_is_nothing_to_clip_unless_allowed(talk: Path, tmp_path: Path) -> None:
    words = tmp_path / "nobody.json"
    words.write_text('{"language": "en", "duration": 24.0, "words": []}')
    given = ["make", str(talk), "-o", str(tmp_path / "clips"), "--transcript", str(words), *SHORT]
    assert main(given) == 3
    assert not (tmp_path / "clips").exists()
    assert main([*given, "--allow-silent"]) == 0


def test_a_dead_face_model_is_named_and_the_clip_is_cropped_in_the_middle(
    talk: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with killed("clipmill.inside.faces", signal.SIGSEGV):
        assert make(talk, tmp_path, count=1) == 0
    record = clip(tmp_path)
    assert "face-tracking" in record.degraded
    assert "SIGSEGV" in caplog.text
    assert {key.x for key in record.crop_path.keys} == {0.5}


class killed:  # noqa: N801 (used as a context)
    """While inside, every process whose command line holds a word gets a signal."""

    def __init__(self, word: str, number: signal.Signals) -> None:
        self._word = word.encode()
        self._number = number
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._hunt)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *failure: object) -> None:
        self._done.set()
        self._thread.join()

    def _hunt(self) -> None:
        while not self._done.is_set():
            for pid in self._found():
                os.kill(pid, self._number)
            time.sleep(0.02)

    def _found(self) -> Iterator[int]:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if self._word in words and int(folder.name) != os.getpid():
                yield int(folder.name)


def test_a_broadcast_recording_is_worked_on_as_a_copy_that_is_gone_in_the_end(
    talk: Path, ffmpeg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPMILL_THREADS", "1")
    recording = tmp_path / "talk.ts"
    run_ffmpeg(
        ffmpeg, ("-i", str(talk), "-c", "copy", "-f", "mpegts", recording.name), cwd=tmp_path, reads=(talk,)
    )
    recording.with_suffix(".srt").write_bytes(talk.with_suffix(".srt").read_bytes())
    assert make(recording, tmp_path / "clips") == 0
    folder = tmp_path / "clips" / "talk"
    media = json.loads((folder / "plan.json").read_text())["source"]["media"]
    assert (media["name"], media["container"]) == ("talk.ts", "mpegts")
    assert media["sha256"] == hashlib.sha256(recording.read_bytes()).hexdigest()
    assert not list(folder.rglob("*.mkv"))
    video = folder / "clip-02.mp4"
    content, kept = video.read_bytes(), (folder / "clip-01.mp4").stat().st_mtime_ns
    video.unlink()
    assert make(recording, tmp_path / "clips") == 0
    assert video.read_bytes() == content
    assert (folder / "clip-01.mp4").stat().st_mtime_ns == kept
    video.unlink()
    assert main(["render", str(folder / "plan.json"), "--only", "2", "-q"]) == 0
    assert video.read_bytes() == content


def test_a_finished_job_needs_no_room(talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make(talk, tmp_path, count=1) == 0
    monkeypatch.setenv("CLIPMILL_RESERVE_MB", "100000000")
    assert make(talk, tmp_path, count=1) == 0
    assert make(talk, tmp_path, "--style", "clean", count=1) == 7
