"""A worker process from start to graceful end: takes jobs from the line, runs tasks, buries the dead."""

import logging
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from clipmill import __version__, pipeline
from clipmill.clipfile import remove_clips_after
from clipmill.jobs import recovery
from clipmill.jobs.commons import shared_by
from clipmill.jobs.database import Database
from clipmill.jobs.engine import Answer, Engine, Lane, Work
from clipmill.jobs.joblog import JobLog, Seldom
from clipmill.jobs.keeping import drop_stale
from clipmill.jobs.ledger import Ledger
from clipmill.jobs.records import ENDED, Fault, TaskName
from clipmill.jobs.store import Store
from clipmill.jobs.supervise import patiently, supervise, survive
from clipmill.jobs.tables import migrate
from clipmill.jobs.tasks import RETURNED, Desk, Shop, expectations
from clipmill.made import gather
from clipmill.means import Means
from clipmill.media import launcher
from clipmill.media.sandbox import die_with
from clipmill.settings import Settings
from clipmill.studio import Stage, Task
from clipmill.workspace import Workspace, demand_disk, job_ended, sweep_attempts

DISPATCH_S, WATCH_S, FENCE_S, LATE_S, SWEEP_S, RECONCILE_S, PRUNE_S = 0.1, 0.5, 1.0, 1.0, 2.0, 10.0, 600.0
"""How often jobs are taken from the line, running tasks are looked at, this worker asks itself whether it may
go on, jobs are looked for whose taker was cut off, dead workers are looked for, tables are compared with
workflows, old rows are thrown away."""

KEPT = timedelta(hours=1)
"""Workflows of ended jobs are kept this long."""

STOP_S = 4.0
"""Children that are stopped are gone after this: 1 s from SIGTERM to SIGKILL, and the time to see it."""

log = logging.getLogger(__name__)


def run_worker(settings: Settings, stages: Collection[Stage], *, parent: int = 0) -> int:
    """Work until SIGTERM or SIGINT, then end gracefully; returns the exit code.

    With ``parent`` it dies with that process.
    """
    if parent:
        die_with(parent)
    launcher.start()
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    _log()
    worker = Worker(settings, stages, ending)
    worker.start()
    while not ending.wait(0.5):
        if parent and os.getppid() != parent:
            os._exit(1)
    worker.end(settings.drain_s)
    sys.stderr.flush()
    os._exit(0)  # tasks that were given back hold still in their threads


def _log() -> None:
    """What tasks say goes to the logs of their jobs; what is no more than news, only there."""
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.WARNING)
    ours = logging.getLogger("clipmill")
    ours.setLevel(logging.INFO)
    ours.addHandler(JobLog())
    logging.getLogger("dbos").addFilter(Seldom())


