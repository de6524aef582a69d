import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from clipmill.errors import BusyError
from clipmill.jobs import recovery
from clipmill.jobs.database import Database
from clipmill.jobs.ledger import Ledger
from clipmill.jobs.records import (
    ClipRecord,
    Fault,
    Holding,
    JobRecord,
    Outcome,
    Request,
    State,
    TaskName,
    TaskRecord,
)
from clipmill.jobs.store import Store
from clipmill.jobs.tables import clips, events, jobs, migrate, speeds, tasks
from clipmill.plan import Options
from pg_kit import Postgres

DONE = Outcome("done", worked=True)
LOST = Fault("tool-crashed", "ffmpeg crashed.")


@dataclass(frozen=True)
class Books:
    """A store with its ledger, and short ways to look into both."""

    url: str
    database: Database
    store: Store
    ledger: Ledger

    def job(self) -> str:
        """A job that is at work."""
        (record,) = self.store.accept([Request("/talk.mp4", Options())], bound=100)
        assert isinstance(record, JobRecord)
        self.store.take_jobs(100)
        return record.id

    def begin(self, task: TaskName, worker: str = "w1") -> Holding:
        begun = self.ledger.begin_task(task, worker, max_crashes=3)
        assert isinstance(begun, Holding), begun
        return begun

    def do(self, task: TaskName, outcome: Outcome = DONE) -> None:
        assert self.ledger.finish_task(self.begin(task), outcome)

    def told(self, job: str) -> list[str]:
        return [event.kind for event in self.store.events(job)]

    def last(self, job: str) -> dict[str, Any]:
        return dict(self.store.events(job)[-1].data)

    def task(self, name: TaskName) -> TaskRecord:
        return next(
            task
            for task in self.store.tasks(name.job)
            if (task.name.stage, task.name.clip) == (name.stage, name.clip)
        )

    def everything(self) -> list[Any]:
        """All rows that the ledger may write."""
        with self.database.read() as connection:
            return [
                sorted(map(str, connection.execute(sa.select(table)).all()))
                for table in (jobs, tasks, clips, events, speeds)
            ]

    def age(self, task: TaskName, seconds: float) -> None:
        """Make a running task look as if it had begun so long ago."""
        with self.database.begin() as connection:
            row = (tasks.c.job == task.job) & (tasks.c.stage == task.stage) & (tasks.c.clip == task.clip)
            connection.execute(sa.update(tasks).where(row).values(started=tasks.c.started - seconds))


@pytest.fixture(scope="module")
def postgres_books(postgres: Postgres) -> Iterator[Books]:
    """One database for all tests of this file: making one takes longer than most of them."""
    books = open_books(postgres.create_database())
    yield books
    books.database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Books]:
    """Empty books, once in each kind of database."""
    if request.param == "postgresql":
        books: Books = request.getfixturevalue("postgres_books")
        with books.database.begin() as connection:
            for table in (jobs, tasks, clips, events, speeds):
                connection.execute(table.delete())
        yield books
    else:
        books = open_books(f"sqlite:///{tmp_path / 'jobs.db'}")
        yield books
        books.database.close()


def open_books(url: str) -> Books:
    database = Database(url)
    migrate(database)
    return Books(url, database, Store(database), Ledger(database))


def first(job: str, run: int = 1) -> TaskName:
    return TaskName(job, run, "download")


def clip_of(job: str, number: int, *, moment: str = "", sha256: str = "aa") -> ClipRecord:
    moment = moment or f"m{number}"
    facts = {"title": f"Title {moment}", "score": 90.5, "sha256": sha256, "quality": {"duration": 12.5}}
    return ClipRecord(f"{job}-{moment}", job, moment, number, 1, facts, 0.0)


def encoded(books: Books, job: str, number: int, *, run: int = 1, **clip: str) -> None:
    outcome = replace(DONE, clip=clip_of(job, number, **clip))
    books.do(TaskName(job, run, "encode", number), outcome)


# --- beginning --------------------------------------------------------------------------------------


