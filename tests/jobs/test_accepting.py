"""Taking jobs in: what was acknowledged is there, once, and the line never gets longer than allowed."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
import sqlalchemy as sa

from clipmill.errors import BusyError, ClipmillError, UsageError
from clipmill.jobs.accepting import AT_THE_DOOR, REMEMBERED_S, TOGETHER, Accepting
from clipmill.jobs.database import Database
from clipmill.jobs.records import JobRecord, Request
from clipmill.jobs.store import Store
from clipmill.jobs.tables import idempotency
from store_kit import OPEN_ENDED, ask, put

KIT = Path(__file__).parents[1] / "accept_kit.py"

Answer = JobRecord | ClipmillError


class Slow:
    """A store that waits for a sign before it accepts, and counts how much came together."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sign = threading.Event()
        self.entered = threading.Event()
        self.together: list[int] = []

    def accept(self, requests: Sequence[Request], *, bound: int) -> list[Answer]:
        self.entered.set()
        assert self.sign.wait(30)
        self.together.append(len(requests))
        return self.store.accept(requests, bound=bound)


def codes(answers: Sequence[Answer]) -> list[str]:
    return [answer.code if isinstance(answer, ClipmillError) else "" for answer in answers]


# --- one transaction ------------------------------------------------------------------------------


def test_jobs_are_in_line_in_the_order_of_their_requests(store: Store) -> None:
    accepted = put(store, *(ask(f"/{number}.mp4") for number in range(200)))
    assert [job.request.source for job in accepted] == [f"/{number}.mp4" for number in range(200)]
    seqs = [job.seq for job in accepted]
    assert seqs == sorted(set(seqs))
    assert [event.kind for event in store.events(accepted[-1].id)] == ["queued"]


def test_a_job_has_a_name_that_nobody_can_guess(store: Store) -> None:
    names = [job.id for job in put(store, *(ask() for _ in range(50)))]
    assert all(len(name) == 20 and set(name) <= set("abcdefghijklmnopqrstuvwxyz234567") for name in names)
    assert len({name[:6] for name in names}) == 50


def test_nothing_to_accept_is_nothing(store: Store) -> None:
    assert store.accept([], bound=1) == []


def test_the_same_key_gives_the_first_job_back(store: Store) -> None:
    first = put(store, ask(idempotency_key="k", fingerprint="f"))[0]
    store.cancel(first.id)
    again = put(store, ask(idempotency_key="k", fingerprint="f"))[0]
    assert again == store.job(first.id)
    assert len(store.jobs()) == 1


def test_the_same_key_twice_in_one_transaction_is_one_job(store: Store) -> None:
    requests = [ask(idempotency_key="k", fingerprint=mark) for mark in "ffg"]
    first, second, third = store.accept(requests, bound=OPEN_ENDED)
    assert first == second
    assert isinstance(third, UsageError)
    assert len(store.jobs()) == 1


def test_the_same_key_for_something_else_is_refused(store: Store) -> None:
    put(store, ask(idempotency_key="k", fingerprint="f"))
    answer = store.accept([ask(idempotency_key="k", fingerprint="g")], bound=OPEN_ENDED)[0]
    assert isinstance(answer, UsageError)
    assert (answer.code, answer.http_status) == ("idempotency-key-reused", 422)


def test_keys_are_each_owners_own(store: Store) -> None:
    ann, bob = put(store, *(ask(owner=owner, idempotency_key="k") for owner in ("ann", "bob")))
    assert ann.id != bob.id
    assert [job.id for job in put(store, *(ask(owner=o, idempotency_key="k") for o in ("ann", "bob")))] == [
        ann.id,
        bob.id,
    ]


def test_without_a_key_the_same_request_is_another_job(store: Store) -> None:
    put(store, ask(), ask())
    assert len(store.jobs()) == 2


def test_a_key_is_free_again_after_a_day(store: Store, database: Database) -> None:
    first = put(store, ask(idempotency_key="k", fingerprint="f"))[0]
    for late, same in ((REMEMBERED_S - 60, True), (120.0, False)):
        with database.begin() as connection:
            connection.execute(idempotency.update().values(at=idempotency.c.at - late))
        job = put(store, ask(idempotency_key="k", fingerprint="f" if same else "g"))[0]
        assert (job.id == first.id) is same


def test_a_key_is_free_again_when_its_job_was_deleted(store: Store) -> None:
    first = put(store, ask(idempotency_key="k"))[0]
    store.remove(first.id)
    second = put(store, ask(idempotency_key="k"))[0]
    assert second.id != first.id
    store.forget(first.id)
    assert put(store, ask(idempotency_key="k"))[0].id == second.id


def test_old_keys_are_thrown_away(store: Store, database: Database) -> None:
    put(store, ask(idempotency_key="old"))
    with database.begin() as connection:
        connection.execute(idempotency.update().values(at=idempotency.c.at - REMEMBERED_S - 1))
    put(store, ask(idempotency_key="new"))
    store.prune()
    with database.read() as connection:
        assert connection.scalars(sa.select(idempotency.c.key)).all() == ["new"]


