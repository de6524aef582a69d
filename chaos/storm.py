"""One chaos run: a service, its users, those who look, and the kills; then the proof."""

import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chaos.clients import Door, Listener, Meddler, Submitter, settle
from chaos.cluster import ORPHANS_AFTER_S, TARGETS, Cluster, Death
from chaos.collect import collect
from chaos.facts import EventRow, Violation
from chaos.history import check
from chaos.log import Log
from chaos.media import SMALL, Talk
from chaos.watch import EncodeCounter, Watcher

ENCODES = 2
MANY_CRASHES = "100"
"""The kills are not the tasks' fault, so no task is given up for them."""

SETTLE_S = 600.0
LONGEST_S = 1800.0
LISTENERS = 6


@dataclass(frozen=True, slots=True)
class Force:
    """How hard a run is: kills, jobs at least, minutes for the kills, the seed of all chance."""

    kills: int
    jobs: int
    minutes: float
    seed: int
    clients: int = 3
    looks: int = 0

    @property
    def pause_s(self) -> float:
        """Mean seconds from one kill to the next."""
        return self.minutes * 60 / max(self.kills, 1)


@dataclass
class Result:
    """What came of a run: figures in the order to show them, and every broken promise."""

    figures: dict[str, str] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)

    def add(self, other: "Result") -> None:
        """Take in what came of another run."""
        self.figures.update(other.figures)
        self.violations += other.violations


def storm(
    folder: Path, talks: tuple[Talk, ...], force: Force, *, database: str = "", say: Callable[[str], None]
) -> Result:
    """Run a service in ``folder`` through ``force`` and judge what happened.

    ``database`` is the address of a PostgreSQL database, empty for SQLite in the home folder.
    """
    settings = {**SMALL, "CLIPMILL_CRASHES": MANY_CRASHES, "CLIPMILL_ENCODES": str(ENCODES)}
    if database:
        settings["CLIPMILL_DATABASE_URL"] = database
    cluster = Cluster(folder / "home", talks[0].source.parent, settings)
    run = _Run(cluster, Log(folder / "history.jsonl"), force, talks)
    try:
        cluster.start()
        cluster.ready()
        unfinished = run.through(say)
    finally:
        run.stop.set()
        cluster.stop()
        run.join()
    for job in unfinished:
        run.log.violated("lost", job, f"not ended {SETTLE_S:g} s after the last kill")
    history = collect(cluster.home, database or f"sqlite:///{cluster.home / 'jobs.db'}", run.log, run.watcher)
    figures = run.figures(Counter(job.state for job in history.jobs))
    figures["seconds from a worker's death to the take-over"] = _told(takeovers(run.deaths, history.events))
    return Result(figures, check(history))