def test_a_task_that_begins_is_told_of(books: Books) -> None:
    job = books.job()
    held = books.begin(first(job))
    assert held == Holding(first(job), 1)
    assert books.last(job) == {"stage": "download", "clip": 0, "attempt": 1}
    assert books.told(job) == ["queued", "started", "stage.started"]
    assert books.store.job(job).stage == "download"
    row = books.task(first(job))
    assert (row.state, row.worker, row.attempt, row.share) == ("running", "w1", 1, 0.0)
    assert row.started is not None


@pytest.mark.parametrize("change", ["pause", "cancel", "remove"])
def test_a_task_does_not_begin_for_a_job_that_does_not_go_on(books: Books, change: str) -> None:
    job = books.job()
    getattr(books.store, change)(job)
    before = books.everything()
    assert books.ledger.begin_task(first(job), "w1", max_crashes=3) == Outcome("stopped")
    assert books.everything() == before


def test_a_task_does_not_begin_in_a_run_that_is_over_or_for_a_job_that_never_was(books: Books) -> None:
    job = books.job()
    books.store.pause(job)
    books.store.resume(job)
    books.store.take_jobs(10)
    assert books.ledger.begin_task(first(job, run=1), "w1", max_crashes=3) == Outcome("stopped")
    assert books.ledger.begin_task(first("nobody"), "w1", max_crashes=3) == Outcome("stopped")
    assert isinstance(books.ledger.begin_task(first(job, run=2), "w1", max_crashes=3), Holding)


def test_a_task_that_is_done_in_this_run_is_not_done_again(books: Books) -> None:
    job = books.job()
    books.do(first(job))
    before = books.everything()
    assert books.ledger.begin_task(first(job), "w2", max_crashes=3) == Outcome("done")
    assert books.everything() == before


def test_a_task_that_failed_in_this_run_stays_failed(books: Books) -> None:
    job = books.job()
    books.do(first(job), Outcome("failed", fault=LOST))
    assert books.ledger.begin_task(first(job), "w2", max_crashes=3) == Outcome("failed", fault=LOST)


def test_a_task_that_was_done_in_another_run_begins_again(books: Books) -> None:
    job = books.job()
    books.do(first(job))
    books.store.pause(job)
    books.store.resume(job)
    books.store.take_jobs(10)
    assert books.begin(first(job, run=2)).attempt == 2
    assert books.task(first(job)).worked == 1


def test_a_waiting_job_runs_when_a_task_begins(books: Books) -> None:
    job = books.job()
    books.do(first(job), Outcome("again", fault=LOST, delay_s=5.0))
    assert books.store.job(job).state is State.WAITING
    books.begin(first(job))
    assert books.store.job(job).state is State.RUNNING


# --- the fence --------------------------------------------------------------------------------------


def test_who_lost_a_task_can_write_nothing_at_all(books: Books) -> None:
    job = books.job()
    old = books.begin(first(job), "w1")
    new = books.begin(first(job), "w2")
    assert (old.attempt, new.attempt) == (1, 2)
    before = books.everything()
    for outcome in (DONE, Outcome("failed", fault=LOST), Outcome("again"), Outcome("stopped")):
        assert not books.ledger.finish_task(old, replace(outcome, warnings=("no-audio-stream",)))
    books.ledger.report({old: 0.5})
    assert books.ledger.hand_back("w1") == 0
    assert books.ledger.crashed("w1") == []
    assert books.everything() == before
    assert not books.ledger.holds(old)
    assert books.ledger.holds(new)
    assert books.ledger.stopping([old, new]) == {old}
    assert books.ledger.finish_task(new, DONE)


def test_who_was_taken_for_dead_can_write_nothing_even_before_the_task_begins_again(books: Books) -> None:
    job = books.job()
    held = books.begin(first(job))
    assert books.ledger.crashed("w1") == [first(job)]
    before = books.everything()
    for state in ("done", "failed", "again", "stopped"):
        assert not books.ledger.finish_task(held, Outcome(state))
    books.ledger.report({held: 0.5})
    assert books.everything() == before
    assert not books.ledger.holds(held)