def test_a_full_line_takes_no_more_and_says_when_to_come_back(store: Store) -> None:
    put(store, ask(idempotency_key="k"), ask())
    answers = store.accept([ask(), ask(idempotency_key="k"), ask(), ask()], bound=3)
    assert codes(answers) == ["", "", "queue-full", "queue-full"]
    assert isinstance(answers[2], BusyError)
    assert answers[2].retry_after == 60.0
    assert store.counts()["jobs"]["queued"] == 3
    store.take_jobs(1)
    assert codes(store.accept([ask(), ask()], bound=3)) == ["", "queue-full"]


def test_a_line_longer_than_allowed_takes_none(store: Store) -> None:
    put(store, ask(), ask(), ask())
    assert codes(store.accept([ask()], bound=2)) == ["queue-full"]


# --- many threads, one writer ---------------------------------------------------------------------


def test_requests_of_many_threads_each_get_their_own_job(store: Store) -> None:
    accepting = Accepting(store, OPEN_ENDED)
    found: dict[str, str] = {}

    def ask_for(name: str) -> None:
        for number in range(5):
            source = f"/{name}{number}.mp4"
            found[source] = accepting.submit(ask(source)).result(30).id

    threads = [threading.Thread(target=ask_for, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accepting.close()
    assert {job.request.source: job.id for job in store.jobs()} == found
    assert len(found) == 30


def test_what_comes_during_a_write_goes_together_in_the_next(store: Store) -> None:
    slow = Slow(store)
    accepting = Accepting(slow, OPEN_ENDED)
    futures = [accepting.submit(ask())]
    assert slow.entered.wait(30)
    futures += [accepting.submit(ask()) for _ in range(TOGETHER + 6)]
    slow.sign.set()
    assert len({future.result(30).id for future in futures}) == len(futures)
    assert slow.together == [1, TOGETHER, 6]
    accepting.close()


def test_each_request_hears_of_its_own_fault(store: Store) -> None:
    accepting = Accepting(store, 2)
    answers: list[Future[JobRecord]] = [accepting.submit(ask()) for _ in range(3)]
    assert isinstance(answers[1].result(30), JobRecord)
    with pytest.raises(BusyError) as caught:
        answers[2].result(30)
    assert caught.value.code == "queue-full"
    accepting.close()


def test_a_request_that_cannot_be_written_spoils_only_itself(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow(store)
    accepting = Accepting(slow, OPEN_ENDED)
    first = accepting.submit(ask())
    assert slow.entered.wait(30)
    good, bad, fine = (accepting.submit(ask(metadata={"a": fact})) for fact in (1, float("nan"), 2))
    slow.sign.set()
    with pytest.raises(sa.exc.StatementError):
        bad.result(30)
    assert {future.result(30).id for future in (first, good, fine)} == {job.id for job in store.jobs()}
    accepting.close()
    caplog.clear()


def test_a_database_that_is_down_is_said_to_every_caller(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'nowhere' / 'a.db'}")
    accepting = Accepting(Store(database), OPEN_ENDED)
    futures = [accepting.submit(ask()) for _ in range(3)]
    for future in futures:
        with pytest.raises(BusyError) as caught:
            future.result(30)
        assert caught.value.code == "database-down"
    accepting.close()


def test_too_many_at_the_door_are_sent_away(store: Store) -> None:
    slow = Slow(store)
    accepting = Accepting(slow, OPEN_ENDED)
    futures = [accepting.submit(ask())]
    assert slow.entered.wait(30)
    futures += [accepting.submit(ask()) for _ in range(AT_THE_DOOR)]
    with pytest.raises(BusyError) as caught:
        accepting.submit(ask())
    assert caught.value.code == "accepting-busy"
    slow.sign.set()
    assert len({future.result(60).id for future in futures}) == AT_THE_DOOR + 1
    accepting.close()


def test_a_caller_that_gave_up_in_time_gets_no_job(store: Store) -> None:
    slow = Slow(store)
    accepting = Accepting(slow, OPEN_ENDED)
    first = accepting.submit(ask())
    assert slow.entered.wait(30)
    second = accepting.submit(ask())
    assert second.cancel()
    slow.sign.set()
    accepting.close()
    assert [job.id for job in store.jobs()] == [first.result().id]


def test_closing_writes_what_was_handed_in_and_takes_no_more(store: Store) -> None:
    accepting = Accepting(store, OPEN_ENDED)
    futures = [accepting.submit(ask()) for _ in range(20)]
    accepting.close()
    assert all(future.done() for future in futures)
    with pytest.raises(BusyError) as caught:
        accepting.submit(ask())
    assert caught.value.code == "stopping"
    assert len(store.jobs()) == 20


def test_what_was_acknowledged_outlives_every_kill(store: Store, store_url: str) -> None:
    killed = subprocess.run(
        [sys.executable, str(KIT), store_url, "20"], capture_output=True, text=True, timeout=60, check=True
    )
    acknowledged = {line for line in killed.stdout.split("\n")[:-1] if len(line) == 20}
    assert len(acknowledged) > 20
    known = store.heads(acknowledged)
    assert set(known) == acknowledged
    assert set(known.values()) == {1}
    assert len(store.events(next(iter(known)))) == 1
