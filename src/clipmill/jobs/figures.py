"""What there is, in figures: for metrics and for whoever asks whether all is well."""

from typing import Any, TypedDict

import sqlalchemy as sa

from clipmill.jobs.forecast import STAGES
from clipmill.jobs.records import State
from clipmill.jobs.tables import jobs, tasks, workers

SEEN_S = 60.0
"""A worker that has not beaten for this long does not count as there."""


class Counts(TypedDict):
    """Jobs by state, tasks by stage and state, workers that are there, and how often one died with a task."""

    jobs: dict[str, int]
    tasks: dict[str, dict[str, int]]
    workers: int
    crashes: int


def count_all(connection: sa.Connection, now: sa.ColumnElement[float]) -> Counts:
    """All figures at one moment; every state and stage is named, also with nothing in it."""
    return Counts(
        jobs={**dict.fromkeys(map(str, State), 0), **_jobs(connection)},
        tasks={**{stage: {} for stage in STAGES}, **_tasks(connection)},
        workers=_number(connection, sa.select(sa.func.count()).where(workers.c.beat > now - SEEN_S)),
        crashes=_number(connection, sa.select(sa.func.sum(tasks.c.crashes))),
    )


def _jobs(connection: sa.Connection) -> dict[str, int]:
    grouped = sa.select(jobs.c.state, sa.func.count()).where(~jobs.c.removed).group_by(jobs.c.state)
    return {row[0]: row[1] for row in connection.execute(grouped)}


def _tasks(connection: sa.Connection) -> dict[str, dict[str, int]]:
    grouped = sa.select(tasks.c.stage, tasks.c.state, sa.func.count()).group_by(tasks.c.stage, tasks.c.state)
    counts: dict[str, dict[str, int]] = {}
    for stage, state, number in connection.execute(grouped):
        counts.setdefault(stage, {})[state] = number
    return counts


def _number(connection: sa.Connection, asked: sa.Select[Any]) -> int:
    return int(connection.scalar(asked) or 0)
