"""Taking jobs in: many requests in one transaction, so that each costs a part of a write to the disk."""

import queue
import secrets
import threading
from base64 import b32encode
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import Any, Protocol

import sqlalchemy as sa

from clipmill.errors import BusyError, ClipmillError, UsageError
from clipmill.jobs.database import Database
from clipmill.jobs.journal import job_of
from clipmill.jobs.line import count_queued, waiting_seconds
from clipmill.jobs.records import JobRecord, Request, State
from clipmill.jobs.supervise import survive
from clipmill.jobs.tables import events, idempotency, jobs

REMEMBERED_S = 24 * 3600.0
"""An idempotency key means the same request for this long."""

TOGETHER = 64
"""Requests in one transaction. At 100 a second and 50 ms a write few come together; a burst fills it."""

AT_THE_DOOR = 512
"""Requests that may wait for their transaction before more are sent away."""

# --- one transaction ------------------------------------------------------------------------------


def accept(database: Database, requests: Sequence[Request], *, bound: int) -> list[JobRecord | ClipmillError]:
    """Write jobs into the line, all in one transaction; for each request, in order, its job or why not.

    A request whose idempotency key was seen in the last 24 hours gets the job of then, or UsageError
    ``idempotency-key-reused`` when it asked for something else. At ``bound`` jobs in line: BusyError
    ``queue-full``. A job that was deleted sets its key free.
    """
    with database.begin(lock="accept") as connection:
        intake = _Intake(connection, database.now, room=bound - count_queued(connection))
        answers = [intake.answer(request) for request in requests]
        intake.write()
        records = _records(connection, [answer for answer in answers if isinstance(answer, str)])
        return [records[answer] if isinstance(answer, str) else answer for answer in answers]


class _Intake:
    """One transaction's view of which keys are taken and how much room there is."""

    def __init__(self, connection: sa.Connection, now: sa.ColumnElement[float], *, room: int) -> None:
        self._connection = connection
        self._now = now
        self._room = room
        self._full: BusyError | None = None
        self._fresh: list[tuple[str, Request]] = []
        self._keys: dict[tuple[str, str], tuple[str, str]] = {}

    def answer(self, request: Request) -> str | ClipmillError:
        """The id of the request's job, new or known; or why it gets none."""
        known = self._known(request)
        if known is not None:
            job, fingerprint = known
            return job if fingerprint == request.fingerprint else _reused(request.idempotency_key)
        if len(self._fresh) >= self._room:
            self._full = self._full or _queue_full(waiting_seconds(self._connection, self._now))
            return self._full
        job = _new_id()
        self._fresh.append((job, request))
        if request.idempotency_key:
            self._keys[request.owner, request.idempotency_key] = (job, request.fingerprint)
        return job

    def _known(self, request: Request) -> tuple[str, str] | None:
        """Job and fingerprint of an earlier request with the same key."""
        if not request.idempotency_key:
            return None
        if seen := self._keys.get((request.owner, request.idempotency_key)):
            return seen
        row = self._connection.execute(
            sa.select(idempotency.c.job, idempotency.c.fingerprint)
            .join(jobs, jobs.c.id == idempotency.c.job)
            .where(
                idempotency.c.owner == request.owner,
                idempotency.c.key == request.idempotency_key,
                idempotency.c.at > self._now - REMEMBERED_S,
                ~jobs.c.removed,
            )
        ).one_or_none()
        return None if row is None else (row.job, row.fingerprint)

    def write(self) -> None:
        """Write the new jobs, their first events and their keys."""
        if not self._fresh:
            return
        ids = [{"job": job} for job, _ in self._fresh]
        rows = [_row(job, request) for job, request in self._fresh]
        self._connection.execute(jobs.insert().values(created=self._now), rows)
        first = events.insert().values(number=1, kind="queued", at=self._now, data={})
        self._connection.execute(first, ids)
        if self._keys:
            self._write_keys()

    def _write_keys(self) -> None:
        keys = [
            {"its_owner": owner, "its_key": key, "its_job": job, "its_print": fingerprint}
            for (owner, key), (job, fingerprint) in self._keys.items()
        ]
        owner: sa.BindParameter[str] = sa.bindparam("its_owner")
        key: sa.BindParameter[str] = sa.bindparam("its_key")
        self._connection.execute(
            idempotency.delete().where(idempotency.c.owner == owner, idempotency.c.key == key), keys
        )
        self._connection.execute(
            idempotency.insert().values(
                owner=owner,
                key=key,
                job=sa.bindparam("its_job"),
                fingerprint=sa.bindparam("its_print"),
                at=self._now,
            ),
            keys,
        )