def test_a_task_of_an_earlier_run_can_write_nothing(books: Books) -> None:
    job = books.job()
    held = books.begin(first(job))
    books.store.pause(job)
    assert books.ledger.holds(held)
    assert books.ledger.stopping([held]) == set()
    books.store.resume(job)
    before = books.everything()
    assert not books.ledger.finish_task(held, DONE)
    books.ledger.report({held: 0.5})
    assert books.everything() == before
    assert books.ledger.stopping([held]) == {held}


@pytest.mark.parametrize("change", ["cancel", "remove"])
def test_a_task_of_a_job_that_was_given_up_must_stop_and_tells_nothing(books: Books, change: str) -> None:
    job = books.job()
    held = books.begin(TaskName(job, 1, "encode", 1))
    getattr(books.store, change)(job)
    told = books.told(job)
    assert books.ledger.stopping([held]) == {held}
    books.ledger.report({held: 0.5})
    assert books.ledger.finish_task(held, Outcome("again", delay_s=1.0))
    assert books.told(job) == told
    assert books.task(held.task).state == "stopped"


def test_the_end_of_a_task_changes_nothing_of_a_job_that_was_given_up(books: Books) -> None:
    job = books.job()
    held = books.begin(TaskName(job, 1, "encode", 1))
    books.age(held.task, 100.0)
    books.store.cancel(job)
    before = books.everything()
    assert books.ledger.finish_task(held, replace(DONE, clip=clip_of(job, 1), warnings=("low",)))
    assert books.task(held.task).state == "done"
    after = books.everything()
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True, True, True]


def test_a_task_that_ends_with_its_job_paused_is_kept(books: Books) -> None:
    job = books.job()
    held = books.begin(TaskName(job, 1, "encode", 1))
    books.store.pause(job)
    assert books.ledger.finish_task(held, replace(DONE, clip=clip_of(job, 1)))
    assert books.told(job)[-2:] == ["stage.done", "clip.ready"]
    record = books.store.job(job)
    assert (record.state, record.clips_ready, record.eta_s) == (State.PAUSED, 1, None)


def test_the_same_end_told_twice_is_kept_once(books: Books) -> None:
    job = books.job()
    ends = (DONE, Outcome("failed", fault=LOST), Outcome("again", delay_s=1.0))
    for clip, outcome in enumerate(ends, 1):
        held = books.begin(TaskName(job, 1, "encode", clip))
        assert books.ledger.finish_task(held, outcome)
        before = books.everything()
        assert books.ledger.finish_task(held, outcome)
        assert not books.ledger.finish_task(held, Outcome("stopped"))
        assert books.everything() == before


# --- ending -----------------------------------------------------------------------------------------


def test_a_done_task_is_told_of_with_how_far_the_job_is(books: Books) -> None:
    job = books.job()
    held = books.begin(first(job))
    books.age(first(job), 20.0)
    books.ledger.finish_task(held, DONE)
    last = books.last(job)
    assert books.told(job)[-1] == "stage.done"
    assert {name: last[name] for name in ("stage", "clip", "worked")} == {
        "stage": "download",
        "clip": 0,
        "worked": True,
    }
    assert last["progress"] == books.store.job(job).progress > 0
    row = books.task(first(job))
    assert (row.state, row.share, row.worked, row.worker) == ("done", 1.0, 1, "")


def test_a_task_that_found_its_work_done_does_not_count_as_worked(books: Books) -> None:
    job = books.job()
    books.do(first(job), Outcome("done", worked=False))
    assert books.task(first(job)).worked == 0
    assert books.last(job)["worked"] is False


def test_a_failed_task_says_why(books: Books) -> None:
    job = books.job()
    books.do(first(job), Outcome("failed", fault=LOST))
    error = {"code": LOST.code, "message": LOST.message}
    assert books.told(job)[-1] == "stage.failed"
    assert books.last(job) == {"stage": "download", "clip": 0, "error": error}
    assert books.task(first(job)).fault == LOST
    assert books.store.job(job).state is State.RUNNING


