"""A service of real processes is killed at random and loses nothing: the short form of ``make chaos``."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.cases import Stage, accepting, update
from chaos.clients import Door
from chaos.cluster import Cluster, Death
from chaos.facts import EventRow
from chaos.log import Log
from chaos.media import Talk, make_talks, sha256
from chaos.processes import below, processes
from chaos.storm import Force, storm, takeovers
from chaos.versions import next_version, surroundings
from chaos.watch import Watcher

from clipmill import __version__

SEED = int(os.environ.get("CLIPMILL_TEST_SEED", "7"))


def quiet(text: str) -> None:
    """Nobody reads the progress of a test."""


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Talk, ...]:
    """Two short talks and the clips that an unkilled run makes of them."""
    return make_talks(tmp_path_factory.mktemp("talks"), written=2, heard=False)


@pytest.mark.timeout(240)
def test_kills_of_everything_lose_nothing_on_sqlite(talks: tuple[Talk, ...], tmp_path: Path) -> None:
    force = Force(kills=6, jobs=4, minutes=0.3, seed=SEED, clients=2)
    result = storm(tmp_path, talks, force, say=quiet)
    assert result.violations == [], result.figures


@pytest.mark.timeout(240)
def test_kills_of_everything_lose_nothing_on_postgresql(
    talks: tuple[Talk, ...], tmp_path: Path, postgres_database: str
) -> None:
    force = Force(kills=4, jobs=2, minutes=0.2, seed=SEED, clients=1)
    result = storm(tmp_path, talks, force, database=postgres_database, say=quiet)
    assert result.violations == [], result.figures


@pytest.mark.timeout(240)
def test_no_job_is_lost_or_taken_twice_while_the_api_is_killed(
    talks: tuple[Talk, ...], tmp_path: Path
) -> None:
    result = accepting(Stage(tmp_path, talks), kills=3, seed=SEED)
    assert result.violations == [], result.figures


@pytest.mark.timeout(240)
def test_an_update_carries_on_with_half_done_jobs(talks: tuple[Talk, ...], tmp_path: Path) -> None:
    result = update(Stage(tmp_path, talks), jobs=2)
    assert result.violations == [], result.figures


# --- the harness itself can fail ------------------------------------------------------------------


@pytest.fixture
def sleepers(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process with a child of its own, both working in a job's folder."""
    script = "import subprocess, time; subprocess.Popen(['sleep', '60']); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        for left in processes().values():
            if left.cwd == str(tmp_path):
                os.kill(left.pid, signal.SIGKILL)


def test_a_child_that_outlives_its_owner_is_found(
    sleepers: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    cluster = Cluster(tmp_path / "home", tmp_path)
    doomed = tuple(below(sleepers.pid, processes()))
    assert len(doomed) == 2
    sleepers.kill()
    sleepers.wait()
    found = cluster.orphans(Death(time.time(), "worker", doomed))
    assert [orphan.command.strip() for orphan in found] == ["sleep 60"]


@pytest.mark.usefixtures("sleepers")
def test_a_process_that_belongs_to_nobody_is_found(tmp_path: Path) -> None:
    found = Cluster(tmp_path, tmp_path).orphans(Death(time.time(), "worker", ()))
    assert len(found) == 2


@pytest.fixture
def watcher(tmp_path: Path) -> Watcher:
    """A watcher of one job whose first clip has to be ``whole``."""
    log = Log(tmp_path / "history.jsonl")
    log.accepted("job", "key", Talk(tmp_path / "talk.mp4", "", {1: sha256(b"whole")}))
    (tmp_path / "jobs" / "job" / ".clipmill").mkdir(parents=True)
    door = Door("http://127.0.0.1:9", log, threading.Event())
    return Watcher(tmp_path, door, random.Random(1), decoded=1)


def test_a_partial_clip_is_seen(watcher: Watcher, tmp_path: Path) -> None:
    clip = tmp_path / "jobs" / "job" / "clip-01.mp4"
    clip.write_bytes(b"whole")
    watcher.scan()
    assert (watcher.looks, watcher.door.log.seen) == (1, [])
    clip.write_bytes(b"who")
    watcher.scan()
    assert [violation.kind for violation in watcher.door.log.seen] == ["partial"]


def test_a_clip_that_does_not_decode_is_seen(watcher: Watcher, tmp_path: Path) -> None:
    watcher.decoded = 0
    (tmp_path / "jobs" / "job" / "clip-01.mp4").write_bytes(b"whole")
    watcher.scan()
    assert [violation.text for violation in watcher.door.log.seen] == ["clip-01.mp4 does not decode"]


def test_a_value_that_is_finished_again_is_counted(watcher: Watcher, tmp_path: Path) -> None:
    key = tmp_path / "jobs" / "job" / ".clipmill" / "transcript.json.key"
    for _ in range(2):
        key.write_bytes(b"made from this")
        watcher.scan()
        watcher.scan()
        key.rename(key.with_suffix(".old"))
    assert len(watcher.finished["job", "transcript.json.key"]) == 2


def test_the_time_to_a_take_over_counts_from_the_death_of_a_worker() -> None:
    deaths = [Death(at, target, ()) for at, target in ((10, "worker"), (20, "api"), (30, "crew worker"))]
    lost = [EventRow("job", number, "worker.lost", at) for number, at in enumerate((12.5, 21, 33), 1)]
    assert takeovers(deaths, lost) == [2.5, 3]


def test_the_next_version_differs_in_its_number_and_has_one_migration_more(tmp_path: Path) -> None:
    asks = "import clipmill, clipmill.jobs.tables as t; print(clipmill.__version__, len(t.MIGRATIONS))"
    told = []
    for python in (Path(sys.executable), next_version(tmp_path)):
        env = {**os.environ, **surroundings(python)}
        answer = subprocess.run([python, "-c", asks], env=env, check=True, capture_output=True, text=True)
        told.append(answer.stdout.split())
    (old, old_count), (new, new_count) = told
    assert old == __version__ != new
    assert int(new_count) == int(old_count) + 1
