"""The jobs, and what people ask of them: the truth that every API process and worker goes by."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from clipmill.errors import ClipmillError, StateError, UnknownError
from clipmill.jobs import accepting, line
from clipmill.jobs.accepting import Accepting as Accepting
from clipmill.jobs.course import GOING, RETRIABLE, again, cancelled, ended, paused, verdict
from clipmill.jobs.database import Database
from clipmill.jobs.figures import Counts, count_all
from clipmill.jobs.forecast import STAGES
from clipmill.jobs.journal import Change, clip_of, event_of, job_of, task_of, tell
from clipmill.jobs.records import ENDED, ClipRecord, Event, Fault, JobRecord, Request, State, TaskRecord
from clipmill.jobs.tables import clips, events, facts, idempotency, jobs, tasks
from clipmill.plan import Options

HANDING_S = 5.0
"""Who takes a job starts its workflow at once; after this long it was cut off, and others do it."""

QUIET_S = 3600.0
"""The progress events of a job are kept this long after its end; all others for ever."""


class Store:
    """The jobs in one database; for any number of threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = database.now

    # --- the line ---

    def accept(self, requests: Sequence[Request], *, bound: int) -> list[JobRecord | ClipmillError]:
        """Write jobs into the line, all in one transaction (``accepting.accept``)."""
        return accepting.accept(self._database, requests, bound=bound)

    def position(self, job: str) -> int | None:
        """The place of a job in the line as it is now, 1 being next; None when it does not wait."""
        return self.positions([job]).get(job)

    def positions(self, ids: Collection[str]) -> dict[str, int]:
        """The places in the line of those of these jobs that wait."""
        return line.positions(self._database, ids) if ids else {}

    def waiting_seconds(self) -> float:
        """An honest estimate of the seconds until a place in the line is free; 1 to 3600."""
        with self._database.read() as connection:
            return line.waiting_seconds(connection, self._now)

    def take_jobs(self, slots: int) -> list[tuple[str, int]]:
        """Move jobs from the line to work while fewer than ``slots`` are active; their ids and runs."""
        return line.take_jobs(self._database, slots)

    # --- looking ---

    def job(self, job: str, *, owner: str | None = None) -> JobRecord:
        """One job; raises UnknownError ``job-unknown``, also when it is not of ``owner``."""
        with self._database.read() as connection:
            row = _known(connection, job)
        if owner is not None and row.owner != owner:
            raise _unknown(job)
        return job_of(row)

    def jobs(
        self,
        *,
        owner: str | None = None,
        state: State | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[JobRecord]:
        """The newest jobs first; ``before`` is the ``seq`` to go on from."""
        wanted = sa.select(jobs).where(~jobs.c.removed).order_by(jobs.c.seq.desc()).limit(limit)
        given = ((jobs.c.owner, owner), (jobs.c.state, state))
        wanted = wanted.where(*(column == value for column, value in given if value is not None))
        if before is not None:
            wanted = wanted.where(jobs.c.seq < before)
        with self._database.read() as connection:
            return [job_of(row) for row in connection.execute(wanted)]

    def events(self, job: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        """The events of a job that come after a number, oldest first."""
        wanted = (
            sa.select(events)
            .where(events.c.job == job, events.c.number > after)
            .order_by(events.c.number)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [event_of(row) for row in connection.execute(wanted)]

    def heads(self, ids: Collection[str]) -> dict[str, int]:
        """The number of the newest event of each of these jobs that is known."""
        wanted = sa.select(jobs.c.id, jobs.c.last_event).where(jobs.c.id.in_(sorted(ids)))
        with self._database.read() as connection:
            return {row.id: row.last_event for row in connection.execute(wanted)}

    def clip(self, clip: str) -> ClipRecord:
        """One clip; raises UnknownError ``clip-unknown``."""
        wanted = (
            sa.select(clips).join(jobs, jobs.c.id == clips.c.job).where(clips.c.id == clip, ~jobs.c.removed)
        )
        with self._database.read() as connection:
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise UnknownError(f"There is no clip {clip}.", code="clip-unknown")
        return clip_of(row)

    def clips(self, job: str) -> list[ClipRecord]:
        """The finished clips of a job by their number."""
        wanted = sa.select(clips).where(clips.c.job == job).order_by(clips.c.number, clips.c.id)
        with self._database.read() as connection:
            return [clip_of(row) for row in connection.execute(wanted)]

    def tasks(self, job: str) -> list[TaskRecord]:
        """The tasks of a job that are known so far, in their order."""
        with self._database.read() as connection:
            return _tasks(connection, job)

    def counts(self) -> Counts:
        """Figures for metrics and readiness."""
        with self._database.read() as connection:
            return count_all(connection, self._now)

    def secret(self, name: str) -> bytes:
        """32 random bytes, made at the first asking and the same for every process from then on."""
        named = facts.c.name == f"secret.{name}"
        with self._database.read() as connection:
            found = connection.scalar(sa.select(facts.c.value).where(named))
        if found is None:
            with self._database.begin(lock="secret") as connection:
                found = connection.scalar(sa.select(facts.c.value).where(named))
                if found is None:
                    found = secrets.token_hex(32)
                    connection.execute(facts.insert().values(name=f"secret.{name}", value=found))
        return bytes.fromhex(found)

    # --- asking for a change ---

    def cancel(self, job: str) -> JobRecord:
        """Give a job up; StateError ``job-state``, as in all of these, where its state does not allow it."""
        return self._change(job, cancelled(self._now), "cancelled", set(State) - ENDED)

    def pause(self, job: str) -> JobRecord:
        """Start nothing more of a job; what runs ends by itself."""
        return self._change(job, paused(), "paused", GOING)

    def resume(self, job: str) -> JobRecord:
        """Put a paused job back in line."""
        return self._change(job, again("resumed"), "resumed", {State.PAUSED})

    def retry(self, job: str) -> JobRecord:
        """Put a job that did not come out whole back in line, at its old place; what is finished is kept."""
        return self._change(job, again("retried", progress=0.0), "retried", RETRIABLE)

    def rerun(self, job: str, options: Options) -> JobRecord:
        """Put a job whose plan was changed back in line; only when it has ended with a plan, or is paused."""
        planned = sa.exists().where(tasks.c.job == job, tasks.c.stage == "score", tasks.c.state == "done")
        possible = (jobs.c.state != State.CANCELLED) | jobs.c.clips_expected.is_not(None) | planned
        change = again("queued", progress=0.0, options=asdict(options))
        return self._change(job, change, "rendered again", {State.PAUSED, *ENDED}, possible)

    def _change(
        self,
        job: str,
        change: Change,
        done: str,
        states: Collection[State],
        *when: sa.ColumnElement[bool],
    ) -> JobRecord:
        """Change a job that is in one of these states; when it lines up again, its crashes are forgiven."""
        allowed = jobs.c.state.in_(sorted(states)) & ~jobs.c.removed
        with self._database.begin() as connection:
            row = tell(connection, self._now, job, change, allowed, *when)
            if row is None:
                state = _known(connection, job).state
                raise StateError(f"Job {job} is {state}: it cannot be {done}.", code="job-state")
            if row.state == State.QUEUED:
                connection.execute(tasks.update().where(tasks.c.job == job).values(crashes=0, lone_crashes=0))
            return job_of(row)

    # --- a run's course ---

    def active(self) -> list[tuple[str, int]]:
        """Ids and runs of the jobs at work."""
        wanted = sa.select(jobs.c.id, jobs.c.run).where(line.active).order_by(jobs.c.seq)
        with self._database.read() as connection:
            return [(row.id, row.run) for row in connection.execute(wanted)]

    def unhanded(self) -> list[tuple[str, int]]:
        """Ids and runs of jobs at work whose workflow was not started by whom took them."""
        late = jobs.c.started < self._now - HANDING_S
        wanted = (
            sa.select(jobs.c.id, jobs.c.run).where(line.active, ~jobs.c.handed, late).order_by(jobs.c.seq)
        )
        with self._database.read() as connection:
            return [(row.id, row.run) for row in connection.execute(wanted)]

    def handed(self, job: str, run: int) -> None:
        """The workflow of this run was started."""
        self._hand(job, run, True)

    def unhand(self, job: str, run: int) -> None:
        """There is no workflow of this run after all: it is to be started again."""
        self._hand(job, run, False)

    def _hand(self, job: str, run: int, handed: bool) -> None:
        row = jobs.update().where(jobs.c.id == job, jobs.c.run == run)
        with self._database.begin() as connection:
            connection.execute(row.values(handed=handed))

    def close_job(self, job: str, run: int) -> JobRecord:
        """End a run by what became of its tasks: succeeded, partial, or failed.

        A job that was paused, cancelled or put back in line meanwhile stays so.
        """
        return self._close(job, run, None)

    def fail(self, job: str, run: int, fault: Fault) -> JobRecord:
        """End a run that cannot go on; ``fault`` is why, unless a task says so. Finished clips are kept."""
        return self._close(job, run, fault)

    def _close(self, job: str, run: int, fault: Fault | None) -> JobRecord:
        with self._database.begin() as connection:
            connection.execute(sa.select(jobs.c.id).where(jobs.c.id == job).with_for_update())
            mine = [task for task in _tasks(connection, job) if task.name.run == run]
            change = ended(*verdict(mine, fault), self._now)
            tell(connection, self._now, job, change, jobs.c.run == run, line.active)
            return job_of(_known(connection, job, removed=True))

    # --- removing ---

    def remove(self, job: str) -> None:
        """Hide a job at once, cancelled if need be; ``removable`` tells when its files can go."""
        with self._database.begin() as connection:
            _known(connection, job)
            tell(connection, self._now, job, cancelled(self._now), jobs.c.state.not_in(sorted(ENDED)))
            connection.execute(jobs.update().where(jobs.c.id == job).values(removed=True))

    def removable(self) -> list[str]:
        """Removed jobs of which no task runs: their files can go, then ``forget``."""
        runs = sa.exists().where(tasks.c.job == jobs.c.id, tasks.c.state == "running")
        wanted = sa.select(jobs.c.id).where(jobs.c.removed, ~runs).order_by(jobs.c.seq)
        with self._database.read() as connection:
            return list(connection.scalars(wanted))

    def forget(self, job: str) -> None:
        """Delete all rows of a removed job."""
        with self._database.begin() as connection:
            gone = connection.execute(jobs.delete().where(jobs.c.id == job, jobs.c.removed)).rowcount
            for table in (tasks, clips, events, idempotency) if gone else ():
                connection.execute(table.delete().where(table.c.job == job))

    def prune(self) -> None:
        """Delete what nobody will ask for again: progress of jobs long ended, and old idempotency keys."""
        quiet = sa.select(jobs.c.id).where(jobs.c.ended < self._now - QUIET_S)
        with self._database.begin() as connection:
            connection.execute(events.delete().where(events.c.kind == "progress", events.c.job.in_(quiet)))
            connection.execute(
                idempotency.delete().where(idempotency.c.at < self._now - accepting.REMEMBERED_S)
            )


def _known(connection: sa.Connection, job: str, *, removed: bool = False) -> sa.Row[Any]:
    """The row of a job; UnknownError when there is none, or a removed one."""
    row = connection.execute(sa.select(jobs).where(jobs.c.id == job)).one_or_none()
    if row is None or (row.removed and not removed):
        raise _unknown(job)
    return row


def _unknown(job: str) -> UnknownError:
    return UnknownError(f"There is no job {job}.", code="job-unknown")


def _tasks(connection: sa.Connection, job: str) -> list[TaskRecord]:
    """The tasks of a job in the order of their stages and clips."""
    rows = connection.execute(sa.select(tasks).where(tasks.c.job == job))
    return sorted(map(task_of, rows), key=lambda task: (STAGES.index(task.name.stage), task.name.clip))
