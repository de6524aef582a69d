import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from clipmill.errors import BusyError
from clipmill.jobs.database import Database
from clipmill.jobs.tables import migrate, rests, tokens
from clipmill.jobs.turns import (
    FAILURES,
    FIRST_REST_S,
    LONGEST_AWAY_S,
    LONGEST_REST_S,
    PROBE_S,
    StoreTurns,
    rest_after,
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def turns(database: Database) -> StoreTurns:
    return StoreTurns(database, "speech", limit=0)


def another(database: Database, *, limit: int = 0) -> StoreTurns:
    """The same turns as another worker has them."""
    return StoreTurns(database, "speech", limit=limit)


def age(database: Database, seconds: float) -> None:
    """Let so much time go by."""
    with database.begin() as connection:
        connection.execute(sa.update(tokens).values(at=tokens.c.at - seconds))
        values = {"until": rests.c.until - seconds, "probe": rests.c.probe - seconds}
        connection.execute(sa.update(rests).values(values))


def sent_away(turns: StoreTurns) -> tuple[str, float]:
    """With which code, and for how long; looking says the same as taking."""
    with pytest.raises(BusyError) as looked:
        turns.look()
    with pytest.raises(BusyError) as taken:
        turns.take()
    assert looked.value.code == taken.value.code
    return taken.value.code, taken.value.retry_after


def fail(turns: StoreTurns, times: int) -> None:
    for _ in range(times):
        turns.take()
        turns.went_wrong(None)


def test_turns_are_taken_up_to_the_limit_of_a_minute_over_all_workers(database: Database) -> None:
    for number in range(5):
        another(database, limit=5).look()
        StoreTurns(database, "speech", limit=5).take()
        age(database, 2.0 if number < 4 else 0.0)
    code, wait = sent_away(another(database, limit=5))
    assert code == "rate-limited"
    assert 50 < wait <= 54
    age(database, 54.1)
    another(database, limit=5).take()


def test_looking_takes_no_turn(database: Database) -> None:
    for _ in range(10):
        another(database, limit=1).look()
    another(database, limit=1).take()
    assert sent_away(another(database, limit=1))[0] == "rate-limited"


def test_whom_the_service_sends_away_sends_all_workers_away(database: Database, turns: StoreTurns) -> None:
    turns.take()
    turns.went_wrong(30.0)
    code, wait = sent_away(another(database))
    assert code == "service-resting"
    assert 28 < wait <= 30
    age(database, 30.5)
    another(database).take()


def test_a_shorter_rest_or_a_good_answer_does_not_end_a_longer_one(
    database: Database, turns: StoreTurns
) -> None:
    for _ in range(3):
        turns.take()
    turns.went_wrong(100.0)
    turns.went_wrong(5.0)
    turns.went_well()
    assert sent_away(another(database))[1] > 95
    age(database, 100.5)
    another(database).take()


def test_nobody_is_sent_away_for_more_than_an_hour(turns: StoreTurns) -> None:
    turns.take()
    turns.went_wrong(1e9)
    assert sent_away(turns)[1] <= LONGEST_AWAY_S


def test_four_failures_in_a_row_do_not_stop_anybody(turns: StoreTurns) -> None:
    fail(turns, FAILURES - 1)
    turns.take()
    turns.went_well()
    fail(turns, FAILURES - 1)
    turns.take()


def test_five_failures_in_a_row_of_any_workers_let_all_rest(database: Database) -> None:
    for _ in range(FAILURES):
        fail(another(database), 1)
    code, wait = sent_away(another(database))
    assert code == "service-resting"
    assert 0.5 * FIRST_REST_S < wait < 1.5 * FIRST_REST_S


def test_after_the_rest_one_alone_tries_and_all_go_on_when_it_is_answered(database: Database) -> None:
    fail(another(database), FAILURES)
    age(database, 2 * FIRST_REST_S)
    probe, other = another(database), another(database)
    probe.take()
    assert sent_away(other)[0] == "service-resting"
    probe.went_well()
    for _ in range(5):
        other.take()


def test_a_probe_that_fails_begins_a_longer_rest(database: Database, turns: StoreTurns) -> None:
    fail(turns, FAILURES)
    waits = []
    for _ in range(12):
        age(database, 2 * LONGEST_REST_S)
        turns.take()
        turns.went_wrong(None)
        waits.append(sent_away(another(database))[1])
    assert waits[0] > FIRST_REST_S
    assert max(waits) <= 1.25 * LONGEST_REST_S
    assert waits[-1] >= 0.75 * LONGEST_REST_S - 5


def test_a_probe_whose_worker_was_killed_is_followed_by_another(database: Database) -> None:
    fail(another(database), FAILURES)
    age(database, 2 * FIRST_REST_S)
    another(database).take()
    assert sent_away(another(database))[0] == "service-resting"
    age(database, PROBE_S + 1)
    another(database).take()
    assert sent_away(another(database))[0] == "service-resting"


def test_calls_that_were_under_way_when_the_rest_began_do_not_make_it_longer(
    database: Database, turns: StoreTurns
) -> None:
    for _ in range(FAILURES + 4):
        turns.take()
    for _ in range(FAILURES + 4):
        turns.went_wrong(None)
    assert sent_away(another(database))[1] < 1.5 * FIRST_REST_S


def test_of_many_who_come_after_the_rest_one_is_let_through(database: Database) -> None:
    fail(another(database), FAILURES)
    age(database, 2 * FIRST_REST_S)
    gate = threading.Barrier(8)

    def ask(_: int) -> bool:
        gate.wait()
        try:
            another(database, limit=5).take()
        except BusyError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 1


def test_who_is_over_the_limit_is_no_probe(database: Database) -> None:
    limited = another(database, limit=FAILURES)
    fail(limited, FAILURES)
    age(database, 30.0)
    assert sent_away(limited)[0] == "rate-limited"
    age(database, 40.0)
    limited.take()


def test_a_clock_that_was_set_back_lets_nobody_rest_for_ever(database: Database, turns: StoreTurns) -> None:
    fail(turns, FAILURES)
    age(database, -86_400.0)
    assert sent_away(turns)[1] <= LONGEST_AWAY_S
    age(database, LONGEST_AWAY_S + PROBE_S)
    turns.take()


def test_turns_of_another_name_know_nothing_of_it(database: Database, turns: StoreTurns) -> None:
    fail(turns, FAILURES)
    StoreTurns(database, "transcribe", limit=0).take()


def test_rests_grow_and_differ() -> None:
    random.seed(3)
    assert rest_after(FAILURES - 1) == 0.0
    assert len({rest_after(FAILURES) for _ in range(20)}) == 20
    assert all(rest_after(count) <= 1.25 * LONGEST_REST_S for count in (8, 50, 10**6))


WORKER = """
import random, sys, time
from clipmill.errors import BusyError
from clipmill.jobs.database import Database
from clipmill.jobs.turns import StoreTurns

url, window_s, most_s = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
turns = StoreTurns(Database(url), "speech", limit=5, window_s=window_s)
until = time.monotonic() + most_s
while time.monotonic() < until:
    asked = time.monotonic()
    try:
        turns.take()
        print(asked, time.monotonic(), flush=True)
        turns.went_well()
    except BusyError as error:
        time.sleep(min(error.retry_after, 0.1) * random.random())
"""


@pytest.mark.usefixtures("database")
def test_many_workers_never_begin_more_than_the_limit_in_a_window(database_url: str) -> None:
    window_s = 2.0
    command = [sys.executable, "-c", WORKER, database_url, str(window_s), "5"]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [worker.communicate(timeout=120)[0] for worker in workers]
    taken = [line.split() for text in said for line in text.splitlines()]
    assert len(taken) >= 10
    # A turn was taken at some time between the two, so the sixth cannot have come before its window's end.
    asked, had = sorted(float(first) for first, _ in taken), sorted(float(last) for _, last in taken)
    assert all(last - first >= window_s for first, last in zip(asked, had[5:], strict=False))
