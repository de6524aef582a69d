"""Stores for tests: a new one on any database, requests to put in, and tasks with known ends."""

import sys
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from clipmill.jobs import journal
from clipmill.jobs.database import Database
from clipmill.jobs.journal import Change
from clipmill.jobs.records import JobRecord, Request, State
from clipmill.jobs.store import Store
from clipmill.jobs.tables import METADATA, facts, jobs, migrate, tasks
from clipmill.plan import Options

OPEN_ENDED = 1_000_000
"""A line that never fills up."""


def open_database(url: str, **options: Any) -> Database:
    """A database with our tables in it."""
    database = Database(url, **options)
    migrate(database)
    return database


def empty(database: Database) -> None:
    """Delete all rows; the tables stay."""
    with database.begin() as connection:
        for table in METADATA.tables.values():
            if table is not facts:
                connection.execute(table.delete())
        connection.execute(facts.delete().where(facts.c.name != "schema"))


def ask(source: str = "/talk.mp4", **fields: Any) -> Request:
    """A request with usual options."""
    return Request(source, Options(), **fields)


def put(store: Store, *requests: Request, bound: int = OPEN_ENDED) -> list[JobRecord]:
    """Jobs in line; every request must be accepted."""
    answers = store.accept(requests or (ask(),), bound=bound)
    assert all(isinstance(answer, JobRecord) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, JobRecord)]


def put_tasks(database: Database, job: str, run: int, states: Mapping[tuple[str, int], str]) -> None:
    """Tasks of a run in these states, by stage and clip; failed ones say ``fault-<stage>-<clip>``."""
    with database.begin() as connection:
        connection.execute(tasks.delete().where(tasks.c.job == job))
        for (stage, clip), state in states.items():
            fault = f"fault-{stage}-{clip}" if state == "failed" else None
            row = {"job": job, "run": run, "stage": stage, "clip": clip, "state": state, "fault_code": fault}
            usual = {"attempt": 1, "crashes": 1, "share": 0.0, "weight_s": 1.0, "worked": 1, "worker": ""}
            connection.execute(tasks.insert().values(**row, **usual))


def wait(database: Database, job: str, run: int) -> None:
    """Let a run that is at work wait, as when its task is to be tried again later."""
    mine = (jobs.c.run == run) & (jobs.c.state == State.RUNNING)
    with database.begin() as connection:
        journal.tell(connection, database.now, job, Change("waiting", values={"state": State.WAITING}), mine)


def age(database: Database, column: sa.Column[Any], seconds: float) -> None:
    """Make a time of all jobs that much older, as if the clock had run on."""
    with database.begin() as connection:
        connection.execute(jobs.update().values({column: column - seconds}))


def script(*lines: str) -> list[str]:
    """The command of a process of its own that runs these lines of Python."""
    return [sys.executable, "-c", "\n".join(lines)]
