"""Workflows in real processes, on both stores: order, fan-out, limits, and what a kill leaves."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

KIT = Path(__file__).parents[1] / "engine_kit.py"


class Site:
    """A store, a log, and the engines that run on them."""

    def __init__(self, folder: Path, url: str) -> None:
        self.log = folder / "log"
        self.url = url
        self.engines: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, **spec: Any) -> "subprocess.Popen[bytes]":
        words = {"log": str(self.log), "encode_s": 0.3, "clips": 3, "lives_s": 60, "engine": self.url, **spec}
        engine = subprocess.Popen([sys.executable, str(KIT), name, json.dumps(words)])
        self.engines.append(engine)
        return engine

    def said(self, what: str) -> list[list[Any]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [row for row in map(json.loads, lines) if row[2] == what]

    def until(
        self, what: str, count: int = 1, *, where: Callable[[list[Any]], bool] = bool
    ) -> list[list[Any]]:
        deadline = time.monotonic() + 120
        while len(found := [row for row in self.said(what) if where(row)]) < count:
            assert time.monotonic() < deadline, f"no {count} x {what}"
            time.sleep(0.05)
        return found

    def stop(self) -> None:
        for engine in self.engines:
            engine.kill()
            engine.wait()


@pytest.fixture
def site(tmp_path: Path, database_url: str) -> Iterator[Site]:
    there = Site(tmp_path, database_url)
    yield there
    there.stop()


def test_stages_follow_each_other_and_clips_run_side_by_side_within_the_limit(site: Site) -> None:
    site.start("a", jobs_to_start=["j1"])
    site.start("b", jobs_to_start=["j2"])
    site.until("close", 2)
    for job in ("j1", "j2"):
        stages = [row[4] for row in site.said("begin") if row[3] == job]
        assert stages == ["download", "transcribe", "score", "encode", "encode", "encode"]
    assert most_at_once(site, "encode") == 2


def test_a_killed_engine_s_work_goes_on_elsewhere_and_what_was_done_stays_done(site: Site) -> None:
    first = site.start("a", jobs_to_start=["j1"], encode_s=2.0)
    site.until("begin", 2, where=lambda row: row[4] == "encode")
    first.send_signal(signal.SIGKILL)
    first.wait()
    site.start("b", heir_of=["a"], encode_s=0.2)
    site.until("close")
    done = [(row[4], row[5]) for row in site.said("end")]
    assert sorted(done) == [
        ("download", 0),
        *(("encode", clip) for clip in (1, 2, 3)),
        ("score", 0),
        ("transcribe", 0),
    ]
    assert all(row[1] == "a" for row in site.said("begin") if row[4] != "encode")


def test_what_a_worker_holds_that_nobody_knows_goes_on_elsewhere(site: Site) -> None:
    first = site.start("a", jobs_to_start=["j1"], encode_s=2.0)
    site.until("begin", 2, where=lambda row: row[4] == "encode")
    first.send_signal(signal.SIGKILL)
    first.wait()
    site.start("b", known=["b"], encode_s=0.1)
    site.until("close")
    assert len(site.said("end")) == 6


def test_a_task_that_asks_for_it_is_begun_again_and_its_siblings_are_not(site: Site) -> None:
    site.start("a", jobs_to_start=["j1"], again={"transcribe": 2})
    site.until("close")
    tries = [row[6] for row in site.said("begin") if row[4] == "transcribe"]
    assert tries == [1, 2, 3]
    assert len([row for row in site.said("begin") if row[4] == "download"]) == 1


def test_after_a_stage_that_failed_comes_the_end(site: Site) -> None:
    site.start("a", jobs_to_start=["j1"], fails="transcribe")
    site.until("close")
    assert [row[4] for row in site.said("begin")] == ["download", "transcribe"]


def test_a_job_that_is_started_twice_runs_once(site: Site) -> None:
    site.start("a", jobs_to_start=["j1", "j1"], encode_s=1.0)
    site.until("begin", 2, where=lambda row: row[4] == "encode")
    site.start("b", jobs_to_start=["j1"])
    site.until("close")
    assert len(site.said("end")) == 6


def test_what_ended_and_what_is_gone_can_be_told(site: Site) -> None:
    site.start("a", jobs_to_start=["j1"], encode_s=0.01)
    site.until("close")
    time.sleep(0.5)
    Path(f"{site.log}.stop").touch()
    ends = {tuple(run): error for run, error in site.until("over")[0][3]}
    assert ends == {("j1", 1): "", ("none", 1): "gone"}


def most_at_once(site: Site, stage: str) -> int:
    moments = [(row[0], 1) for row in site.said("begin") if row[4] == stage]
    moments += [(row[0], -1) for row in site.said("end") if row[4] == stage]
    running = most = 0
    for _, step in sorted(moments):
        running += step
        most = max(most, running)
    return most
