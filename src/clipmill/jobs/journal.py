"""What happens to jobs, written down as it happens: a change of a job's row and its event are one.

Also the way back from rows to the values of ``records``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from clipmill.jobs.records import ClipRecord, Event, Fault, JobRecord, Request, State, TaskName, TaskRecord
from clipmill.jobs.tables import events, jobs
from clipmill.plan import checked_options


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happens to a job: its event, and new ``values`` of columns of its row (SQL or not)."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


def tell(
    connection: sa.Connection,
    now: sa.ColumnElement[float],
    job: str,
    change: Change,
    *when: sa.ColumnElement[bool],
) -> sa.Row[Any] | None:
    """Make a change to a job and write its event with the next number; returns the job's new row.

    None, and nothing written, when there is no such job or its row does not fulfil every ``when``. The row
    stays locked until the transaction ends, so events have no gaps and are seen in order of their numbers.
    """
    row = connection.execute(
        jobs.update()
        .where(jobs.c.id == job, *when)
        .values(last_event=jobs.c.last_event + 1, **change.values)
        .returning(jobs)
    ).one_or_none()
    if row is not None:
        connection.execute(
            events.insert().values(
                job=job, number=row.last_event, kind=change.kind, at=now, data=dict(change.data)
            )
        )
    return row


def job_of(row: sa.Row[Any]) -> JobRecord:
    """A row of ``jobs`` as a value."""
    return JobRecord(
        seq=row.seq,
        id=row.id,
        request=Request(
            source=row.source,
            options=checked_options(row.options),
            owner=row.owner,
            priority=row.priority,
            reuse=row.reuse,
            metadata=row.metadata,
        ),
        state=State(row.state),
        run=row.run,
        created=row.created,
        last_event=row.last_event,
        stage=row.stage,
        progress=float(row.progress),
        eta_s=row.eta_s,
        started=row.started,
        ended=row.ended,
        fault=fault_of(row),
        warnings=tuple(row.warnings),
        clips_ready=row.clips_ready,
        clips_expected=row.clips_expected,
        cost=row.cost,
        title=row.title,
        words_by=row.words_by,
    )


def task_of(row: sa.Row[Any]) -> TaskRecord:
    """A row of ``tasks`` as a value."""
    return TaskRecord(
        name=TaskName(row.job, row.run, row.stage, row.clip),
        state=row.state,
        attempt=row.attempt,
        crashes=row.crashes,
        share=row.share,
        weight_s=row.weight_s,
        worked=row.worked,
        worker=row.worker,
        started=row.started,
        ended=row.ended,
        fault=fault_of(row),
    )


def clip_of(row: sa.Row[Any]) -> ClipRecord:
    """A row of ``clips`` as a value."""
    return ClipRecord(row.id, row.job, row.moment, row.number, row.revision, row.facts, row.made)


def event_of(row: sa.Row[Any]) -> Event:
    """A row of ``events`` as a value."""
    return Event(row.job, row.number, row.kind, row.at, row.data)


def fault_of(row: sa.Row[Any]) -> Fault | None:
    """Why the job or task of a row failed, if it did."""
    return Fault(row.fault_code, row.fault_message or "") if row.fault_code else None
