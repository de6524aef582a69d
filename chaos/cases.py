"""Cases of their own: a task that kills its worker, a worker that stands still, an update amid the work."""

import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chaos.clients import Door, Order, Submitter, ask, settle, submit
from chaos.cluster import Cluster
from chaos.collect import collect, count_events, schema
from chaos.facts import History, Violation
from chaos.history import check
from chaos.log import Log
from chaos.media import SMALL, Talk
from chaos.moves import FINAL
from chaos.processes import encodes, processes
from chaos.storm import ENCODES, Result
from chaos.versions import next_version
from chaos.watch import Watcher

CRASHES = 3
CLIENTS = 4
SETTLE_S = 180.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a case plays: its folder, the talks, and the address of its database, empty for SQLite."""

    folder: Path
    talks: tuple[Talk, ...]
    database: str = ""

    def cluster(self, *, crew: int, beside: int, **more: str) -> Cluster:
        """A service of this case."""
        settings = {**SMALL, "CLIPMILL_ENCODES": str(ENCODES), **more}
        if self.database:
            settings["CLIPMILL_DATABASE_URL"] = self.database
        home, allow = self.folder / "home", self.talks[0].source.parent
        return Cluster(home, allow, settings, crew=crew, beside=beside)

    @property
    def tables(self) -> str:
        """The address of the database that holds the tables."""
        return self.database or f"sqlite:///{self.folder / 'home' / 'jobs.db'}"

    def history(self, log: Log, watcher: Watcher | None = None) -> History:
        """What happened, when it is over."""
        return collect(self.folder / "home", self.tables, log, watcher)


# --- jobs that are handed in while the API is killed ----------------------------------------------


def accepting(stage: Stage, *, kills: int = 40, seed: int = 1) -> Result:
    """Clients hand in jobs as fast as they can, and the API is killed every 0.2 to 3 s of its life.

    Nobody works on the jobs: this is about what was answered, and what is in the database.
    """
    cluster = stage.cluster(crew=0, beside=0, CLIPMILL_QUEUE="1000000")
    log, stop, enough = Log(stage.folder / "history.jsonl"), threading.Event(), threading.Event()
    door, chance = Door(cluster.url, log, stop), random.Random(seed)
    hasty = [Submitter(f"client-{n}", door, stage.talks, random.Random(n), 10**9) for n in range(CLIENTS)]
    threads = [threading.Thread(target=client.run, args=(enough,), daemon=True) for client in hasty]
    try:
        cluster.start()
        cluster.ready()
        for thread in threads:
            thread.start()
        for _ in range(kills):
            time.sleep(chance.uniform(0.2, 3))
            cluster.kill("api", chance)
            cluster.start()
            cluster.ready()
        enough.set()
        for thread in threads:
            thread.join()
    finally:
        stop.set()
        cluster.stop()
    told = f"{len(log.talks)} jobs, {len(log.answers)} answers of 202, {log.retried} without an answer"
    return Result({f"handing in, the API killed {kills} times": told}, check(stage.history(log), ended=False))


# --- a task that kills its worker -----------------------------------------------------------------


def poison(stage: Stage, *, others: int = 4) -> Result:
    """One job whose render brings down its worker each time, beside jobs that are none of its business.

    It must be given up as ``poison`` after three deaths of its own at the latest, the others must come out
    whole though some die with it, and asking for it again when it is harmless must do.
    """
    cluster = stage.cluster(crew=0, beside=2, CLIPMILL_CRASHES=str(CRASHES))
    log, stop = Log(stage.folder / "history.jsonl"), threading.Event()
    door = Door(cluster.url, log, stop)
    faults: list[str] = []
    try:
        cluster.start()
        cluster.ready()
        bad = submit(door, Order("bad", stage.talks[0], count=1))
        for number in range(others):
            submit(door, Order(f"good-{number}", stage.talks[number % len(stage.talks)]))
        deaths = _kill_whoever_renders(cluster, bad, door)
        error = _shown(door, bad).get("error") or {}
        if error.get("code") != "poison" or not CRASHES <= deaths <= 2 * CRASHES:
            faults.append(f"after {deaths} deaths its error is {error}")
        if not (ask(door, "retry", bad) and not settle(door, within_s=SETTLE_S)):
            faults.append("asked for again, it did not end")
    finally:
        stop.set()
        cluster.stop()
    history = stage.history(log)
    good = sum(job.state == "succeeded" for job in history.jobs)
    told = f"given up after {deaths}; {good - 1} of {others} others succeeded, and itself when asked again"
    violations = [*(Violation("promise", bad, fault) for fault in faults), *check(history)]
    return Result({"a task that kills its worker each time": told}, violations)


def _kill_whoever_renders(cluster: Cluster, job: str, door: Door) -> int:
    """SIGKILL the worker of every child that renders this job, until the job has ended; how many."""
    folder, killed, ended = str(cluster.home / "jobs" / job), 0, threading.Event()

    def wait_for_end() -> None:
        while _shown(door, job).get("status") not in FINAL and not door.stop.wait(0.3):
            pass
        ended.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    until = time.monotonic() + SETTLE_S
    while not ended.wait(0.02) and time.monotonic() < until:
        everyone = processes()
        children = [p for p in everyone.values() if folder in p.cwd and "x264" in p.command]
        # child, launcher process, worker
        launchers = {everyone[child.parent].parent for child in children if child.parent in everyone}
        for worker in launchers & everyone.keys():
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
                killed += 1
        if launchers:
            time.sleep(0.2)
        cluster.start()
    return killed


def _shown(door: Door, job: str) -> dict[str, Any]:
    answer = door.ask("GET", f"/v1/jobs/{job}")
    return answer.json() if answer is not None and answer.status_code == 200 else {}


# --- a worker that comes back from the dead -------------------------------------------------------


def frozen(stage: Stage, *, jobs: int = 4) -> Result:
    """A worker stands still in the middle of its work, others take that over, and then it goes on.

    What it still believes to hold must not come out a second time.
    """
    cluster = stage.cluster(crew=0, beside=2, CLIPMILL_BEAT_S="1", CLIPMILL_DEAD_S="4")
    log, stop = Log(stage.folder / "history.jsonl"), threading.Event()
    door = Door(cluster.url, log, stop)
    watcher = Watcher(cluster.home, door, random.Random(1))
    threading.Thread(target=watcher.run, daemon=True).start()
    try:
        cluster.start()
        cluster.ready()
        for number in range(jobs):
            submit(door, Order(f"job-{number}", stage.talks[number % len(stage.talks)]))
        worker = _wait_for(lambda: _who_renders(cluster.home), least=1)
        os.kill(worker, signal.SIGSTOP)
        lost = _wait_for(lambda: count_events(stage.tables, "worker.lost"), least=1)
        time.sleep(3)  # the others are at work on what they took
        os.kill(worker, signal.SIGCONT)
        unfinished = settle(door, within_s=SETTLE_S)
    finally:
        stop.set()
        cluster.stop()
    history = stage.history(log, watcher)
    late = [Violation("lost", job, "not ended") for job in unfinished]
    good = sum(job.state == "succeeded" for job in history.jobs)
    told = f"{lost} tasks taken from it; {good} of {jobs} jobs succeeded, {watcher.looks} looks"
    return Result(
        {"a worker that stands still, and goes on when others have its work": told}, [*late, *check(history)]
    )


def _who_renders(home: Path) -> int:
    """A worker that renders a clip right now, 0 when there is none."""
    everyone = processes()
    launchers = [everyone[child].parent for child in encodes(home) if child in everyone]
    workers = [everyone[launcher].parent for launcher in launchers if launcher in everyone]
    return next(iter(workers), 0)


# --- turns and slots over three workers -----------------------------------------------------------

STARTS_A_MINUTE = 5


def turns(stage: Stage, *, heard: int = 9, rendered: int = 4, seed: int = 1) -> Result:
    """Three workers share five starts of listening a minute and two renders at once.

    Workers are killed, jobs cancelled and asked for again meanwhile; what is counted are true processes.
    """
    cluster = stage.cluster(crew=1, beside=2, CLIPMILL_TRANSCRIBE_STARTS=str(STARTS_A_MINUTE))
    log, stop, chance = Log(stage.folder / "history.jsonl"), threading.Event(), random.Random(seed)
    door = Door(cluster.url, log, stop)
    begun: dict[str, float] = {}
    most = [0]

    def look() -> None:
        while not stop.wait(0.05):
            most.append(len(encodes(cluster.home)))
            for process in processes().values():
                attempt = re.search(r"jobs/\w+/\.clipmill/tmp/transcribe-[\w-]+", process.cwd)
                if attempt and "inside.speech" in process.command:
                    begun.setdefault(attempt[0], process.born / os.sysconf("SC_CLK_TCK"))

    threading.Thread(target=look, daemon=True).start()
    try:
        cluster.start()
        cluster.ready()
        for number in range(max(heard, rendered)):
            talk = stage.talks[number % len(stage.talks)]
            if number < heard:
                submit(door, Order(f"heard-{number}", replace(talk, words=""), reuse=False))
            if number < rendered:
                submit(door, Order(f"rendered-{number}", talk))
        for target in ("worker", "crew worker", "worker", "launcher"):
            time.sleep(chance.uniform(6, 14))
            cluster.kill(target, chance)
            cluster.start()
            job = chance.choice(log.active() or [""])
            if ask(door, "cancel", job):
                ask(door, "retry", job)
        unfinished = settle(door, within_s=2 * SETTLE_S)
    finally:
        stop.set()
        cluster.stop()
    times = sorted(begun.values())
    windows = zip(times, times[STARTS_A_MINUTE:], strict=False)
    faults = [
        Violation("over-limit", "", f"{STARTS_A_MINUTE + 1} starts in {b - a:.1f} s")
        for a, b in windows
        if b - a < 60
    ]
    faults += [Violation("over-limit", "", f"{max(most)} renders at once")] if max(most) > ENCODES else []
    faults += [Violation("lost", job, "not ended") for job in unfinished]
    told = f"{len(times)} starts in {times[-1] - times[0]:.0f} s, at most {max(most)} renders at once"
    return Result({"three workers that share starts and renders": told}, faults)


# --- an update ------------------------------------------------------------------------------------


def update(stage: Stage, *, jobs: int = 6) -> Result:
    """The next version starts on a home with jobs half done, while a worker of the version before runs on."""
    old = stage.cluster(crew=1, beside=1)
    log, stop = Log(stage.folder / "history.jsonl"), threading.Event()
    door = Door(old.url, log, stop)
    new = replace(old, python=next_version(stage.folder / "next"))
    new.port = old.port
    try:
        old.start()
        old.ready()
        for number in range(jobs):
            submit(door, Order(f"job-{number}", stage.talks[number % len(stage.talks)]))
        done_before, schema_before = _wait_for(lambda: _clips(door), least=2), schema(stage.tables)
        paused = any(ask(door, "pause", job) for job in _half_done(door)[:1])  # resumed by the next version
        old.end("api")
        new.start(only="api")
        new.ready()
        done_beside = _wait_for(lambda: _clips(door), least=min(done_before + 2, 2 * jobs))
        old.end("worker-1")
        new.start()
        unfinished = settle(door, within_s=SETTLE_S)
    finally:
        stop.set()
        new.stop()
        old.stop()
    history = stage.history(log)
    faults = [Violation("lost", job, "not ended after the update") for job in unfinished]
    if schema(stage.tables) != schema_before + 1:
        faults.append(Violation("promise", "", "the new version did not bring its tables"))
    good = sum(job.state == "succeeded" for job in history.jobs)
    told = f"{done_before} clips before, {done_beside} beside it; {good} of {jobs} jobs succeeded"
    told += ", one of them paused before and resumed after" if paused else ""
    return Result({"an update with half-done jobs": told}, [*faults, *check(history)])


def _listed(door: Door) -> list[dict[str, Any]]:
    answer = door.ask("GET", "/v1/jobs?limit=100")
    if answer is None or answer.status_code != 200:
        return []
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def _clips(door: Door) -> int:
    """How many clips are ready in all."""
    return sum(job["clips"]["ready"] for job in _listed(door))


def _half_done(door: Door) -> list[str]:
    """Jobs at work, those with the most clips first."""
    jobs = [job for job in _listed(door) if job["status"] in ("running", "waiting")]
    return [job["id"] for job in sorted(jobs, key=lambda job: -int(job["clips"]["ready"]))]


def _wait_for(count: Callable[[], int], *, least: int) -> int:
    """Wait until there are so many; how many there are. TimeoutError when that takes too long."""
    until = time.monotonic() + SETTLE_S
    while (seen := count()) < least:
        if time.monotonic() > until:
            raise TimeoutError(f"{seen} where {least} were due")
        time.sleep(0.1)
    return seen