def _new_id() -> str:
    """A name that nobody can guess: 96 random bits as 20 letters and digits."""
    return b32encode(secrets.token_bytes(12)).decode("ascii").rstrip("=").lower()


def _row(job: str, request: Request) -> dict[str, Any]:
    return {
        "id": job,
        "owner": request.owner,
        "state": State.QUEUED,
        "priority": request.priority,
        "source": request.source,
        "options": asdict(request.options),
        "reuse": request.reuse,
        "metadata": dict(request.metadata),
        "run": 1,
        "handed": False,
        "stage": "",
        "progress": 0.0,
        "warnings": [],
        "clips_ready": 0,
        "last_event": 1,
        "removed": False,
    }


def _records(connection: sa.Connection, names: Iterable[str]) -> dict[str, JobRecord]:
    rows = connection.execute(sa.select(jobs).where(jobs.c.id.in_(set(names))))
    return {row.id: job_of(row) for row in rows}


def _reused(key: str) -> UsageError:
    return UsageError(
        f"The idempotency key {key!r} was used for another request: send a new key, or the same request.",
        code="idempotency-key-reused",
    )


def _queue_full(seconds: float) -> BusyError:
    return BusyError(
        f"The waiting line is full: try again in about {seconds:.0f} seconds.",
        code="queue-full",
        retry_after=seconds,
    )


# --- many threads, one writer ---------------------------------------------------------------------


Handed = tuple[Request, Future[JobRecord]]


class Acceptor(Protocol):
    """What writes requests down: a ``Store``."""

    def accept(self, requests: Sequence[Request], *, bound: int) -> list[JobRecord | ClipmillError]:
        """For each request, in order, its job or why there is none."""


class Accepting:
    """Requests of many threads, written by one: what comes during a write goes together in the next.

    A future is done when its job is on the disk. ``bound`` is the longest that the waiting line may get.
    """

    def __init__(self, store: Acceptor, bound: int) -> None:
        self._store = store
        self._bound = bound
        self._door = threading.Lock()
        self._open = True
        self._waiting: queue.Queue[Handed] = queue.Queue(AT_THE_DOOR)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="clipmill-accepting")

    def submit(self, request: Request) -> Future[JobRecord]:
        """Hand a request in; its future holds the job, or the ClipmillError that says why there is none.

        Raises BusyError when too many are handed in at once, or after ``close``.
        """
        future: Future[JobRecord] = Future()
        with self._door:
            if not self._open:
                raise BusyError(
                    "clipmill is being stopped: try again soon.", code="stopping", retry_after=5.0
                )
            try:
                self._waiting.put_nowait((request, future))
            except queue.Full:
                raise BusyError(
                    "More jobs come in than can be written down: try again in a second.",
                    code="accepting-busy",
                    retry_after=1.0,
                ) from None
            self._writer.submit(self._write)
        return future

    def close(self) -> None:
        """Write down what was handed in, then take nothing more."""
        with self._door:
            self._open = False
        self._writer.shutdown()

    def _write(self) -> None:
        """Write down all that waits; nothing, when an earlier turn has done so."""
        batch = [pair for pair in self._batch() if pair[1].set_running_or_notify_cancel()]
        if batch:
            survive(partial(self._settle, batch), otherwise=partial(self._refuse, batch))

    def _batch(self) -> Iterable[Handed]:
        for _ in range(TOGETHER):
            try:
                yield self._waiting.get_nowait()
            except queue.Empty:
                return

    def _settle(self, batch: Sequence[Handed]) -> None:
        """Write a batch and answer every future of it."""
        answers = self._store.accept([request for request, _ in batch], bound=self._bound)
        for (_, future), answer in zip(batch, answers, strict=True):
            if isinstance(answer, ClipmillError):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def _refuse(self, batch: Sequence[Handed], error: Exception) -> None:
        """A batch could not be written: a request that cannot be written must spoil only itself."""
        if isinstance(error, ClipmillError) or len(batch) == 1:
            for _, future in batch:
                future.set_exception(error)
            return
        for pair in batch:
            survive(partial(self._settle, [pair]), otherwise=partial(self._refuse, [pair]))
