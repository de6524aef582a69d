"""Which workers live: each beats by the database's clock, and the others see when it stops.

A worker on this host is looked up by its process, so that its death is known at once; one elsewhere is dead
when it has not beaten for ``dead_s``.
"""

import os
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from clipmill.jobs.database import Database
from clipmill.jobs.records import WorkerRecord
from clipmill.jobs.tables import workers


def myself() -> WorkerRecord:
    """This process as a worker; every start is another."""
    pid = os.getpid()
    return WorkerRecord(f"w{secrets.token_hex(6)}", _host(), pid, _born(pid) or 0, 0.0, 0.0)


def enrol(database: Database, worker: WorkerRecord, *, stages: Sequence[str], version: str) -> None:
    """Make a worker known, beating."""
    with database.begin() as connection:
        connection.execute(
            sa.insert(workers).values(
                id=worker.id,
                host=worker.host,
                pid=worker.pid,
                born=worker.born,
                beat=database.now,
                stages=",".join(stages),
                version=version,
            )
        )


def beat(database: Database, worker: str) -> bool:
    """Beat once. False: others took this worker for dead and its work over."""
    with database.begin() as connection:
        row = sa.update(workers).where(workers.c.id == worker).values(beat=database.now)
        return connection.execute(row).rowcount == 1


def leave(database: Database, worker: str) -> None:
    """Forget a worker; last of all, so that a take-over that was cut off is done again."""
    with database.begin() as connection:
        connection.execute(sa.delete(workers).where(workers.c.id == worker))


def known(database: Database) -> set[str]:
    """Ids of all workers that are not forgotten."""
    with database.read() as connection:
        return set(connection.scalars(sa.select(workers.c.id)))


def inherit(database: Database, heir: str, *, dead_s: float) -> list[str]:
    """Ids of dead workers whose work ``heir`` alone is to take over now.

    Dead is whose process on this host is gone, and who has not beaten for ``dead_s``. An heir that dies in
    turn has heirs.
    """
    host = _host()
    with database.read() as connection:
        rows = connection.execute(sa.select(workers, (database.now - workers.c.beat).label("age_s"))).all()
    known = [WorkerRecord(row.id, row.host, row.pid, row.born, row.beat, row.age_s) for row in rows]
    dead = {
        worker.id
        for worker in known
        if worker.id != heir and (worker.age_s > dead_s or (worker.host == host and not _alive(worker)))
    }
    living = {worker.id for worker in known} - dead - {heir}
    return [worker for worker in dead if _claimed(database, worker, heir, living)]


def _claimed(database: Database, worker: str, heir: str, living: set[str]) -> bool:
    free = sa.and_(workers.c.id == worker, workers.c.heir.not_in(living))
    with database.begin() as connection:
        return connection.execute(sa.update(workers).where(free).values(heir=heir)).rowcount == 1


def _alive(worker: WorkerRecord) -> bool:
    """Whether that very process runs on this host."""
    if not Path("/proc/self/stat").exists():
        return _answers(worker.pid)
    return worker.born == _born(worker.pid)


def _answers(pid: int) -> bool:
    """Whether there is a process of that number, where the system tells no more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _born(pid: int) -> int | None:
    """When a process started, in clock ticks since the system did; None when it is not there, or a corpse."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] in "ZX" else int(words[19])


def _host() -> str:
    """A name for the set of processes that this one sees: the machine since its start, and the container."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)