class Worker:
    """One worker and its loops."""

    def __init__(self, settings: Settings, stages: Collection[Stage], ending: threading.Event) -> None:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        slots, each = settings.slots(), settings.worker_slots()
        self._settings, self._stages, self._ending = settings, sorted(stages), ending
        self._slots = sum(slots.values())
        self._over = threading.Event()
        self._me = recovery.myself()
        self._database = Database(settings.jobs_url)
        self._store, self._ledger = Store(self._database), Ledger(self._database, lanes=slots[Stage.ENCODE])
        self._desk = Desk(self._shop(slots[Stage.ENCODE]), self._over)
        lanes = [Lane(stage, slots[stage], each[stage]) for stage in Stage]
        work = Work(
            do=self._do,
            following=lambda task: patiently(lambda: self._following(task), until=self._over),
            close=lambda job, run: patiently(lambda: self._close(job, run), until=self._over),
        )
        self._engine = Engine(settings.engine_url, self._me.id, lanes, work)

    def _shop(self, encodes: int) -> Shop:
        settings = self._settings
        return Shop(
            store=self._store,
            ledger=self._ledger,
            jobs=settings.home / "jobs",
            services=Means(settings, at_once=encodes).services(lambda *_: None),
            worker=self._me.id,
            max_crashes=settings.crashes,
            fence_s=settings.dead_s * 2 / 3,
            room=partial(demand_disk, reserve_mb=settings.reserve_mb),
            shared=partial(shared_by, settings, self._database),
            bound=settings.queue,
        )

    def start(self) -> None:
        """Become known, and begin to work."""
        patiently(lambda: migrate(self._database), until=self._ending)
        recovery.enrol(self._database, self._me, stages=self._stages, version=__version__)
        self._engine.launch(self._stages)
        for loop, seconds in (
            (self._beat, self._settings.beat_s),
            (self._desk.fence, FENCE_S),
            (self._desk.watch, WATCH_S),
        ):
            supervise(loop, every_s=seconds, until=self._over)
        for loop, seconds in (
            (self._dispatch, DISPATCH_S),
            (self._dispatch_late, LATE_S),
            (self._sweep, SWEEP_S),
            (self._reconcile, RECONCILE_S),
            (self._prune, PRUNE_S),
        ):
            supervise(loop, every_s=seconds, until=self._ending)
        log.info("Worker %s is ready.", self._me.id)

    def end(self, drain_s: float) -> None:
        """Take nothing new, let what runs end or give it back, and be forgotten."""
        self._engine.stop_claiming()
        _wait(lambda: not self._desk.underway, drain_s)
        self._desk.stop_all(RETURNED)
        _wait(lambda: all(hand.parked for hand in self._desk.underway.values()), STOP_S)
        self._over.set()
        survive(self._give_back, otherwise=lambda _: None)

    def _give_back(self) -> None:
        """Leave nothing in our name; where that fails, others will find that we are gone."""
        self._ledger.hand_back(self._me.id)
        self._engine.take_over([self._me.id])
        recovery.leave(self._database, self._me.id)

    # --- what the workflows call ---

    def _do(self, task: TaskName, tries: int) -> Answer:
        outcome = self._desk.do(task, tries)
        return {"state": outcome.state, "delay_s": outcome.delay_s}

    def _following(self, task: TaskName) -> list[tuple[str, int]]:
        folder = self._folder(task.job)
        after = pipeline.following(Task(Stage(task.stage), task.clip), Workspace(folder))
        options = self._store.job(task.job).request.options
        expected = expectations(task, folder, options, self._ledger.seconds)
        clips = len(after) if after and after[0].stage is Stage.ENCODE else None
        self._ledger.expect(expected, clips)
        return [(following.stage, following.clip) for following in after]

    def _close(self, job: str, run: int) -> None:
        work = Workspace(self._folder(job))
        if self._store.clips(job):
            survive(lambda: self._show(job, work), otherwise=lambda _: None)
        record = self._store.close_job(job, run)
        if record.state in ENDED and record.run == run:
            job_ended(work.folder)

    def _show(self, job: str, work: Workspace) -> None:
        """Leave the page that shows the clips, and no clips of an earlier plan that had more of them."""
        made = gather(self._store.job(job).request.source, work)
        remove_clips_after(work, len(made.plan.chosen))

    # --- the loops ---

    def _beat(self) -> None:
        if recovery.beat(self._database, self._me.id):
            self._desk.beaten()
            return
        log.error("Others took this worker for dead: it starts afresh.")
        self._desk.stop_all(RETURNED)
        _wait(lambda: all(hand.parked for hand in self._desk.underway.values()), STOP_S)
        os.execv(sys.executable, sys.orig_argv)

    def _dispatch(self) -> None:
        self._start(self._store.take_jobs(self._slots))

    def _dispatch_late(self) -> None:
        self._start(self._store.unhanded())

    def _start(self, runs: Sequence[tuple[str, int]]) -> None:
        for job, run in runs:
            self._engine.start_job(job, run, self._store.job(job).request.priority)
            self._store.handed(job, run)

    def _sweep(self) -> None:
        steady = self._desk.steady_s > self._settings.dead_s
        dead_s = self._settings.dead_s if steady else float("inf")
        for worker in recovery.inherit(self._database, self._me.id, dead_s=dead_s):
            lost = self._ledger.crashed(worker)
            taken = self._engine.take_over([worker])
            for task in lost:
                sweep_attempts(self._folder(task.job), of=f"-{worker}")
            recovery.leave(self._database, worker)
            log.warning("Worker %s died: %d of its workflows go on elsewhere.", worker, taken)
        self._engine.take_lost(self._me.id, lambda: recovery.known(self._database))

    def _reconcile(self) -> None:
        """Jobs that should have a workflow but have none that runs; files of jobs that were deleted."""
        for (job, run), error in self._engine.ended(self._store.active()).items():
            if error == "gone":
                self._store.unhand(job, run)
            else:
                self._store.fail(job, run, Fault("internal-error", f"A fault in clipmill: {error}"))
        for job in self._store.removable():
            shutil.rmtree(self._folder(job), ignore_errors=True)
            self._store.forget(job)

    def _prune(self) -> None:
        self._engine.prune((datetime.now(UTC) - KEPT).isoformat())
        self._store.prune()
        drop_stale(self._database, days=self._settings.keep_days)
        self._database.checkpoint()

    def _folder(self, job: str) -> Path:
        return self._settings.home / "jobs" / job


def _wait(done: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:
        time.sleep(0.05)
