"""Who lives and who inherits, with real processes and both databases' clocks."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clipmill.jobs import recovery
from clipmill.jobs.database import Database
from clipmill.jobs.records import WorkerRecord
from clipmill.jobs.tables import migrate, workers

HERE = recovery.myself().host


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    migrate(found)
    yield found
    found.close()


def enrolled(database: Database, name: str, *, host: str = HERE, pid: int = 0, born: int = 0) -> None:
    worker = WorkerRecord(name, host, pid, born, 0.0, 0.0)
    recovery.enrol(database, worker, stages=["encode"], version="1")


def silent_for(database: Database, name: str, seconds: float) -> None:
    with database.begin() as connection:
        row = sa.update(workers).where(workers.c.id == name)
        connection.execute(row.values(beat=database.now - seconds))


def living(database: Database, name: str) -> WorkerRecord:
    me = recovery.myself()
    enrolled(database, name, pid=me.pid, born=me.born)
    return me


def test_a_worker_that_beats_has_no_heir(database: Database) -> None:
    living(database, "me")
    enrolled(database, "far", host="elsewhere")
    assert recovery.beat(database, "far")
    assert recovery.inherit(database, "me", dead_s=5) == []


def test_a_worker_elsewhere_is_dead_when_silent_for_long(database: Database) -> None:
    living(database, "me")
    enrolled(database, "far", host="elsewhere")
    silent_for(database, "far", 6)
    assert recovery.inherit(database, "me", dead_s=float("inf")) == []
    assert recovery.inherit(database, "me", dead_s=5) == ["far"]


def test_a_worker_here_is_dead_when_its_process_is_gone(database: Database) -> None:
    living(database, "me")
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    born = recovery._born(process.pid) or 0
    enrolled(database, "near", pid=process.pid, born=born)
    assert recovery.inherit(database, "me", dead_s=60) == []
    process.kill()
    assert wait_for(lambda: recovery.inherit(database, "me", dead_s=60)) == ["near"]  # a corpse is dead, too
    process.wait()


def test_a_process_that_got_the_number_of_a_dead_one_is_not_it(database: Database) -> None:
    me = living(database, "me")
    enrolled(database, "before", pid=me.pid, born=me.born - 1)
    assert recovery.inherit(database, "me", dead_s=60) == ["before"]


def test_a_dead_worker_has_one_heir_until_that_dies_too(database: Database) -> None:
    for name in ("first", "second"):
        living(database, name)
    enrolled(database, "dead", pid=1 << 22, born=1)
    assert recovery.inherit(database, "first", dead_s=60) == ["dead"]
    assert recovery.inherit(database, "second", dead_s=60) == []
    assert recovery.inherit(database, "first", dead_s=60) == ["dead"]  # cut off in the middle, it goes on
    recovery.leave(database, "first")
    assert recovery.inherit(database, "second", dead_s=60) == ["dead"]


def test_who_was_taken_for_dead_learns_it_at_the_next_beat(database: Database) -> None:
    living(database, "me")
    assert recovery.beat(database, "me")
    recovery.leave(database, "me")
    assert not recovery.beat(database, "me")


def wait_for(call):  # type: ignore[no-untyped-def]
    until = time.monotonic() + 5
    while not (found := call()) and time.monotonic() < until:
        time.sleep(0.02)
    return found