def test_a_task_that_is_tried_again_makes_its_job_wait(books: Books) -> None:
    job = books.job()
    books.do(first(job), Outcome("again", fault=LOST, delay_s=20.0))
    record = books.store.job(job)
    assert record.state is State.WAITING
    assert record.eta_s is not None
    assert record.eta_s > 20
    assert books.told(job)[-1] == "waiting"
    assert books.last(job)["seconds"] == 20.0
    assert books.last(job)["error"]["code"] == LOST.code
    assert books.task(first(job)).state == "queued"
    assert books.begin(first(job)).attempt == 2
    assert books.task(first(job)).fault is None


def test_a_warning_is_told_once_in_the_life_of_a_job(books: Books) -> None:
    job = books.job()
    books.do(first(job), replace(DONE, warnings=("no-audio-stream", "low", "low")))
    books.do(TaskName(job, 1, "score"), replace(DONE, warnings=("low", "font-missing-letters")))
    assert books.store.job(job).warnings == ("no-audio-stream", "low", "font-missing-letters")
    codes = [event.data["code"] for event in books.store.events(job) if event.kind == "warning"]
    assert codes == ["no-audio-stream", "low", "font-missing-letters"]


# --- clips ------------------------------------------------------------------------------------------


def test_a_finished_clip_is_told_of(books: Books) -> None:
    job = books.job()
    encoded(books, job, 2)
    assert books.told(job)[-2:] == ["stage.done", "clip.ready"]
    assert books.last(job) == {
        "clip": f"{job}-m2",
        "number": 2,
        "moment": "m2",
        "revision": 1,
        "title": "Title m2",
        "score": 90.5,
        "duration": 12.5,
    }
    (clip,) = books.store.clips(job)
    assert (clip.id, clip.number, clip.revision, clip.facts["sha256"]) == (f"{job}-m2", 2, 1, "aa")
    assert clip.made > 0
    assert books.store.job(job).clips_ready == 1


def again(books: Books, job: str) -> int:
    """Have a job in its next run; its number."""
    books.store.pause(job)
    books.store.resume(job)
    books.store.take_jobs(10)
    return books.store.job(job).run


def test_a_clip_that_is_found_done_is_not_told_of_again(books: Books) -> None:
    job = books.job()
    encoded(books, job, 1)
    before = books.store.clips(job)
    run = again(books, job)
    found = Outcome("done", worked=False, clip=clip_of(job, 1))
    books.do(TaskName(job, run, "encode", 1), found)
    assert books.told(job)[-1] == "stage.done"
    assert books.told(job).count("clip.ready") == 1
    assert books.store.clips(job) == before


def test_a_clip_rendered_anew_keeps_its_id_and_gets_a_revision(books: Books) -> None:
    job = books.job()
    encoded(books, job, 1)
    encoded(books, job, 1, run=again(books, job), sha256="bb")
    (clip,) = books.store.clips(job)
    assert (clip.id, clip.revision) == (f"{job}-m1", 2)
    assert books.told(job).count("clip.ready") == 2
    assert books.store.job(job).clips_ready == 1


def test_a_clip_that_only_moves_to_another_place_is_told_of_but_not_revised(books: Books) -> None:
    job = books.job()
    encoded(books, job, 1, moment="a")
    (before,) = books.store.clips(job)
    encoded(books, job, 2, run=again(books, job), moment="a")
    assert books.store.clips(job) == [replace(before, number=2)]
    assert (books.last(job)["number"], books.last(job)["revision"]) == (2, 1)


def test_clips_that_change_places_keep_their_ids_and_never_count_back(books: Books) -> None:
    job = books.job()
    encoded(books, job, 1, moment="a")
    encoded(books, job, 2, moment="b")
    run = again(books, job)
    encoded(books, job, 1, run=run, moment="b", sha256="bb")
    assert [clip.moment for clip in books.store.clips(job)] == ["b"]
    assert books.store.job(job).clips_ready == 1
    encoded(books, job, 2, run=run, moment="a", sha256="cc")
    shown = [(clip.id, clip.number, clip.revision) for clip in books.store.clips(job)]
    assert shown == [(f"{job}-b", 1, 2), (f"{job}-a", 2, 2)]


