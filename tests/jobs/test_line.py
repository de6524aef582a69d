"""The waiting line: who is next, and when a place may be free."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipmill.jobs.database import Database
from clipmill.jobs.line import seconds_a_place
from clipmill.jobs.records import State
from clipmill.jobs.store import Store
from clipmill.jobs.tables import jobs
from store_kit import age, ask, put, script, wait


def take_owners(store: Store, slots: int) -> str:
    """The owners of the jobs that are taken, in their order."""
    return "".join(store.job(job).request.owner for job, _ in store.take_jobs(slots))


def test_the_oldest_job_is_first(store: Store) -> None:
    ids = [job.id for job in put(store, ask(), ask(), ask())]
    assert store.take_jobs(2) == [(ids[0], 1), (ids[1], 1)]


def test_an_urgent_job_goes_before_older_ones(store: Store) -> None:
    ids = [job.id for job in put(store, ask(priority=5), ask(priority=9), ask(priority=1))]
    assert [job for job, _ in store.take_jobs(3)] == [ids[2], ids[0], ids[1]]


def test_owners_take_turns_however_much_one_of_them_asks_for(store: Store) -> None:
    put(store, *(ask(owner=owner) for owner in "aaaaaabbc"))
    assert take_owners(store, 6) == "abcaba"


def test_who_has_jobs_at_work_lets_others_go_first(store: Store) -> None:
    put(store, *(ask(owner=owner) for owner in "aaa"))
    store.take_jobs(2)
    put(store, *(ask(owner=owner) for owner in "bbb"))
    assert take_owners(store, 5) == "bba"


def test_priority_goes_before_fairness(store: Store) -> None:
    put(store, ask(owner="a"), ask(owner="b"), ask(owner="a", priority=1), ask(owner="a", priority=1))
    assert take_owners(store, 3) == "aab"


def test_there_are_never_more_at_work_than_places(store: Store, database: Database) -> None:
    ids = [job.id for job in put(store, *(ask() for _ in range(5)))]
    assert len(store.take_jobs(2)) == 2
    assert store.take_jobs(2) == []
    wait(database, ids[0], 1)
    assert store.take_jobs(2) == []
    store.pause(ids[0])
    assert len(store.take_jobs(2)) == 1
    assert store.take_jobs(0) == []


def test_a_place_in_line_is_the_order_in_which_jobs_are_taken(store: Store) -> None:
    put(store, ask(owner="a"))
    store.take_jobs(1)
    ids = [
        job.id for job in put(store, *(ask(owner=o, priority=int(p)) for o, p in ("a5", "a5", "b5", "b1")))
    ]
    places = store.positions(ids)
    assert sorted(places.values()) == [1, 2, 3, 4]
    assert [store.position(job) for job in ids] == [places[job] for job in ids]
    taken = [job for job, _ in store.take_jobs(100)]
    assert taken == sorted(ids, key=lambda job: places[job])
    assert store.position(ids[0]) is None
    assert store.positions([]) == {}


def test_a_removed_job_has_left_the_line(store: Store) -> None:
    first, second = put(store, ask(), ask())
    store.remove(first.id)
    assert store.position(first.id) is None
    assert store.position(second.id) == 1
    assert store.take_jobs(5) == [(second.id, 1)]


def test_processes_that_take_at_once_take_each_job_once_and_never_too_many(
    store: Store, store_url: str
) -> None:
    ids = {job.id for job in put(store, *(ask(owner=str(n % 3)) for n in range(24)))}
    lines = (
        "import sys",
        "from clipmill.jobs.database import Database",
        "from clipmill.jobs.store import Store",
        f"store = Store(Database({store_url!r}))",
        "sys.stdin.readline()",
        "while store.counts()['jobs']['queued']:",
        "    for job, run in store.take_jobs(4):",
        "        assert store.counts()['jobs']['running'] <= 4",
        "        print(job)",
        "        store.close_job(job, run)",
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(script(*lines), **pipes) for _ in range(3)]  # type: ignore[call-overload]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(job for some in taken for job in some) == sorted(ids)


# --- when to come back ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "soonest", "seconds"),
    [
        ((), None, 60.0),
        ((), 200.4, 201.0),
        ((990.0,), 7.0, 7.0),
        ((900.0, 950.0, 1000.0), 7.0, 50.0),
        ((1000.0, 1000.0, 1000.0), None, 1.0),
        ((600.0, 601.0), None, 400.0),
        ((), 90_000.0, 3600.0),
    ],
)
def test_the_wait_is_as_long_as_jobs_took_to_end_lately(
    ends: tuple[float, ...], soonest: float | None, seconds: float
) -> None:
    assert seconds_a_place(ends, now=1000.0, soonest_s=soonest) == seconds


@given(ends=st.lists(st.floats(0, 3600)), soonest=st.none() | st.floats(0, 1e9))
def test_the_wait_is_a_second_to_an_hour(ends: list[float], soonest: float | None) -> None:
    assert 1.0 <= seconds_a_place(ends, now=3600.0, soonest_s=soonest) <= 3600.0


def test_the_wait_is_measured_on_the_jobs_that_ended(store: Store, database: Database) -> None:
    assert store.waiting_seconds() == 60.0
    ids = [job.id for job in put(store, *(ask() for _ in range(4)))]
    with database.begin() as connection:
        for job, late in zip(ids[:3], (100, 60, 20), strict=True):
            row = jobs.update().where(jobs.c.id == job)
            connection.execute(row.values(state=State.SUCCEEDED, ended=database.now - late))
    assert 50.0 <= store.waiting_seconds() <= 80.0
    age(database, jobs.c.ended, 4000)
    assert store.waiting_seconds() == 60.0


def test_before_any_job_ended_the_wait_is_until_the_first_is_expected_to(
    store: Store, database: Database
) -> None:
    ids = [job.id for job in put(store, ask(), ask(), ask())]
    store.take_jobs(2)
    with database.begin() as connection:
        for job, eta in zip(ids, (300.0, 200.0, 1.0), strict=True):
            connection.execute(jobs.update().where(jobs.c.id == job).values(eta_s=eta))
    assert store.waiting_seconds() == 200.0
