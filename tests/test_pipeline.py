"""A job from source to clips: right shape, nothing done twice, faults told as facts on the clip."""

import hashlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from clipmill import pipeline
from clipmill.cli import main
from clipmill.clipfile import ClipFile, finished_clip
from clipmill.errors import JobCancelled
from clipmill.means import Means
from clipmill.media.ffmpeg import run_ffmpeg
from clipmill.media.launcher import Reins, held_by
from clipmill.media.probe import probe
from clipmill.plan import Options
from clipmill.settings import read_settings
from clipmill.studio import Job, Stage, Studio, Task, working_file
from clipmill.workspace import Workspace, attempt_space

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
    with whenever_it_runs("clipmill.inside.faces", tmp_path, lambda pid: os.kill(pid, signal.SIGSEGV)):
        assert make(talk, tmp_path, count=1) == 0
    record = clip(tmp_path)
    assert "face-tracking" in record.degraded
    assert "SIGSEGV" in caplog.text
    assert {key.x for key in record.crop_path.keys} == {0.5}


def test_a_face_model_that_was_stopped_is_no_reason_to_crop_in_the_middle(
    talk: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reins = Reins()
    with (
        whenever_it_runs("clipmill.inside.faces", tmp_path, lambda _: reins.stop("cancelled")),
        held_by(reins),
    ):
        assert make(talk, tmp_path, count=1) == 130
    assert "Face tracking failed" not in caplog.text
    assert not list((tmp_path / "talk").glob("clip-*"))


@contextmanager
def whenever_it_runs(word: str, folder: Path, act: Callable[[int], object]) -> Iterator[None]:
    """While inside, ``act`` is called with every process in ``folder`` whose command line holds a word."""
    done = threading.Event()

    def hunt() -> None:
        while not done.wait(0.02):
            for pid in working_in(folder, word):
                act(pid)

    thread = threading.Thread(target=hunt)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def working_in(folder: Path, word: str) -> Iterator[int]:
    """Processes in a folder whose command line holds a word."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inside = Path(os.readlink(process / "cwd")).is_relative_to(folder)
            named = word.encode() in (process / "cmdline").read_bytes()
        except OSError:
            continue
        if inside and named:
            yield int(process.name)


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


# --- tasks, as the service runs them ----------------------------------------------------------------


def studio_in(work: Workspace, talk: Path) -> Studio:
    """One clip of the talk, as a worker works on it."""
    options = Options(count=1, least=4, most=10, transcript=str(talk.with_suffix(".srt")))
    return Studio(Job(talk, options), work, Means(read_settings()).services(lambda *_: None))


def do_all(studio: Studio) -> dict[Stage, bool]:
    """Whether each stage found something to do."""
    tasks = (Task(Stage.DOWNLOAD), Task(Stage.TRANSCRIBE), Task(Stage.SCORE), Task(Stage.ENCODE, 1))
    return {task.stage: pipeline.run_task(task, studio) for task in tasks}


def test_a_task_tells_whether_it_did_anything(talk: Path, tmp_path: Path) -> None:
    with attempt_space(tmp_path, "first") as work:
        assert set(do_all(studio_in(work, talk)).values()) == {True}
    with attempt_space(tmp_path, "second") as work:
        assert set(do_all(studio_in(work, talk)).values()) == {False}
        work.clip(1, ".mp4").unlink()
        studio = studio_in(work, talk)
        assert [stage for stage, worked in do_all(studio).items() if worked] == [Stage.ENCODE]
    names = {".mp4", ".json", ".jpg", ".srt", ".vtt", ".ass"}
    assert {path.suffix for path in tmp_path.glob("clip-01.*")} == names
    hidden = sorted(path.name for path in tmp_path.rglob("*") if path.is_file() and ".clipmill" in str(path))
    assert hidden == ["clip-01.json.key", "media.json", "media.json.key", "transcript.json.key"]


def test_a_finished_clip_outlives_an_update_and_a_move_but_no_other_wish(talk: Path, tmp_path: Path) -> None:
    with attempt_space(tmp_path, "first") as work:
        studio = studio_in(work, talk)
        do_all(studio)
        assert pipeline.unfinished(studio) == []
        for change, wanted in (({"threads": 7}, []), ({"crf": 30}, [1])):
            other = replace(studio.services.encoding, **change)  # type: ignore[arg-type]
            moved = replace(studio, services=replace(studio.services, encoding=other))
            assert pipeline.unfinished(moved) == wanted


def test_a_task_that_is_somebody_elses_by_now_publishes_nothing(talk: Path, tmp_path: Path) -> None:
    calls: list[int] = []

    def guard() -> None:
        calls.append(1)
        raise JobCancelled

    for stage in Stage:
        task = Task(stage, 1 if stage is Stage.ENCODE else 0)
        before = published(tmp_path)
        with attempt_space(tmp_path, "zombie") as work, pytest.raises(JobCancelled):
            pipeline.run_task(task, studio_in(replace(work, guard=guard), talk))
        assert published(tmp_path) == before
        with attempt_space(tmp_path, "successor") as work:
            assert pipeline.run_task(task, studio_in(work, talk))
    assert len(calls) == 4


def published(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_attempts_may_copy_a_broadcast_recording_at_once(
    talk: Path, ffmpeg: Path, tmp_path: Path
) -> None:
    recording, folder = tmp_path / "talk.ts", tmp_path / "job"
    arguments = ("-i", str(talk), "-c", "copy", "-f", "mpegts", recording.name)
    run_ffmpeg(ffmpeg, arguments, cwd=tmp_path, reads=(talk,))
    with attempt_space(folder, "download") as work:
        pipeline.run_task(Task(Stage.DOWNLOAD), studio_in(work, recording))
        work.copied_source.unlink()
    both, copies = threading.Barrier(2), []

    def copy_once(mark: str) -> None:
        with attempt_space(folder, mark) as work:
            both.wait()
            copies.append(working_file(studio_in(work, recording)))

    threads = [threading.Thread(target=copy_once, args=(f"encode-{number}",)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert copies == [Workspace(folder).copied_source] * 2
    assert probe(copies[0], cwd=tmp_path).duration == pytest.approx(24, abs=0.1)
    assert list(Workspace(folder).temporary.iterdir()) == []


def test_the_time_of_a_task_grows_with_its_seconds(talk: Path, tmp_path: Path) -> None:
    with attempt_space(tmp_path, "first") as work:
        studio = studio_in(work, talk)
        hearing, rendering = Task(Stage.TRANSCRIBE), Task(Stage.ENCODE, 1)
        assert pipeline.task_units(hearing, work) == 1.0
        pipeline.run_job(studio, last=Stage.SCORE)
        assert pipeline.task_units(hearing, work) == pytest.approx(24, abs=0.1)
        assert pipeline.task_units(hearing, work, studio.job.options) == 1.0
        assert pipeline.task_units(Task(Stage.SCORE), work) == 1.0
        assert 4 <= pipeline.task_units(rendering, work) <= 10
        assert pipeline.room_mb(rendering, work) == 1.6 * pipeline.task_units(rendering, work)
        assert pipeline.room_mb(hearing, work) == 0.0