def test_a_plan_with_fewer_clips_takes_the_others_away(books: Books) -> None:
    job = books.job()
    for number in (1, 2, 3):
        encoded(books, job, number)
    run = again(books, job)
    books.ledger.expect({TaskName(job, run, "encode", 1): 30.0}, 1)
    assert [clip.number for clip in books.store.clips(job)] == [1]
    record = books.store.job(job)
    assert (record.clips_ready, record.clips_expected) == (1, 1)
    assert [task.name.clip for task in books.store.tasks(job)] == [1]


# --- how far ----------------------------------------------------------------------------------------


def test_expected_tasks_are_known_before_they_begin(books: Books) -> None:
    job = books.job()
    names = {TaskName(job, 1, "encode", number): 30.0 for number in (1, 2)}
    books.ledger.expect(names, 2)
    assert [(task.name, task.state, task.weight_s) for task in books.store.tasks(job)] == [
        (name, "queued", 30.0) for name in names
    ]
    assert books.store.job(job).clips_expected == 2
    before = books.everything()
    books.ledger.expect(names, 2)
    books.ledger.expect({TaskName(job, 2, "encode", 3): 30.0}, 3)
    books.ledger.expect({}, 4)
    assert books.everything() == before


def test_shares_become_the_progress_of_the_job(books: Books) -> None:
    job = books.job()
    for stage in ("download", "transcribe", "score"):
        books.do(TaskName(job, 1, stage))
    one, two = TaskName(job, 1, "encode", 1), TaskName(job, 1, "encode", 2)
    books.ledger.expect({one: 60.0, two: 60.0}, 2)
    held = books.begin(one)
    books.ledger.report({held: 0.25, books.begin(two): 0.5})
    shown = [event.data for event in books.store.events(job) if event.kind == "progress"][-2:]
    assert [(data["clip"], data["share"]) for data in shown] == [(1, 0.25), (2, 0.5)]
    record = books.store.job(job)
    assert shown[-1]["progress"] == record.progress
    assert shown[-1]["eta_s"] == record.eta_s
    assert 0 < record.progress < 1


def test_small_steps_are_not_told(books: Books) -> None:
    job = books.job()
    held = books.begin(first(job))
    before = books.everything()
    for share in (0.0, 0.001, -1.0, float("nan")):
        books.ledger.report({held: share})
    books.ledger.report({})
    assert books.everything() == before
    for step in range(100):
        books.ledger.report({held: step / 1000})
    assert 15 <= books.told(job).count("progress") <= 20


def test_a_share_never_falls_and_never_passes_one(books: Books) -> None:
    job = books.job()
    held = books.begin(first(job))
    books.ledger.report({held: 0.5})
    books.ledger.report({held: 0.2})
    assert books.task(held.task).share == 0.5
    books.ledger.report({held: 7.0})
    assert books.task(held.task).share == 1.0


def test_progress_never_goes_back_within_a_run(books: Books) -> None:
    job = books.job()
    seen = [0.0]

    def look() -> None:
        seen.append(books.store.job(job).progress)

    for stage in ("download", "transcribe", "score"):
        held = books.begin(TaskName(job, 1, stage))
        for share in (0.2, 0.6, 0.99):
            books.ledger.report({held: share})
            look()
        assert books.ledger.finish_task(held, DONE)
        look()
        books.ledger.expect({TaskName(job, 1, "transcribe"): 900.0, TaskName(job, 1, "score"): 1.0}, None)
        look()
    books.ledger.expect({TaskName(job, 1, "encode", number): 500.0 for number in range(1, 9)}, 8)
    look()
    for number in range(1, 9):
        encoded(books, job, number)
        look()
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert books.store.job(job).eta_s == 0.0


def test_progress_goes_back_when_work_is_truly_done_again(books: Books) -> None:
    job = books.job()
    books.do(first(job))
    books.ledger.expect({TaskName(job, 1, "transcribe"): 1000.0}, None)
    books.ledger.report({books.begin(TaskName(job, 1, "transcribe")): 0.9})
    before = books.store.job(job).progress
    books.ledger.crashed("w1")
    assert books.store.job(job).progress == before
    books.begin(TaskName(job, 1, "transcribe"))
    assert books.store.job(job).progress < before / 2


