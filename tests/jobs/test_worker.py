"""Real workers on real jobs: graceful ends, kills, frozen workers, and children that crash or hang."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest

from clipmill.jobs.database import Database
from clipmill.jobs.joblog import log_file
from clipmill.jobs.records import Event, JobRecord, Request, State
from clipmill.jobs.store import Store
from clipmill.jobs.tables import migrate
from clipmill.plan import Options

T = TypeVar("T")

KIT = Path(__file__).parents[1] / "worker_kit.py"
SETTINGS = {
    "CLIPMILL_HEIGHT": "320",
    "CLIPMILL_PRESET": "ultrafast",
    "CLIPMILL_THREADS": "1",
    "CLIPMILL_ENCODES": "2",
    "CLIPMILL_BEAT_S": "0.3",
    "CLIPMILL_DEAD_S": "1.5",
}


class Site:
    """A store in a home folder, and the workers on it."""

    def __init__(self, home: Path, talk: Path) -> None:
        self.home, self.talk = home, talk
        home.mkdir()
        database = Database(f"sqlite:///{home / 'jobs.db'}")
        migrate(database)
        self.store = Store(database)
        self.workers: list[subprocess.Popen[bytes]] = []

    def submit(self, source: Path | None = None, *, count: int = 2, heard: bool = False) -> str:
        words = "" if heard else str(self.talk.with_suffix(".srt"))
        options = Options(count=count, least=4, most=8, transcript=words)
        request = Request(str(source or self.talk), options, reuse=not heard)  # each hears for itself
        (job,) = self.store.accept([request], bound=100)
        assert isinstance(job, JobRecord)
        return job.id

    def work(self, **settings: str) -> "subprocess.Popen[bytes]":
        worker = subprocess.Popen(
            [sys.executable, str(KIT)],
            env={**os.environ, **SETTINGS, "CLIPMILL_HOME": str(self.home), **settings},
        )
        self.workers.append(worker)
        return worker

    def ended(self, job: str) -> JobRecord:
        return until(lambda: (found := self.store.job(job)).ended and found)

    def events(self, job: str, kind: str) -> list[Event]:
        return [event for event in self.store.events(job, limit=10_000) if event.kind == kind]

    def children(self, word: str) -> list[int]:
        """Processes that work below this home and have a word in their command line."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                inside = str(self.home) in os.readlink(process / "cwd")
                words = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if inside and word.encode() in words:
                found.append(int(process.name))
        return found

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()


@pytest.fixture
def site(tmp_path: Path, talk: Path) -> Iterator[Site]:
    there = Site(tmp_path / "home", talk)
    yield there
    there.close()


def until(find: Callable[[], T], seconds: float = 120) -> T:
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


