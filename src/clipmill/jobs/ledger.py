"""What workers write down as they work: tasks taken in hand, how far they are, how they ended.

Every write is fenced: it counts only while its task is in the same run and the same attempt, and otherwise
changes nothing at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from clipmill.jobs import forecast
from clipmill.jobs.database import Database
from clipmill.jobs.journal import fault_of
from clipmill.jobs.records import ACTIVE, ENDED, Fault, Holding, Outcome, State, TaskName
from clipmill.jobs.sheet import Sheet, known_speeds, open_sheet
from clipmill.jobs.shelf import drop_clips, keep_clip
from clipmill.jobs.tables import jobs, tasks, workers

NOT_WANTED = Outcome("stopped")
"""What a task hears whose job is in another run, or does not go on."""


class Ledger:
    """The books of all workers on one store. ``lanes`` is how many clips are rendered at once."""

    def __init__(self, database: Database, *, lanes: int = 2) -> None:
        self._database = database
        self._lanes = lanes

    # --- one task ---

    def is_suspect(self, task: TaskName, *, max_crashes: int) -> bool:
        """Whether so many workers died with a task that it may only be worked on alone from now on."""
        own = (tasks.c.job == task.job) & (tasks.c.stage == task.stage) & (tasks.c.clip == task.clip)
        with self._database.read() as connection:
            return (connection.scalar(sa.select(tasks.c.crashes).where(own)) or 0) >= max_crashes

    def begin_task(self, task: TaskName, worker: str, *, max_crashes: int) -> Holding | Outcome:
        """Take a task in hand, out of whose hands ever; or how it has ended already.

        A task that has ended in this run stays so (its worker died before it could say so), and one that
        ``max_crashes`` workers died with while they held nothing else is failed as ``poison``.
        """
        with self._sheet(task.job) as sheet:
            if sheet is None or not sheet.wants(task):
                return NOT_WANTED
            row = sheet.task(task)
            if row is not None and row.run == task.run and row.state in ("done", "failed"):
                return Outcome(row.state, fault=fault_of(row))
            if row is not None and row.lone_crashes >= max_crashes:
                return _poison(sheet, task, row.crashes)
            return self._begin(sheet, task, row, worker)

    def _begin(self, sheet: Sheet, task: TaskName, row: sa.Row[Any] | None, worker: str) -> Holding:
        attempt = 1 + (row.attempt if row else 0)
        weight_s = (row.weight_s if row else 0.0) or forecast.usual_weight(task.stage)
        redone = row is not None and row.run == task.run and row.share > 0
        own = {"state": "running", "attempt": attempt, "worker": worker, "started": sheet.now}
        sheet.put_task(task, **_AFRESH, **own, weight_s=weight_s)
        sheet.change(state=State.RUNNING, stage=task.stage)
        sheet.recount(lanes=self._lanes, back=redone)
        sheet.tell("stage.started", stage=task.stage, clip=task.clip, attempt=attempt)
        return Holding(task, attempt)

    def holds(self, holding: Holding) -> bool:
        """Whether a task is still in these hands, and wanted."""
        return not self.stopping([holding])

    def stopping(self, holdings: Iterable[Holding]) -> set[Holding]:
        """Those that must stop: taken away, or of a job that has ended, was removed, or is in another run."""
        held = set(holdings)
        if not held:
            return set()
        with self._database.read() as connection:
            return held - _underway(connection, held).keys()

    def finish_task(self, holding: Holding, outcome: Outcome) -> bool:
        """Write down how a task ended; False when it is not in these hands any more: nothing was written.

        True as well when this very end was written before, as when the answer got lost on its way. Of a job
        that has ended itself, only the task's own row is written.
        """
        with self._sheet(holding.task.job) as sheet:
            if sheet is None or sheet.job.run != holding.task.run:
                return False
            state = _state_after(outcome, over=sheet.over)
            row = sheet.held(holding)
            if row is None:
                return sheet.ended_so(holding, state)
            kept = sheet.set_task(holding, ended=sheet.now, worker="", **_end_columns(row, outcome, state))
            if kept and not sheet.over:
                self._tell_end(sheet, row, outcome)
            return kept

    def _tell_end(self, sheet: Sheet, row: sa.Row[Any], outcome: Outcome) -> None:
        """Tell how a task ended, and what that means for its job."""
        task, error = {"stage": row.stage, "clip": row.clip}, _error(outcome.fault)
        match outcome.state:
            case "done":
                _learn(sheet, row, worked=outcome.worked)
                sheet.recount(lanes=self._lanes)
                sheet.change(**outcome.learned)
                sheet.tell("stage.done", **task, worked=outcome.worked, **outcome.learned, **sheet.figures())
                if outcome.clip is not None:
                    keep_clip(sheet, outcome.clip)
            case "failed":
                sheet.recount(lanes=self._lanes)
                sheet.tell("stage.failed", **task, error=error)
            case "again":
                if sheet.state in ACTIVE:
                    sheet.change(state=State.WAITING)
                sheet.recount(lanes=self._lanes, wait_s=outcome.delay_s)
                sheet.tell("waiting", **task, seconds=outcome.delay_s, error=error)
        _warn(sheet, outcome.warnings)

    def spend(self, job: str, usd: float) -> None:
        """Write down what a remote service took for a job, in US dollars."""
        with self._sheet(job) as sheet:
            if sheet is not None:
                sheet.change(cost=sheet.value("cost") + usd)
                sheet.tell("spent", usd=usd)

    # --- what is to be done, and how far it is ---

    def seconds(self, stage: str, units: float) -> float:
        """Seconds that a task of so many units is expected to take, as measured here or else as usual."""
        with self._database.read() as connection:
            return units * forecast.speed_of(stage, known_speeds(connection))

    def expect(self, task_weights: Mapping[TaskName, float], clips: int | None) -> None:
        """Say which tasks of a job are known by now, and the seconds each is expected to take.

        ``clips`` is how many clips there will be: clips of an earlier plan with more of them, and their
        tasks, go away. Saying the same again changes nothing.
        """
        by_job: dict[tuple[str, int], dict[TaskName, float]] = defaultdict(dict)
        for task, weight_s in task_weights.items():
            by_job[task.job, task.run][task] = weight_s
        for (job, run), weights in sorted(by_job.items()):
            with self._sheet(job) as sheet:
                if sheet is not None and sheet.job.run == run and not sheet.over:
                    self._expect(sheet, weights, clips)

    def _expect(self, sheet: Sheet, weights: Mapping[TaskName, float], clips: int | None) -> None:
        news = [_expect_task(sheet, task, weight_s) for task, weight_s in weights.items()]
        if clips is not None:
            news += [drop_clips(sheet, clips), sheet.job.clips_expected != clips]
            sheet.change(clips_expected=clips)
        if any(news):
            sheet.recount(lanes=self._lanes)
            sheet.tell("progress", stage=sheet.job.stage, clip=0, share=1.0, **sheet.figures())

    def report(self, shares: Mapping[Holding, float]) -> None:
        """Tell how much of running tasks is done, all in one transaction.

        Only what grew by half a percent of its task is written, so that there are at most 200 events of a
        task however often this is called. A share never falls, and one of a fenced task is ignored.
        """
        news = self._news(shares)
        if not news:
            return
        with self._database.begin() as connection:
            for job in sorted({holding.task.job for holding in news}):
                sheet = open_sheet(self._database, connection, job)
                if sheet is not None and not sheet.over:
                    self._report(sheet, {held: news[held] for held in news if held.task.job == job})
                    sheet.close()

    def _news(self, shares: Mapping[Holding, float]) -> dict[Holding, float]:
        """The shares that are worth telling, found without taking anybody's turn to write."""
        given = {holding: min(1.0, share) for holding, share in shares.items() if share > 0}
        if not given:
            return {}
        with self._database.read() as connection:
            known = _underway(connection, given)
        told = {held: share for held, share in given.items() if held in known}
        return {held: share for held, share in told.items() if share >= known[held] + forecast.STEP}

    def _report(self, sheet: Sheet, shares: Mapping[Holding, float]) -> None:
        kept = [holding for holding, share in shares.items() if sheet.set_share(holding, share)]
        if kept:
            sheet.recount(lanes=self._lanes)
        for holding in kept:
            stage, clip, share = holding.task.stage, holding.task.clip, round(shares[holding], 4)
            sheet.change(stage=stage)
            sheet.tell("progress", stage=stage, clip=clip, share=share, **sheet.figures())

    # --- workers that end ---

    def hand_back(self, worker: str) -> int:
        """Put all that a worker has in hand back for others, as it ends in good order; how many tasks."""
        return len(self._take_from(worker, died=False))

    def crashed(self, worker: str) -> list[TaskName]:
        """Take all out of the hands of a worker that died, and count it against those tasks; which ones."""
        return self._take_from(worker, died=True)

    def _take_from(self, worker: str, *, died: bool) -> list[TaskName]:
        held = sa.select(tasks).where(tasks.c.worker == worker, tasks.c.state == "running")
        with self._database.read() as connection:
            found = [_holding(row) for row in connection.execute(held)]
        alone = died and bool(found) and self._held_at_death(worker, len(found)) == 1
        order = sorted(found, key=lambda holding: (holding.task.job, holding.task.stage, holding.task.clip))
        return [holding.task for holding in order if self._let_go(holding, died=died, alone=alone)]

    def _held_at_death(self, worker: str, found: int) -> int:
        """How many tasks a dead worker held.

        Written down before the first is taken: an heir that dies in between leaves fewer to its own heir.
        """
        row = workers.c.id == worker
        with self._database.begin() as connection:
            connection.execute(sa.update(workers).where(row, workers.c.held == 0).values(held=found))
            return connection.scalar(sa.select(workers.c.held).where(row)) or found

    def _let_go(self, holding: Holding, *, died: bool, alone: bool) -> bool:
        """Put a running task back, or end it if its job does not want it any more."""
        with self._sheet((task := holding.task).job) as sheet:
            row = None if sheet is None else sheet.held(holding)
            if sheet is None or row is None:
                return False
            wanted = sheet.job.run == task.run and not sheet.over
            crashes = row.crashes + died
            counts = {"crashes": crashes, "lone_crashes": row.lone_crashes + alone}
            sheet.set_task(holding, state="queued" if wanted else "stopped", worker="", **counts)
            if died and wanted:
                sheet.tell("worker.lost", stage=task.stage, clip=task.clip, crashes=crashes)
            return True

    @contextmanager
    def _sheet(self, job: str) -> Iterator[Sheet | None]:
        """A transaction in which one job is locked; None when there is no such job."""
        with self._database.begin() as connection:
            sheet = open_sheet(self._database, connection, job)
            yield sheet
            if sheet is not None:
                sheet.close()