class _Run:
    """The threads of a run and what they count."""

    def __init__(self, cluster: Cluster, log: Log, force: Force, talks: tuple[Talk, ...]) -> None:
        self.cluster, self.log, self.force, self.talks = cluster, log, force, talks
        self.stop, self.enough = threading.Event(), threading.Event()
        self.door = Door(cluster.url, log, self.stop)
        self.watcher = Watcher(cluster.home, self.door, random.Random(f"{force.seed} watch"))
        self.counter = EncodeCounter(cluster.home, log, ENCODES)
        self.deaths: list[Death] = []
        self.seconds = 0.0
        self._checks: list[threading.Thread] = []
        self._watching: list[threading.Thread] = []

    def through(self, say: Callable[[str], None]) -> list[str]:
        """The kills, while others use the service, and the time to settle after; the jobs that did not."""
        began = time.monotonic()
        meddler = Meddler(
            self.door, random.Random(f"{self.force.seed} meddler"), max(1.0, self.force.pause_s)
        )
        with self._going(self._submitters()), self._going({"meddler": lambda: meddler.run(self.enough)}):
            looking = {"watcher": self.watcher.run, "counter": lambda: self.counter.run(self.stop)}
            for name, work in {**looking, "listeners": self._listen}.items():
                self._watching.append(threading.Thread(target=work, name=name, daemon=True))
                self._watching[-1].start()
            self._kill_all(say)
            self._until(lambda: len(self.log.talks) >= self.force.jobs, say, f"{self.force.jobs} jobs")
            self.enough.set()
        say("no more kills: waiting for every job to end")
        self.cluster.start()
        unfinished = settle(self.door, within_s=SETTLE_S)
        for thread in self._checks:
            thread.join()
        self._until(lambda: self.watcher.looks >= self.force.looks, say, f"{self.force.looks} looks")
        self._until(self._removed_are_gone, say, "the files of deleted jobs to go")
        self.seconds = time.monotonic() - began
        return unfinished

    def _submitters(self) -> Mapping[str, Callable[[], None]]:
        found = {}
        for number in range(self.force.clients):
            chance = random.Random(f"{self.force.seed} client {number}")
            client = Submitter(f"client-{number}", self.door, self.talks, chance, most=4)
            found[client.name] = lambda client=client: client.run(self.enough)
        return found

    @contextmanager
    def _going(self, works: Mapping[str, Callable[[], None]]) -> Iterator[None]:
        """Run each in a thread of its own; wait for their ends."""
        threads = [threading.Thread(target=work, name=name, daemon=True) for name, work in works.items()]
        for thread in threads:
            thread.start()
        yield
        for thread in threads:
            thread.join()

    def join(self) -> None:
        """Wait for those who look, when the run is stopped."""
        for thread in self._watching:
            thread.join()

    def _until(self, true: Callable[[], bool], say: Callable[[str], None], what: str) -> None:
        """Wait for something that the run has to reach."""
        if not true():
            say(f"waiting for {what}")
        until = time.monotonic() + LONGEST_S
        while not true():
            if time.monotonic() > until:
                self.log.violated("short", "", f"no {what} within {LONGEST_S:g} s")
                return
            self.cluster.start()
            time.sleep(0.2)

    def _removed_are_gone(self) -> bool:
        return not any((self.cluster.home / "jobs" / job).exists() for job in self.log.removed)

    # --- kills ---

    def _kill_all(self, say: Callable[[str], None]) -> None:
        chance = random.Random(f"{self.force.seed} kills")
        targets = list(TARGETS)
        while len(self.deaths) < self.force.kills:
            self._rest(chance.uniform(0, 2 * self.force.pause_s))
            death = self.cluster.kill(chance.choices(targets, list(TARGETS.values()))[0], chance)
            self.cluster.start()
            if death is None:
                continue
            self.deaths.append(death)
            self.log.note("kill", {"target": death.target, "pids": [p.pid for p in death.doomed]})
            self._checks.append(threading.Thread(target=self._look_for_orphans, args=(death,), daemon=True))
            self._checks[-1].start()
            if len(self.deaths) % 20 == 0:
                say(f"{len(self.deaths)} kills, {len(self.log.jobs())} jobs, {self.watcher.looks} looks")

    def _rest(self, seconds: float) -> None:
        """Let time pass; whatever ends by itself meanwhile is started again."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.cluster.start()
            time.sleep(min(0.2, left))

    def _look_for_orphans(self, death: Death) -> None:
        time.sleep(ORPHANS_AFTER_S)
        for orphan in self.cluster.orphans(death):
            text = f"{orphan.pid} outlived the kill of {death.target}: {orphan.command[:150]}"
            self.log.violated("orphan", "", text)

    # --- listening ---

    def _listen(self) -> None:
        """Keep some listeners on the newest jobs."""
        listening: dict[str, threading.Thread] = {}
        while not self.stop.wait(0.2):
            alive = sum(thread.is_alive() for thread in listening.values())
            for job in reversed(self.log.active()):
                if alive >= LISTENERS:
                    break
                if job not in listening:
                    listening[job] = threading.Thread(target=Listener(self.door, job).run, daemon=True)
                    listening[job].start()
                    alive += 1

    # --- figures ---

    def figures(self, states: Counter[str]) -> dict[str, str]:
        """What the run was, in the order to show it."""
        submissions = [answer for answer in self.log.answers if answer.verb == "submit"]
        verbs = Counter(answer.verb for answer in self.log.answers if answer.verb != "submit")
        kills = Counter(death.target for death in self.deaths)
        whole = sum(1 for heard in self.log.listened if heard.ended)
        return {
            "kills": f"{len(self.deaths)}: {_list(kills)}",
            "starts of processes by the harness": str(self.cluster.starts),
            "jobs accepted": f"{len(self.log.talks)} by {len(submissions)} answers of 202",
            "submissions without an answer, or told to come back": f"{self.log.retried}, {self.log.refused}",
            "asked of running jobs": _list(verbs) or "nothing",
            "jobs in the end": _list(states),
            "looks at clips": f"{self.watcher.looks}, {self.watcher.gets} of them by GET",
            "streams followed to their end": f"{whole} of {len(self.log.listened)}",
            "most encodes at once": f"{self.counter.most} in {self.counter.samples} samples",
            "seconds": f"{self.seconds:.0f}",
        }


def takeovers(deaths: Sequence[Death], events: Iterable[EventRow]) -> list[float]:
    """Seconds from the death of a worker to the first task taken from it, if no other kill came between."""
    lost = sorted(event.at for event in events if event.kind == "worker.lost")
    ends = [death.at for death in deaths[1:]] + [float("inf")]
    spans = [(death.at, end) for death, end in zip(deaths, ends, strict=True) if "worker" in death.target]
    found = ((start, next((at for at in lost if start <= at < end), None)) for start, end in spans)
    return sorted(at - start for start, at in found if at is not None)


def _told(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none seen"
    late = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    return f"median {statistics.median(seconds):.1f}, p95 {late:.1f}, of {len(seconds)}"


def _list(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(numbers.items()))