def test_clips_are_expected_to_be_rendered_side_by_side(books: Books) -> None:
    job = books.job()
    for stage in ("download", "transcribe", "score"):
        books.do(TaskName(job, 1, stage))
    books.ledger.expect({TaskName(job, 1, "encode", number): 100.0 for number in range(1, 5)}, 4)
    assert books.store.job(job).eta_s == pytest.approx(200.0)
    lone = Ledger(books.database, lanes=1)
    lone.expect({TaskName(job, 1, "encode", number): 50.0 for number in range(1, 5)}, 4)
    assert books.store.job(job).eta_s == pytest.approx(200.0)


def test_speeds_are_learned_from_tasks_that_worked(books: Books) -> None:
    usual = books.ledger.seconds("encode", 10.0)
    for turn in range(4):
        job = books.job()
        task = TaskName(job, 1, "encode", 1)
        books.ledger.expect({task: books.ledger.seconds("encode", 20.0)}, 1)
        held = books.begin(task)
        books.age(task, 100.0)
        assert books.ledger.finish_task(held, replace(DONE, worked=turn > 0))
        if turn == 0:
            assert books.ledger.seconds("encode", 10.0) == usual
    assert books.ledger.seconds("encode", 10.0) == pytest.approx(50.0, rel=0.02)


def test_speeds_of_clips_expected_together_do_not_add_up(books: Books) -> None:
    job = books.job()
    tasks_of = [TaskName(job, 1, "encode", number) for number in range(1, 9)]
    books.ledger.expect({task: books.ledger.seconds("encode", 20.0) for task in tasks_of}, 8)
    for task in tasks_of:
        held = books.begin(task)
        books.age(task, 100.0)
        books.ledger.finish_task(held, DONE)
    assert books.ledger.seconds("encode", 20.0) == pytest.approx(100.0, rel=0.02)


# --- workers that end -------------------------------------------------------------------------------


def test_a_crash_counts_against_what_its_worker_held_once(books: Books) -> None:
    one, two = books.job(), books.job()
    books.begin(first(one), "w1")
    books.begin(first(two), "w1")
    books.begin(TaskName(two, 1, "encode", 1), "w2")
    assert sorted(task.job for task in books.ledger.crashed("w1")) == sorted((one, two))
    assert books.ledger.crashed("w1") == []
    for job in (one, two):
        row = books.task(first(job))
        assert (row.state, row.crashes, row.worker) == ("queued", 1, "")
        assert books.told(job).count("worker.lost") == 1
    assert books.task(TaskName(two, 1, "encode", 1)).state == "running"
    assert books.last(one) == {"stage": "download", "clip": 0, "crashes": 1}


def test_a_worker_that_ends_in_good_order_gives_back_without_a_crash(books: Books) -> None:
    job = books.job()
    books.begin(first(job))
    told = books.told(job)
    assert books.ledger.hand_back("w1") == 1
    assert books.ledger.hand_back("w1") == 0
    row = books.task(first(job))
    assert (row.state, row.crashes) == ("queued", 0)
    assert books.told(job) == told
    assert books.begin(first(job), "w2").attempt == 2


def test_a_crash_tells_nothing_of_a_job_that_was_given_up(books: Books) -> None:
    job = books.job()
    books.begin(first(job))
    books.store.cancel(job)
    told = books.told(job)
    assert books.ledger.crashed("w1") == [first(job)]
    assert books.told(job) == told
    assert books.task(first(job)).state == "stopped"


def test_a_task_that_ends_its_workers_is_poison(books: Books) -> None:
    job = books.job()
    for number in (1, 2, 3):
        books.begin(first(job), f"w{number}")
        books.ledger.crashed(f"w{number}")
    fault = None
    for _ in range(2):
        outcome = books.ledger.begin_task(first(job), "w4", max_crashes=3)
        assert isinstance(outcome, Outcome)
        fault = outcome.fault
        assert (outcome.state, fault and fault.code) == ("failed", "poison")
    assert books.told(job).count("stage.failed") == 1
    assert books.task(first(job)).fault == fault
    assert books.last(job)["error"]["code"] == "poison"