# --- rows -------------------------------------------------------------------------------------------

_AFRESH: Mapping[str, Any] = {"share": 0.0, "ended": None, "fault_code": None, "fault_message": None}
"""What every attempt starts with."""


def _underway(connection: sa.Connection, holdings: Iterable[Holding]) -> dict[Holding, float]:
    """The running tasks of the jobs of these that go on in the same run, with their shares done."""
    of_job = (jobs.c.id == tasks.c.job) & (jobs.c.run == tasks.c.run)
    goes_on = ~jobs.c.removed & jobs.c.state.not_in(sorted(ENDED))
    asked = tasks.c.job.in_({holding.task.job for holding in holdings}) & (tasks.c.state == "running")
    rows = connection.execute(sa.select(tasks).join(jobs, of_job).where(goes_on, asked))
    return {_holding(row): row.share for row in rows}


def _expect_task(sheet: Sheet, task: TaskName, weight_s: float) -> bool:
    """Know of a task; whether that is news."""
    row, usual_s = sheet.task(task), sheet.at_usual_speed(task.stage, weight_s)
    if row is not None and row.run == task.run:
        if row.state in ("done", "failed") or row.weight_s == usual_s:
            return False
        sheet.put_task(task, weight_s=usual_s)
        return True
    sheet.put_task(task, **_AFRESH, state="queued", started=None, worker="", weight_s=usual_s)
    return True


