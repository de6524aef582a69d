"""What is kept between jobs, and who makes it: over processes, for one owner alone, within its room."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from clipmill.errors import BusyError
from clipmill.jobs import keeping
from clipmill.jobs.database import Database
from clipmill.jobs.keeping import LEASE_S, Kept, drop_stale
from clipmill.jobs.tables import claims, kept

DAY_S = 86_400.0


def keep(database: Database, owner: str = "ann", *, days: float = 7.0, most_mb: float = 1.0) -> Kept:
    return Kept(database, owner, days=days, most_mb=most_mb)


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that do not get smaller."""
    return random.Random(seed).randbytes(size)


def age(database: Database, seconds: float, *columns: sa.Column[float]) -> None:
    """Make these times that much older, as if the clock had run on."""
    with database.begin() as connection:
        for column in columns:
            connection.execute(sa.update(column.table).values({column.name: column - seconds}))


def rows(database: Database, table: sa.Table = kept) -> list[sa.Row[tuple[object, ...]]]:
    with database.read() as connection:
        return list(connection.execute(sa.select(table)).all())


def taken(database: Database) -> int:
    with database.read() as connection:
        return int(connection.scalar(sa.select(sa.func.sum(kept.c.size))) or 0)


# --- values -----------------------------------------------------------------------------------------


def test_what_was_put_is_found_by_whoever_has_the_same_owner(database: Database, store_url: str) -> None:
    keep(database).put("talk", b"words")
    other = Database(store_url)
    assert keep(other).find("talk") == b"words"
    assert keep(other).find("other talk") is None
    other.close()


def test_the_newest_value_counts(database: Database) -> None:
    for value in (b"first", b"second"):
        keep(database).put("talk", value)
    assert keep(database).find("talk") == b"second"
    assert len(rows(database)) == 1


def test_an_owner_finds_nothing_of_anothers_and_the_rows_name_nobody(database: Database) -> None:
    keep(database, "ann").put("talk", b"anns words")
    assert keep(database, "bob").find("talk") is None
    keep(database, "bob").put("talk", b"bobs words")
    assert keep(database, "ann").find("talk") == b"anns words"
    keep(database, "").put("ann\0talk", b"nobodys words")
    assert keep(database, "ann").find("talk") == b"anns words"
    names = [str(row.key) for row in rows(database)]
    assert len(set(names)) == 3
    assert all(len(name) == 64 and "ann" not in name and "talk" not in name for name in names)


def test_a_value_is_gone_when_its_days_are_over(database: Database) -> None:
    keep(database).put("talk", b"words")
    age(database, 6.9 * DAY_S, kept.c.made)
    assert keep(database).find("talk") == b"words"
    age(database, 0.2 * DAY_S, kept.c.made)
    assert keep(database).find("talk") is None
    keep(database).put("other", b"words")
    assert len(rows(database)) == 1


def test_what_was_used_longest_ago_goes_when_there_is_no_room(database: Database) -> None:
    box = keep(database)
    for number in range(4):
        box.put(f"talk {number}", noise(240_000, number))
        age(database, 100.0, kept.c.used)
    assert box.find("talk 0") is not None
    box.put("talk 4", noise(240_000, 4))
    found = [number for number in range(5) if box.find(f"talk {number}") is not None]
    assert found == [0, 2, 3, 4]


def test_no_more_than_there_is_room_is_ever_kept(database: Database) -> None:
    box, dice = keep(database, most_mb=0.25), random.Random(7)
    for number in range(60):
        box.put(f"talk {dice.randrange(30)}", noise(dice.choice((10, 3000, 60_000)), number))
        assert taken(database) <= 0.25 * 2**20


def test_what_would_need_too_many_rows_to_go_is_not_kept_yet(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "DROPPED", 5)
    box = keep(database, most_mb=0.05)
    for number in range(50):
        box.put(f"talk {number}", b"")
    large = noise(12_000)
    tries = 0
    while box.find("large") is None:
        box.put("large", large)
        tries += 1
        assert tries < 10
        assert taken(database) <= 0.05 * 2**20
    assert tries > 1