def test_who_died_with_a_poison_task_only_in_company_is_not_given_up(books: Books) -> None:
    good, bad = first(books.job()), first(books.job())
    for number in range(3):
        for task in (good, bad):
            books.begin(task, f"w{number}")
        books.ledger.crashed(f"w{number}")
    for task in (good, bad):
        assert books.task(task).crashes == 3
        assert books.ledger.is_suspect(task, max_crashes=3)
        assert not books.ledger.is_suspect(task, max_crashes=4)
    for number in range(3, 6):
        books.begin(bad, f"w{number}")
        books.ledger.crashed(f"w{number}")
    outcome = books.ledger.begin_task(bad, "w6", max_crashes=3)
    assert isinstance(outcome, Outcome)
    assert outcome.fault
    assert outcome.fault.code == "poison"
    assert books.ledger.finish_task(books.begin(good, "w6"), DONE)


def test_an_heir_that_dies_leaves_its_own_heir_to_know_that_there_was_company(books: Books) -> None:
    worker = recovery.myself()
    recovery.enrol(books.database, worker, stages=("download",), version="1")
    tasks_held = sorted((first(books.job()), first(books.job())), key=lambda task: task.job)
    for task in tasks_held:
        books.begin(task, worker.id)
    with pytest.MonkeyPatch.context() as patch:
        let_go = books.ledger._let_go
        patch.setattr(
            books.ledger, "_let_go", lambda held, **how: held.task == tasks_held[0] and let_go(held, **how)
        )
        assert books.ledger.crashed(worker.id) == tasks_held[:1]
    assert books.ledger.crashed(worker.id) == tasks_held[1:]
    with books.database.read() as connection:
        assert set(connection.scalars(sa.select(tasks.c.lone_crashes))) == {0}


def test_a_person_who_asks_again_gives_poison_another_chance(books: Books) -> None:
    job = books.job()
    for number in (1, 2, 3):
        books.begin(first(job), f"w{number}")
        books.ledger.crashed(f"w{number}")
    books.ledger.begin_task(first(job), "w4", max_crashes=3)
    books.store.close_job(job, 1)
    books.store.retry(job)
    books.store.take_jobs(10)
    assert isinstance(books.ledger.begin_task(first(job, run=2), "w5", max_crashes=3), Holding)


