"""One job's rows in the hands of one transaction: read under its lock, changed, and told of in its events.

Whoever changes anything about a job or its tasks first locks the job's row. So its changes come one after
the other, its events have numbers without a gap, and two writers can never wait for each other.
"""

from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from clipmill.jobs import forecast, journal
from clipmill.jobs.database import Database
from clipmill.jobs.forecast import Part
from clipmill.jobs.journal import Change
from clipmill.jobs.records import ACTIVE, ENDED, Holding, State, TaskName
from clipmill.jobs.tables import jobs, speeds, tasks

OVER = ("done", "failed")
"""States of a task for which nothing is left to do in its run."""


class Sheet:
    """A locked job. What is changed is written with the next event, or by ``close``."""

    def __init__(self, database: Database, connection: sa.Connection, job: sa.Row[Any]) -> None:
        self.connection = connection
        self.job = job
        self.now = float(connection.scalar(sa.select(database.now)) or 0.0)
        self._database = database
        self._changes: dict[str, Any] = {}
        self._written: dict[str, Any] = {}

    # --- the job ---

    @property
    def state(self) -> State:
        """The job's state."""
        return State(self.value("state"))

    @property
    def over(self) -> bool:
        """Whether nothing may be told of this job any more: its last event is written."""
        return self.state in ENDED or bool(self.job.removed)

    def wants(self, task: TaskName) -> bool:
        """Whether a task may begin."""
        return self.job.run == task.run and self.state in ACTIVE and not self.job.removed

    def change(self, **values: Any) -> None:
        """Set columns of the job."""
        self._changes.update(values)

    def value(self, column: str) -> Any:
        """A column of the job as it is after the changes so far."""
        own = getattr(self.job, column)
        return self._changes.get(column, self._written.get(column, own))

    def tell(self, kind: str, **data: Any) -> None:
        """Write an event, and what was changed so far; none for a job whose last event is written."""
        if not self.over:
            change = Change(kind, data, self._changes)
            journal.tell(self.connection, self._database.now, self.job.id, change)
            self._written, self._changes = {**self._written, **self._changes}, {}

    def close(self) -> None:
        """Write down what was changed and not told."""
        if self._changes:
            self.connection.execute(sa.update(jobs).where(jobs.c.id == self.job.id).values(**self._changes))

    # --- its tasks ---

    def task(self, name: TaskName) -> sa.Row[Any] | None:
        """The row of a task, of whatever run."""
        return self.connection.execute(sa.select(tasks).where(_of(name))).first()

    def held(self, holding: Holding) -> sa.Row[Any] | None:
        """The row of a task that is still in these hands."""
        return self.connection.execute(sa.select(tasks).where(_fence(holding))).first()

    def ended_so(self, holding: Holding, state: str) -> bool:
        """Whether this attempt at a task has ended in this way, told by whoever held it."""
        row = self.task(holding.task)
        same = row is not None and (row.run, row.attempt) == (holding.task.run, holding.attempt)
        return row is not None and same and row.state == state and row.ended is not None

    def set_task(self, holding: Holding, **values: Any) -> bool:
        """Change the row of a task that is still in these hands; whether it was."""
        done = self.connection.execute(sa.update(tasks).where(_fence(holding)).values(**values))
        return done.rowcount == 1

    def set_share(self, holding: Holding, share: float) -> bool:
        """Set how much of a task is done, if it is in these hands and that is more than before."""
        grown = sa.and_(_fence(holding), tasks.c.share < share)
        return self.connection.execute(sa.update(tasks).where(grown).values(share=share)).rowcount == 1

    def put_task(self, name: TaskName, **values: Any) -> None:
        """Change the row of a task, or make it with these values and otherwise a new task's."""
        row = self.connection.execute(sa.update(tasks).where(_of(name)).values(run=name.run, **values))
        if row.rowcount == 0:
            new = {"job": name.job, "stage": name.stage, "clip": name.clip, "run": name.run, **_NEW, **values}
            self.connection.execute(sa.insert(tasks).values(**new))

    def of_this_run(self) -> list[sa.Row[Any]]:
        """The tasks of this run, in their order."""
        mine = sa.select(tasks).where(tasks.c.job == self.job.id, tasks.c.run == self.job.run)
        return list(self.connection.execute(mine.order_by(tasks.c.clip)).all())

    # --- how far it is ---

    @cached_property
    def speeds(self) -> dict[str, float]:
        """Seconds a unit of the stages that were measured."""
        return known_speeds(self.connection)

    def recount(self, *, lanes: int, back: bool = False, wait_s: float = 0.0) -> None:
        """Work out the progress and the seconds left anew; the progress falls only when ``back`` says so.

        ``wait_s`` is how long nothing is done first.
        """
        parts = forecast.with_guesses(map(self._part, self.of_this_run()), self.speeds)
        share = forecast.total_share(parts)
        shown = share if back else max(share, self.value("progress"))
        left = round(wait_s + forecast.seconds_left(parts, lanes=lanes), 1)
        self.change(progress=round(shown, 4), eta_s=left if self.state in ACTIVE else None)

    def figures(self) -> dict[str, Any]:
        """How far the job is, for an event."""
        return {"progress": self.value("progress"), "eta_s": self.value("eta_s")}

    def _part(self, row: sa.Row[Any]) -> Part:
        share = 1.0 if row.state in OVER else row.share
        running_s = max(0.0, self.now - row.started) if row.state == "running" else 0.0
        return forecast.at_speed(Part(row.stage, row.weight_s, share, running_s), self.speeds)

    def at_usual_speed(self, stage: str, weight_s: float) -> float:
        """Seconds at the measured speed, told at the usual one, which never changes."""
        return weight_s * forecast.usual_speed(stage) / forecast.speed_of(stage, self.speeds)

    def learn(self, stage: str, sample: float) -> None:
        """Keep a measured speed, in seconds a unit."""
        known = sa.select(speeds.c.seconds_a_unit, speeds.c.count).where(speeds.c.stage == stage)
        speed, count = self.connection.execute(known).first() or (sample, 0)
        values = {"seconds_a_unit": forecast.learned(speed, count, sample), "count": count + 1}
        insert = (sqlite if self.connection.dialect.name == "sqlite" else postgresql).insert(speeds)
        self.connection.execute(
            insert.values(stage=stage, **values).on_conflict_do_update(index_elements=["stage"], set_=values)
        )


_NEW = {
    "state": "queued",
    "attempt": 0,
    "crashes": 0,
    "share": 0.0,
    "weight_s": 0.0,
    "worked": 0,
    "worker": "",
}
"""What a task's row starts with."""


def open_sheet(database: Database, connection: sa.Connection, job: str) -> Sheet | None:
    """Lock a job and read it; None when there is none."""
    row = connection.execute(sa.select(jobs).where(jobs.c.id == job).with_for_update()).first()
    return None if row is None else Sheet(database, connection, row)


def known_speeds(connection: sa.Connection) -> dict[str, float]:
    """Seconds a unit of the stages that were measured."""
    return {row.stage: row.seconds_a_unit for row in connection.execute(sa.select(speeds))}


def _of(name: TaskName) -> sa.ColumnElement[bool]:
    return sa.and_(tasks.c.job == name.job, tasks.c.stage == name.stage, tasks.c.clip == name.clip)


def _fence(holding: Holding) -> sa.ColumnElement[bool]:
    """True only for the row of a task that nobody has begun again or taken away."""
    name = holding.task
    return sa.and_(
        _of(name), tasks.c.run == name.run, tasks.c.attempt == holding.attempt, tasks.c.state == "running"
    )