def test_a_value_of_more_than_a_quarter_of_the_room_is_not_kept(database: Database) -> None:
    keep(database).put("small", bytes(2**18))
    keep(database).put("large", bytes(2**18 + 1))
    assert keep(database).find("small") == bytes(2**18)
    assert keep(database).find("large") is None


@pytest.mark.parametrize(
    "broken", [b"", b"junk", zlib.compress(b"words")[:-1], zlib.compress(bytes(2**18 + 1))], ids=len
)
def test_a_broken_value_is_as_good_as_none(database: Database, broken: bytes) -> None:
    keep(database).put("talk", b"words")
    with database.begin() as connection:
        connection.execute(kept.update().values(value=broken))
    assert keep(database).find("talk") is None
    keep(database).put("talk", b"words")
    assert keep(database).find("talk") == b"words"


def test_for_0_days_nothing_is_kept_but_claims_hold(database: Database) -> None:
    box = keep(database, days=0.0)
    box.put("talk", b"words")
    assert box.find("talk") is None
    assert rows(database) == []
    with box.claim("talk"), pytest.raises(BusyError), box.claim("talk"):
        pass


def test_a_database_that_is_away_costs_what_was_made_but_no_job(database: Database, store_url: str) -> None:
    impatient = Database(store_url, patience_s=0.2)
    with database.begin(lock="kept") as connection:
        connection.execute(kept.delete())
        keep(impatient).put("talk", b"words")
    assert keep(impatient).find("talk") is None
    impatient.close()


def test_what_is_old_is_thrown_away_now_and_then(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "DROPPED", 3)
    for number in range(8):
        keep(database).put(f"talk {number}", b"words")
    age(database, 8 * DAY_S, kept.c.made)
    with database.begin() as connection:
        late = {"holder": "x", "since": 0.0}
        connection.execute(claims.insert().values(key="old", until=1.0, **late))
        connection.execute(claims.insert().values(key="new", until=database.now + 5, **late))
    drop_stale(database, days=7.0)
    assert rows(database) == []
    assert [row.key for row in rows(database, claims)] == ["new"]


# --- claims -----------------------------------------------------------------------------------------


def test_while_one_makes_something_another_is_sent_away_for_a_moment(
    database: Database, store_url: str
) -> None:
    other = Database(store_url)
    with keep(database).claim("talk"):
        with pytest.raises(BusyError) as sent, keep(other).claim("talk"):
            pass
        assert (sent.value.code, sent.value.retry_after) == ("underway", pytest.approx(2.0, abs=0.4))
        with keep(other).claim("other talk"), keep(other, "bob").claim("talk"):
            pass
    with keep(other).claim("talk"):
        pass
    assert rows(database, claims) == []
    other.close()


def test_who_fails_lets_go(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), keep(database).claim("talk"):
        raise ZeroDivisionError
    assert rows(database, claims) == []


def test_who_finds_something_long_in_the_making_comes_back_less_often(database: Database) -> None:
    pauses = []
    with keep(database).claim("talk"):
        for _ in range(3):
            with pytest.raises(BusyError) as sent, keep(database).claim("talk"):
                pass
            pauses.append(sent.value.retry_after)
            age(database, 100.0, claims.c.since)
        age(database, 10_000.0, claims.c.since)
        with pytest.raises(BusyError) as sent, keep(database).claim("talk"):
            pass
    assert pauses[1:] == [pytest.approx(10.0, rel=0.25), pytest.approx(20.0, rel=0.25)]
    assert sent.value.retry_after == pytest.approx(30.0, rel=0.21)


def test_a_claim_holds_as_long_as_its_holder_lives(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "RENEW_S", 0.05)
    with keep(database).claim("talk"):
        for _ in range(3):
            with database.begin() as connection:
                connection.execute(claims.update().values(until=database.now + 1.0))
            deadline = time.monotonic() + 30
            while rows(database, claims)[0].until < time.time() + LEASE_S / 2:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        with pytest.raises(BusyError), keep(database).claim("talk"):
            pass


