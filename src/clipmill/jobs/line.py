"""The waiting line: who is next, how long it is, and when a place in it may be free."""

import math
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from clipmill.jobs.database import Database
from clipmill.jobs.journal import Change, tell
from clipmill.jobs.records import ACTIVE, State
from clipmill.jobs.tables import jobs

LATELY_S, ENOUGH = 3600.0, 20
"""Jobs end at the rate of the last twenty of the last hour."""

UNKNOWN_S = 60.0
"""While nothing at all is known: the order of size of a short talk on a small machine."""

queued = (jobs.c.state == State.QUEUED) & ~jobs.c.removed
active = jobs.c.state.in_(sorted(ACTIVE))

_ANYBODY = sa.select(jobs.c.id).where(queued).limit(1)
"""Asked ten times a second by every worker, so it is put together once."""


def take_jobs(database: Database, slots: int) -> list[tuple[str, int]]:
    """Move jobs from the line to work while fewer than ``slots`` are active; their ids and runs.

    The lowest priority number goes first, then whoever has the fewest active jobs, then the oldest.
    """
    with database.read() as connection:
        if connection.scalar(_ANYBODY) is None or not _free(connection, slots):
            return []
    with database.begin(lock="dispatch") as connection:
        order = _fair_order()
        named = sa.select(order.c.id).order_by(order.c.priority, order.c.turn, order.c.seq)
        next_ones = connection.scalars(named.limit(_free(connection, slots))).all()
        change = Change("started", values={"state": State.RUNNING, "started": database.now, "handed": False})
        rows = [tell(connection, database.now, job, change, queued) for job in next_ones]
        return [(row.id, row.run) for row in rows if row is not None]


def _free(connection: sa.Connection, slots: int) -> int:
    """How many more jobs may be at work."""
    return max(0, slots - (connection.scalar(sa.select(sa.func.count()).where(active)) or 0))


def count_queued(connection: sa.Connection) -> int:
    """How many jobs wait, as this transaction sees it."""
    return connection.scalar(sa.select(sa.func.count()).where(queued)) or 0


def positions(database: Database, ids: Collection[str]) -> dict[str, int]:
    """The places in the line as it is now, 1 being next, of those of these jobs that wait."""
    with database.read() as connection:
        if len(ids) == 1:
            row = connection.execute(_BY_AGE, {"job": next(iter(ids))}).one()
            if row.first == row.last:  # nobody else waits, so nobody takes turns
                return {row.id: row.place} if row.id else {}
        order = _fair_order()
        place = sa.func.row_number().over(order_by=(order.c.priority, order.c.turn, order.c.seq))
        places = sa.select(order.c.id, place.label("place")).subquery()
        rows = connection.execute(sa.select(places).where(places.c.id.in_(sorted(ids))))
        return {row.id: row.place for row in rows}


def _by_age() -> sa.Select[*tuple[Any, ...]]:
    """The place of a ``job`` by priority and age, and the first and last owner of all that wait.

    Counting costs a fifth of sorting, and every answer about a job that waits asks for its place.
    """
    own = sa.select(jobs.c.id, jobs.c.priority, jobs.c.seq).where(jobs.c.id == sa.bindparam("job"), queued)
    one = own.subquery()
    older = (jobs.c.priority == one.c.priority) & (jobs.c.seq <= one.c.seq)
    before = (jobs.c.priority < one.c.priority) | older
    return (
        sa.select(
            sa.func.min(one.c.id).label("id"),
            sa.func.count().filter(before).label("place"),
            sa.func.min(jobs.c.owner).label("first"),
            sa.func.max(jobs.c.owner).label("last"),
        )
        .join(one, sa.true())
        .where(queued)
    )


_BY_AGE = _by_age()


def _fair_order() -> sa.Subquery:
    """The jobs in line with what they are ordered by: (priority, turn, seq).

    ``turn`` counts the jobs that the owner has at work and earlier in the line, so that taking jobs in this
    order is the same as asking, for each, who has the fewest at work by then.
    """
    held = (
        sa.select(jobs.c.owner, sa.func.count().label("number"))
        .where(active)
        .group_by(jobs.c.owner)
        .subquery()
    )
    within = sa.func.row_number().over(partition_by=jobs.c.owner, order_by=(jobs.c.priority, jobs.c.seq))
    turn = within + sa.func.coalesce(held.c.number, 0)
    return (
        sa.select(jobs.c.id, jobs.c.seq, jobs.c.priority, turn.label("turn"))
        .outerjoin(held, held.c.owner == jobs.c.owner)
        .where(queued)
        .subquery()
    )


# --- when to come back ----------------------------------------------------------------------------


def waiting_seconds(connection: sa.Connection, now: sa.ColumnElement[float]) -> float:
    """An honest estimate of the seconds until a place in the line is free; 1 to 3600.

    In a full line a place is free whenever a job ends, and none sooner.
    """
    at = connection.scalar(sa.select(now)) or 0.0
    lately = sa.select(jobs.c.ended).where(jobs.c.ended > at - LATELY_S)
    ends = connection.scalars(lately.order_by(jobs.c.ended.desc()).limit(ENOUGH)).all()
    soonest = connection.scalar(sa.select(sa.func.min(jobs.c.eta_s)).where(active, jobs.c.eta_s > 0))
    return seconds_a_place([end for end in ends if end is not None], now=at, soonest_s=soonest)


def seconds_a_place(ends: Sequence[float], *, now: float, soonest_s: float | None = None) -> float:
    """Seconds from one free place to the next, by the times (in any order) at which jobs ended lately.

    Fewer than two say nothing about a rate: then until the first job at work is expected to end, in
    ``soonest_s``.
    """
    if len(ends) > 1:
        gap = (now - min(ends)) / (len(ends) - 1)
    else:
        gap = UNKNOWN_S if soonest_s is None else soonest_s
    return min(LATELY_S, max(1.0, math.ceil(gap)))
