"""Many jobs that want the same sound heard, on real workers that are killed: it is heard once."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clipmill.jobs.database import Database
from clipmill.jobs.records import JobRecord, Request, TaskRecord
from clipmill.jobs.store import Store
from clipmill.jobs.tables import migrate
from clipmill.media.ffmpeg import run_ffmpeg
from clipmill.plan import Options
from site_kit import site as web_site
from speech_kit import Service, answering, talk_words, verbose

SETTINGS = {
    "CLIPMILL_BEAT_S": "0.3",
    "CLIPMILL_DEAD_S": "3",
    "CLIPMILL_DRAIN_S": "0",
    "CLIPMILL_TRANSCRIBES": "4",
    "CLIPMILL_TRANSCRIBE_STARTS": "0",
}
CALL_S = 3.0
"""How long the service takes to answer: kills find it in the middle."""


class Site:
    """A store, and workers on it that only find words."""

    def __init__(self, home: Path, url: str, service: Service) -> None:
        known = {"CLIPMILL_DATABASE_URL": url} if url.startswith("postgres") else {}
        self._environment = {**os.environ, **SETTINGS, **service.environment, **known}
        self._environment["CLIPMILL_HOME"] = str(home)
        self.database = Database(url)
        migrate(self.database)
        self.store = Store(self.database)
        self.workers: list[subprocess.Popen[bytes]] = []

    def work(self, **more: str) -> "subprocess.Popen[bytes]":
        command = (sys.executable, "-m", "clipmill", "worker", "--stages", "download,transcribe")
        self.workers.append(subprocess.Popen(command, env=self._environment | more))
        return self.workers[-1]

    def submit(self, source: Path | str, **fields: Any) -> str:
        (job,) = self.store.accept([Request(str(source), Options(), **fields)], bound=100)
        assert isinstance(job, JobRecord)
        return job.id

    def hearing(self, job: str) -> TaskRecord | None:
        """The task of a job that finds its words."""
        return next((task for task in self.store.tasks(job) if task.name.stage == "transcribe"), None)

    def heard(self, job: str) -> bool:
        assert (found := self.store.job(job)).fault is None, found
        task = self.hearing(job)
        return task is not None and task.state == "done"

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.database.close()


@pytest.fixture
def asked() -> list[float]:
    """When the service was asked, also by those who did not live to hear the answer."""
    return []


@pytest.fixture
def service(asked: list[float]) -> Iterator[Service]:
    def answer(_: object) -> Any:
        asked.append(time.monotonic())
        time.sleep(CALL_S)
        return verbose(talk_words())

    with answering(answer) as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, database_url: str, service: Service) -> Iterator[Site]:
    there = Site(tmp_path, database_url, service)
    yield there
    there.close()


def until(happens: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def names(talk: Path, ffmpeg: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The talk under two names, in two containers."""
    other = tmp_path / "another name.mkv"
    run_ffmpeg(ffmpeg, ("-i", str(talk), "-c", "copy", other.name), cwd=tmp_path, reads=(talk,))
    return talk, other


def test_of_eight_jobs_at_once_one_is_heard_and_all_have_the_words(
    site: Site, names: tuple[Path, Path], asked: list[float]
) -> None:
    jobs = [site.submit(names[number % 2]) for number in range(8)]
    for _ in range(2):
        site.work()
    until(lambda: all(site.heard(job) for job in jobs))
    assert len(asked) == 1
    tasks = [site.hearing(job) for job in jobs]
    assert sorted(task.worked for task in tasks if task) == [0] * 7 + [1]
    assert {site.store.job(job).words_by for job in jobs} == {"service test-whisper"}


def test_a_file_and_two_addresses_of_one_video_are_heard_once(
    site: Site, talk: Path, tmp_path: Path, asked: list[float]
) -> None:
    (tmp_path / "web").mkdir()
    for name in ("talk.mp4", "again.mp4"):
        shutil.copy(talk, tmp_path / "web" / name)
    with web_site(tmp_path / "web") as web:
        sources = (talk, web.url("/talk.mp4"), web.url("/again.mp4"))
        jobs = [site.submit(source) for source in sources]
        site.work(CLIPMILL_EGRESS_ALLOW=web.place)
        until(lambda: all(site.heard(job) for job in jobs))
    assert len(asked) == 1


def test_workers_that_are_killed_cost_one_more_hearing_each_at_most(
    site: Site, names: tuple[Path, Path], asked: list[float]
) -> None:
    jobs = [site.submit(names[number % 2]) for number in range(8)]
    kills = 2
    for kill in range(kills):
        worker = site.work()
        until(lambda kill=kill: len(asked) > kill)
        worker.kill()
        worker.wait()
    for _ in range(2):
        site.work()
    until(lambda: all(site.heard(job) for job in jobs))
    assert len(asked) == 1 + kills


def test_a_job_that_uses_nothing_of_others_and_another_owner_are_heard_for_themselves(
    site: Site, names: tuple[Path, Path], asked: list[float]
) -> None:
    jobs = [site.submit(names[0], reuse=False), site.submit(names[1], owner="bob"), site.submit(names[1])]
    site.work()
    until(lambda: all(site.heard(job) for job in jobs))
    late = site.submit(names[0])
    until(lambda: site.heard(late))
    assert len(asked) == 3