def test_a_clock_that_was_set_back_makes_no_claim_endless(database: Database) -> None:
    with keep(database).claim("talk"):
        age(database, -3600.0, claims.c.until)
        with keep(database).claim("talk"):
            pass


def test_who_lost_a_claim_takes_nothing_from_who_has_it_now(database: Database) -> None:
    with keep(database).claim("talk"):
        age(database, 3600.0, claims.c.until)
        with keep(database).claim("talk"):
            keeping._renew(database, "nobody", "else")
            kept_by = rows(database, claims)[0].holder
        assert rows(database, claims) == []
        assert kept_by


def test_of_many_threads_that_claim_at_the_same_moment_one_gets_it(database: Database) -> None:
    start, held = threading.Barrier(8), threading.Semaphore(1)

    def work(name: str) -> bool:
        start.wait()
        try:
            with keep(database).claim(name):
                assert held.acquire(blocking=False)
                time.sleep(0.2)
                held.release()
                return True
        except BusyError:
            return False

    with ThreadPoolExecutor(8) as pool:
        for turn in range(3):
            assert sum(pool.map(work, [f"turn {turn}"] * 8)) >= 1


MAKER = """
import os, sys, time
from clipmill.errors import BusyError
from clipmill.jobs import keeping
from clipmill.jobs.database import Database

url, log = sys.argv[1], sys.argv[2]
keeping.LEASE_S, keeping.RENEW_S = 3.0, 0.5

def write(word):
    with open(log, "ab", buffering=0) as file:
        file.write(f"{word} {os.getpid()}\\n".encode())

def make():
    box = keeping.Kept(Database(url), "ann", days=1, most_mb=1)
    while box.find("talk") is None:
        try:
            with box.claim("talk"):
                if box.find("talk") is None:
                    write("begun")
                    time.sleep(float(sys.argv[3]))
                    box.put("talk", b"words")
                    write("done")
        except BusyError:
            time.sleep(0.2)
    write("found")

print("ready", flush=True)
for line in sys.stdin:  # each line wants one more process
    pid = os.fork()
    if pid == 0:
        make()
        os._exit(0)
    print(pid, flush=True)
"""
"""Starts makers of one value as forks of a process that has everything imported."""


@pytest.fixture
def makers(database: Database, store_url: str, tmp_path: Path) -> Iterator["Makers"]:  # noqa: ARG001
    running = Makers(store_url, tmp_path / "log")
    yield running
    running.end()


class Makers:
    """Processes that want the same value, and what they say."""

    def __init__(self, url: str, log: Path) -> None:
        self.log = log
        log.touch()
        self._mother = subprocess.Popen(
            [sys.executable, "-c", MAKER, url, str(log), "1.5"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._children: list[int] = []
        assert self._read() == "ready"

    def start(self) -> int:
        assert self._mother.stdin is not None
        self._mother.stdin.write("\n")
        self._mother.stdin.flush()
        self._children.append(int(self._read()))
        return self._children[-1]

    def said(self, word: str) -> list[int]:
        lines = (line.split() for line in self.log.read_text().splitlines())
        return [int(pid) for said, pid in lines if said == word]

    def until(self, word: str, count: int) -> list[int]:
        deadline = time.monotonic() + 120
        while len(self.said(word)) < count:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return self.said(word)

    def end(self) -> None:
        for pid in self._children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._mother.kill()
        self._mother.communicate()

    def _read(self) -> str:
        assert self._mother.stdout is not None
        return self._mother.stdout.readline().strip()


def test_of_eight_processes_that_want_the_same_one_makes_it(makers: Makers) -> None:
    for _ in range(8):
        makers.start()
    makers.until("found", 8)
    assert len(makers.said("begun")) == len(makers.said("done")) == 1


def test_what_a_killed_process_was_making_is_made_once_by_another(makers: Makers) -> None:
    makers.start()
    for _ in range(2):
        first = makers.until("begun", 1 + len(makers.said("begun")))[-1]
        for _ in range(4):
            makers.start()
        os.kill(first, signal.SIGKILL)
    makers.until("found", 7)
    assert len(makers.said("begun")) == 3
    assert len(makers.said("done")) == 1