def _poison(sheet: Sheet, task: TaskName, crashes: int) -> Outcome:
    what = f"{task.stage} of clip {task.clip}" if task.clip else task.stage
    fault = Fault(
        "poison",
        f"{crashes} workers died at this task ({what}), so it is not tried again:"
        " see the job's log for the reason, then retry the job.",
    )
    sheet.put_task(task, state="failed", worker="", ended=sheet.now, **_fault_columns(fault))
    sheet.tell("stage.failed", stage=task.stage, clip=task.clip, error=_error(fault))
    return Outcome("failed", fault=fault)


def _learn(sheet: Sheet, row: sa.Row[Any], *, worked: bool) -> None:
    """Keep how long a unit of this stage took, if anything was done."""
    units = row.weight_s / forecast.usual_speed(row.stage)
    if worked and forecast.tells_speed(row.stage, units) and row.started is not None:
        sheet.learn(row.stage, max(0.001, sheet.now - row.started) / units)


def _warn(sheet: Sheet, codes: Iterable[str]) -> None:
    """Tell what the user should know, each once in the life of a job."""
    known = list(sheet.job.warnings)
    for code in dict.fromkeys(codes):
        if code not in known:
            known.append(code)
            sheet.change(warnings=list(known))
            sheet.tell("warning", code=code)


def _state_after(outcome: Outcome, *, over: bool) -> str:
    """The state of a task's row; nothing is done again for a job that has ended."""
    if outcome.state != "again":
        return outcome.state
    return "stopped" if over else "queued"


def _end_columns(row: sa.Row[Any], outcome: Outcome, state: str) -> dict[str, Any]:
    done = state == "done"
    return {
        "state": state,
        "share": 1.0 if done else row.share,
        "worked": row.worked + (done and outcome.worked),
        **_fault_columns(outcome.fault),
    }


def _fault_columns(fault: Fault | None) -> dict[str, str | None]:
    return {"fault_code": fault.code if fault else None, "fault_message": fault.message if fault else None}


def _error(fault: Fault | None) -> dict[str, str] | None:
    return {"code": fault.code, "message": fault.message} if fault else None


def _holding(row: sa.Row[Any]) -> Holding:
    return Holding(TaskName(row.job, row.run, row.stage, row.clip), row.attempt)