# --- many at once -----------------------------------------------------------------------------------


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """The results of calls that start at the same moment in threads of their own."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_many_that_begin_a_task_each_gets_an_attempt_of_its_own(books: Books) -> None:
    job = books.job()
    held = at_once(*(partial(books.begin, first(job), f"w{n}") for n in range(8)))
    assert sorted(holding.attempt for holding in held) == list(range(1, 9))
    ended = at_once(*(partial(books.ledger.finish_task, h, DONE) for h in held))
    assert [holding.attempt for holding, kept in zip(held, ended, strict=True) if kept] == [8]
    assert books.told(job).count("stage.done") == 1
    assert numbers(books, job) == list(range(1, 12))


def test_a_task_that_begins_again_while_it_ends_has_one_end(books: Books) -> None:
    for _ in range(10):
        job = books.job()
        held = books.begin(first(job))
        kept, begun = at_once(
            partial(books.ledger.finish_task, held, DONE),
            partial(books.ledger.begin_task, first(job), "w2", max_crashes=3),
        )
        assert kept == (begun == Outcome("done"))
        assert kept != isinstance(begun, Holding)
        assert books.told(job).count("stage.done") == int(kept)


def test_a_worker_taken_for_dead_as_it_ends_a_task_either_ended_it_or_lost_it(books: Books) -> None:
    for _ in range(10):
        job = books.job()
        held = books.begin(first(job))
        kept, lost = at_once(
            partial(books.ledger.finish_task, held, DONE), partial(books.ledger.crashed, "w1")
        )
        assert kept == (lost == [])
        assert books.told(job).count("stage.done") == int(kept)
        assert books.told(job).count("worker.lost") == int(not kept)


def test_events_of_a_job_have_no_gaps_however_many_write_at_once(books: Books) -> None:
    job = books.job()

    def work(number: int) -> None:
        task = TaskName(job, 1, "encode", number)
        held = books.begin(task, f"w{number}")
        for step in range(1, 6):
            books.ledger.report({held: step / 6})
        clip = clip_of(job, number)
        books.ledger.finish_task(held, replace(DONE, clip=clip, warnings=("low", f"warning-{number}")))

    at_once(*(partial(work, n) for n in range(1, 9)))
    assert numbers(books, job) == list(range(1, books.store.job(job).last_event + 1))
    told = Counter(books.told(job))
    assert (told["stage.started"], told["progress"], told["stage.done"]) == (8, 40, 8)
    assert (told["clip.ready"], told["warning"]) == (8, 9)
    assert books.store.job(job).clips_ready == 8


def test_writers_of_several_jobs_never_wait_for_each_other_in_a_ring(books: Books) -> None:
    made = [books.job() for _ in range(4)]
    held = {job: books.begin(TaskName(job, 1, "encode", 1), "w1") for job in made}
    also = {job: books.begin(TaskName(job, 1, "encode", 2), "w2") for job in made}

    def tell(hands: dict[str, Holding], order: list[str]) -> None:
        for step in range(1, 11):
            books.ledger.report({hands[job]: step / 11 for job in order})

    at_once(lambda: tell(held, made), lambda: tell(also, made[::-1]), partial(books.ledger.crashed, "w3"))
    for job in made:
        assert books.told(job).count("progress") == 20
        assert numbers(books, job) == list(range(1, books.store.job(job).last_event + 1))


def numbers(books: Books, job: str) -> list[int]:
    return [event.number for event in books.store.events(job, limit=10_000)]


WRITER = """
import json, sys
from clipmill.errors import BusyError
from clipmill.jobs.database import Database
from clipmill.jobs.ledger import Ledger
from clipmill.jobs.records import Holding, Outcome, TaskName
url, job, me = sys.argv[1:]
ledger = Ledger(Database(url))
print("ready", flush=True)
for clip in range(1, 1000):
    begun = ledger.begin_task(TaskName(job, 1, "encode", clip), me, max_crashes=1000)
    if not isinstance(begun, Holding):
        continue
    ledger.report({begun: 0.5})
    if ledger.finish_task(begun, Outcome("done", worked=True)):
        print(clip, flush=True)
"""


def test_writers_killed_at_any_moment_leave_whole_books(books: Books) -> None:
    job = books.job()
    command = (sys.executable, "-c", WRITER, books.url, job)
    writers = [
        subprocess.Popen((*command, f"w{number}"), stdout=subprocess.PIPE, text=True) for number in range(3)
    ]
    said: dict[int, list[str]] = {}
    for number, writer in enumerate(writers):
        assert writer.stdout is not None
        said[number] = [writer.stdout.readline() for _ in range(3 + 2 * number)]
        os.kill(writer.pid, signal.SIGKILL)
        said[number] += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
    for number in range(3):
        books.ledger.crashed(f"w{number}")
    claimed = {int(line) for lines in said.values() for line in lines[1:] if line.endswith("\n")}
    done = [
        event.data["clip"] for event in books.store.events(job, limit=10_000) if event.kind == "stage.done"
    ]
    assert len(done) == len(set(done))
    assert claimed <= set(done)
    assert numbers(books, job) == list(range(1, books.store.job(job).last_event + 1))
    assert json.dumps([task.state for task in books.store.tasks(job)]).count("running") == 0
    assert all(task.worked == 1 for task in books.store.tasks(job) if task.state == "done")


@pytest.mark.usefixtures("postgres_url")
def test_a_database_that_goes_away_and_comes_back_has_lost_nothing() -> None:
    with Postgres() as server:
        books = open_books(server.create_database())
        job = books.job()
        held = books.begin(first(job))
        books.ledger.report({held: 0.5})
        before = books.everything()
        server.stop()
        for call in (
            partial(books.ledger.finish_task, held, DONE),
            partial(books.ledger.report, {held: 0.6}),
            partial(books.ledger.holds, held),
        ):
            with pytest.raises(BusyError) as caught:
                call()
            assert caught.value.code == "database-down"
        server.start()
        assert books.everything() == before
        assert books.ledger.finish_task(held, DONE)
        assert numbers(books, job) == list(range(1, 6))
        books.database.close()
