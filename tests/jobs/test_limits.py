import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from clipmill.jobs.database import Database
from clipmill.jobs.limits import take_token
from clipmill.jobs.tables import migrate, tokens


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    migrate(database)
    yield database
    database.close()


def age(database: Database, seconds: float) -> None:
    """Make all tokens look as if they had been given so long ago."""
    with database.begin() as connection:
        connection.execute(sa.update(tokens).values(at=tokens.c.at - seconds))


def given(database: Database) -> list[float]:
    with database.read() as connection:
        return sorted(connection.scalars(sa.select(tokens.c.at)))


def take(database: Database, *, limit: int = 2, name: str = "transcribe") -> float:
    return take_token(database, name, limit=limit, window_s=60.0)


def test_so_many_tokens_are_given_and_then_no_more(database: Database) -> None:
    assert [take(database), take(database)] == [0.0, 0.0]
    assert 0 < take(database) <= 60
    assert 0 < take(database) <= 60
    assert len(given(database)) == 2


def test_who_is_sent_away_is_told_when_the_oldest_token_ends(database: Database) -> None:
    take(database)
    age(database, 40.0)
    take(database)
    assert 0 < take(database) <= 20


def test_a_token_is_free_again_when_its_window_has_passed(database: Database) -> None:
    take(database)
    take(database)
    age(database, 60.5)
    assert take(database) == 0.0
    assert len(given(database)) == 1


def test_tokens_of_different_names_do_not_count_together(database: Database) -> None:
    assert [take(database, limit=1, name=name) for name in ("a", "b")] == [0.0, 0.0]
    assert take(database, limit=1, name="a") > 0
    age(database, 1000.0)
    assert take(database, limit=1, name="a") == 0.0


def test_a_lower_limit_counts_what_was_given_before(database: Database) -> None:
    for _ in range(4):
        assert take(database, limit=4) == 0.0
        age(database, 10.0)
    assert 20 < take(database, limit=2) <= 40  # the third of four has to end as well


def test_a_clock_that_was_set_back_delays_by_one_window_at_most(database: Database) -> None:
    take(database)
    take(database)
    age(database, -3600.0)
    assert 0 < take(database) <= 60
    age(database, 60.5)
    assert take(database) == 0.0


def test_of_many_who_ask_at_the_same_moment_only_so_many_get_a_token(database: Database) -> None:
    gate = threading.Barrier(8)

    def ask(name: str) -> float:
        gate.wait()
        return take(database, limit=3, name=name)

    with ThreadPoolExecutor(8) as pool:
        for turn in range(10):
            waits = list(pool.map(ask, [f"turn {turn}"] * 8))
            assert waits.count(0.0) == 3


HAMMER = """
import os, random, sys, time
from clipmill.errors import BusyError
from clipmill.jobs.database import Database
from clipmill.jobs.limits import take_token

url, acts, window_s = sys.argv[1], sys.argv[2], float(sys.argv[3])

def hammer():
    database = Database(url)
    log = os.open(acts, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    while True:
        asked = time.time()
        if take_token(database, "transcribe", limit=5, window_s=window_s) == 0.0:
            os.write(log, f"{asked} {time.time()}\\n".encode())
        time.sleep(random.random() * 0.05)

print("ready", flush=True)
for line in sys.stdin:  # each line wants one more process
    pid = os.fork()
    if pid == 0:
        hammer()
    print(pid, flush=True)
"""
"""Starts takers as forks of a process that has everything imported: killing them costs nothing."""


def test_no_window_ever_has_more_starts_than_the_limit_over_processes_that_are_killed(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    window_s, promised_s, limit, acts = 3.1, 3.0, 5, tmp_path / "acts"
    rows = hammered(database, database_url, acts, window_s=window_s)
    assert len(rows) > 2 * limit
    assert closest(rows, limit) >= window_s
    # What the token was for may come later than it by as much as the window is longer than promised.
    words = [line.split() for line in acts.read_text().splitlines()]
    done = sorted(float(at) for asked, at in words if float(at) - float(asked) < window_s - promised_s)
    assert closest(done, limit) >= promised_s


def closest(times: Sequence[float], limit: int) -> float:
    """The shortest stretch of time, both ends included, in which there was one more than ``limit``."""
    spans = [last - first for first, last in zip(times, times[limit:], strict=False)]
    return min(spans, default=float("inf"))


def hammered(database: Database, url: str, acts: Path, *, window_s: float) -> list[float]:
    """When tokens were given to three processes that never rest and of which one is killed now and then."""
    seen: Counter[float] = Counter()
    command = (sys.executable, "-c", HAMMER, url, str(acts), str(window_s))
    source = random.Random(7)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        takers = [started(starter, first=number == 0) for number in range(3)]
        try:
            while seen.total() <= 12:
                time.sleep(source.random() * 0.2)
                seen |= Counter(given(database))
                if source.random() < 0.2:
                    kill(takers.pop(source.randrange(3)))
                    takers.append(started(starter))
        finally:
            for taker in takers:
                kill(taker)
            starter.kill()
    return sorted(seen.elements())


def started(starter: "subprocess.Popen[str]", *, first: bool = False) -> int:
    assert starter.stdin is not None
    assert starter.stdout is not None
    if first:
        assert starter.stdout.readline() == "ready\n"
    print("one more", file=starter.stdin, flush=True)
    return int(starter.stdout.readline())


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_the_measure_of_windows_sees_one_start_too_many() -> None:
    assert closest([0.0, 1.0, 2.0, 3.0], 2) == 2.0
    assert closest([0.0, 1.0], 2) == float("inf")