def clips(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.mp4"))


def test_a_worker_told_to_end_lets_running_work_end_and_takes_no_more(site: Site) -> None:
    first, second = site.submit(), site.submit()
    worker = site.work(CLIPMILL_WORKER_ENCODES="1")
    until(lambda: site.children("libx264"))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    ready = [len(site.events(job, "clip.ready")) for job in (first, second)]
    assert sum(ready) == 1
    assert not site.events(first, "worker.lost")
    site.work()
    assert site.ended(first).state == site.ended(second).state == State.SUCCEEDED
    assert max(task.worked for job in (first, second) for task in site.store.tasks(job)) == 1


def test_a_worker_without_time_gives_its_work_back(site: Site) -> None:
    job = site.submit()
    worker = site.work(CLIPMILL_DRAIN_S="0")
    until(lambda: site.children("libx264"))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert site.children("") == []
    site.work()
    assert site.ended(job).state is State.SUCCEEDED
    assert max(task.crashes for task in site.store.tasks(job)) == 0
    assert not list(site.home.glob("jobs/*/.clipmill/tmp/*"))


def test_a_killed_worker_s_task_runs_again_elsewhere_and_leaves_nothing_behind(site: Site) -> None:
    job = site.submit()
    worker = site.work()
    until(lambda: site.children("libx264"))
    worker.kill()
    until(lambda: not site.children(""), 5)
    site.work()
    assert site.ended(job).state is State.SUCCEEDED
    assert site.events(job, "worker.lost")
    assert clips(site.home / "jobs" / job) == ["clip-01.mp4", "clip-02.mp4"]
    assert not list(site.home.glob("jobs/*/.clipmill/tmp/*"))
    assert max(task.worked for task in site.store.tasks(job)) == 1


def test_a_frozen_worker_that_wakes_publishes_nothing_and_starts_afresh(site: Site) -> None:
    job = site.submit(count=1)
    worker = site.work()
    until(lambda: site.children("libx264"))
    until(lambda: frozen(site, worker))
    for child in site.children(""):
        os.kill(child, signal.SIGSTOP)
    site.work()
    assert site.ended(job).state is State.SUCCEEDED
    video = site.home / "jobs" / job / "clip-01.mp4"
    before = video.stat().st_ino
    for process in (*site.children(""), worker.pid):
        os.kill(process, signal.SIGCONT)
    again = site.submit(count=1)
    assert site.ended(again).state is State.SUCCEEDED
    assert video.stat().st_ino == before
    assert len(site.events(job, "clip.ready")) == 1
    assert worker.poll() is None


def frozen(site: Site, worker: "subprocess.Popen[bytes]") -> bool:
    """Freeze a worker between two writes: one that sleeps with SQLite's lock in its hand stops everybody."""
    worker.send_signal(signal.SIGSTOP)
    try:
        for name in ("jobs.db", "engine.db"):
            with closing(sqlite3.connect(site.home / name, timeout=0, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        worker.send_signal(signal.SIGCONT)
        return False
    return True


@pytest.fixture
def deadly(site: Site, tmp_path: Path) -> Path:
    """A source that brings down every worker that encodes a clip of it."""
    source = tmp_path / "deadly.mp4"
    os.link(site.talk, source)
    return source


def deaths_until_all_ended(site: Site, *jobs: str, **settings: str) -> int:
    """How many workers died, one started after the other, until these jobs had ended."""
    deaths = 0
    worker = site.work(**settings)
    while not all(site.store.job(job).ended for job in jobs):
        if worker.poll() is not None:
            assert worker.returncode == -signal.SIGKILL
            deaths += 1
            assert deaths < 20, "workers die on and on"
            worker = site.work(**settings)
        time.sleep(0.02)
    return deaths


def test_a_task_that_kills_three_workers_is_given_up(site: Site, deadly: Path) -> None:
    bad = site.submit(deadly, count=1)
    assert deaths_until_all_ended(site, bad) == 3
    failed = site.store.job(bad)
    assert (failed.state, failed.fault and failed.fault.code) == (State.FAILED, "poison")


def test_those_who_died_with_a_deadly_task_are_not_given_up_with_it(site: Site, deadly: Path) -> None:
    good, bad = site.submit(count=1), site.submit(deadly, count=1)
    deaths = deaths_until_all_ended(site, bad, good, TEST_IN_COMPANY="3")
    failed, whole = site.store.job(bad), site.store.job(good)
    assert (failed.state, failed.fault and failed.fault.code) == (State.FAILED, "poison")
    assert whole.state is State.SUCCEEDED
    assert max(task.crashes for task in site.store.tasks(good)) == 3
    assert deaths == 6


def test_a_cancelled_job_s_encode_is_stopped_and_its_slot_is_free(site: Site) -> None:
    job = site.submit()
    site.work()
    until(lambda: site.children("libx264"))
    site.store.cancel(job)
    until(lambda: not site.children(""), 10)
    assert site.ended(site.submit(count=1)).state is State.SUCCEEDED
    assert site.store.job(job).state is State.CANCELLED
    site.store.retry(job)
    assert site.ended(job).state is State.SUCCEEDED


def test_a_paused_job_ends_what_runs_and_goes_on_when_resumed(site: Site) -> None:
    job = site.submit()
    site.work(CLIPMILL_ENCODES="1")
    until(lambda: site.children("libx264"))
    site.store.pause(job)
    until(lambda: site.events(job, "clip.ready"))
    time.sleep(1)
    assert len(site.events(job, "clip.ready")) == 1
    assert site.store.job(job).state is State.PAUSED
    site.store.resume(job)
    assert site.ended(job).state is State.SUCCEEDED
    assert max(task.worked for task in site.store.tasks(job)) == 1


def test_a_face_child_that_crashes_is_named_and_the_clip_stays_in_the_middle(site: Site) -> None:
    job = site.submit(count=1)
    site.work()
    os.kill(until(lambda: site.children("clipmill.inside.faces"))[0], signal.SIGSEGV)
    assert site.ended(job).state is State.SUCCEEDED
    (clip,) = site.store.clips(job)
    assert "face-tracking" in clip.facts["degraded"]
    assert "face-tracking" in site.store.job(job).warnings
    assert "SIGSEGV" in log_file(site.home / "jobs" / job).read_text()


def test_an_ffmpeg_that_is_killed_is_named_and_its_clip_is_rendered_again(site: Site) -> None:
    job = site.submit(count=1)
    site.work()
    os.kill(until(lambda: site.children("libx264"))[0], signal.SIGKILL)
    assert site.ended(job).state is State.SUCCEEDED
    (waiting,) = site.events(job, "waiting")
    assert waiting.data["error"]["code"] == "tool-crashed"
    assert "SIGKILL" in waiting.data["error"]["message"]


def test_an_ffmpeg_that_always_dies_ends_the_job_with_its_reason(site: Site) -> None:
    job = site.submit(count=1)
    site.work()
    killed: set[int] = set()
    while not site.store.job(job).ended:
        for child in set(site.children("libx264")) - killed:
            os.kill(child, signal.SIGKILL)
            killed.add(child)
        time.sleep(0.01)
    failed = site.store.job(job)
    assert (failed.state, failed.fault and failed.fault.code) == (State.FAILED, "tool-crashed")
    assert len(killed) == 3


def test_a_child_that_hangs_is_stopped_and_its_clip_is_rendered_again(site: Site) -> None:
    job = site.submit(count=1)
    site.work(TEST_STILL_S="8")
    os.kill(until(lambda: site.children("libx264"))[0], signal.SIGSTOP)
    assert site.ended(job).state is State.SUCCEEDED
    (waiting,) = site.events(job, "waiting")
    assert waiting.data["error"]["code"] == "tool-timeout"


def test_who_may_not_begin_to_listen_waits_its_turn_without_a_slot(site: Site) -> None:
    jobs = [site.submit(heard=True) for _ in range(2)]
    site.work(CLIPMILL_TRANSCRIBE_STARTS="1")
    (late,) = until(lambda: [job for job in jobs if site.events(job, "waiting")])
    (waiting, *_) = site.events(late, "waiting")
    assert waiting.data["error"]["code"] == "rate-limited"
    assert 30 < waiting.data["seconds"] <= 62
    assert site.store.job(late).state is State.WAITING


def test_a_source_that_is_no_video_ends_the_job_with_its_reason(site: Site, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("no video at all")
    job = site.submit(text)
    site.work()
    failed = site.ended(job)
    assert failed.state is State.FAILED
    assert failed.fault
    assert failed.fault.code == "not-a-media-file"


def test_a_removed_job_leaves_no_file(site: Site) -> None:
    job = site.submit()
    site.work()
    until(lambda: site.children("libx264"))
    site.store.remove(job)
    until(lambda: not (site.home / "jobs" / job).exists(), 30)
    assert site.children("") == []
