"""The jobs and what people ask of them, on both kinds of database."""

import threading

import pytest
import sqlalchemy as sa

from clipmill.errors import ClipmillError, StateError, UnknownError
from clipmill.jobs.database import Database
from clipmill.jobs.records import Fault, JobRecord, State
from clipmill.jobs.store import HANDING_S, Store
from clipmill.jobs.tables import METADATA, clips, events, jobs, tasks, workers
from clipmill.plan import Options
from store_kit import age, ask, put, put_tasks, wait

DONE = {("download", 0): "done", ("transcribe", 0): "done", ("score", 0): "done"}


def begin(store: Store) -> JobRecord:
    """A job at work, its workflow started."""
    job = put(store)[0]
    store.take_jobs(100)
    store.handed(job.id, job.run)
    return store.job(job.id)


def end(store: Store, database: Database, encodes: str) -> JobRecord:
    """A job whose clips ended as the letters say: d(one), f(ailed)."""
    job = begin(store)
    names = {"d": "done", "f": "failed"}
    states = {("encode", clip): names[letter] for clip, letter in enumerate(encodes, 1)}
    put_tasks(database, job.id, job.run, {**DONE, **states})
    return store.close_job(job.id, job.run)


def kinds(store: Store, job: str) -> list[str]:
    return [event.kind for event in store.events(job)]


def keep_clip(database: Database, job: str, number: int) -> str:
    with database.begin() as connection:
        row = {"id": f"{job}-{number}", "job": job, "moment": f"m{number}", "number": number, "revision": 1}
        connection.execute(clips.insert().values(**row, facts={"title": "Ü"}, made=database.now))
    return f"{job}-{number}"


# --- looking --------------------------------------------------------------------------------------


def test_a_job_is_what_was_asked_for(store: Store) -> None:
    options = Options(count=3, style="pop", language="de")
    asked = ask("/a talk \udcff\0.mp4", owner="ann", priority=2, metadata={"für": ["x", None, 1.5]})
    job = put(store, asked.__class__(asked.source, options, "ann", 2, asked.metadata))[0]
    assert job == store.job(job.id)
    assert (job.request.source, job.request.options, job.request.owner) == (asked.source, options, "ann")
    assert job.request.metadata == {"für": ["x", None, 1.5]}
    assert (job.state, job.run, job.last_event, job.progress) == (State.QUEUED, 1, 1, 0.0)


def test_a_job_that_is_not_there_is_unknown(store: Store) -> None:
    for act in (store.job, store.cancel, store.pause, store.resume, store.retry, store.remove):
        with pytest.raises(UnknownError) as caught:
            act("nobody")
        assert caught.value.code == "job-unknown"


def test_a_job_of_another_owner_is_unknown_to_this_one(store: Store) -> None:
    job = put(store, ask(owner="ann"))[0]
    assert store.job(job.id, owner="ann").id == job.id
    with pytest.raises(UnknownError):
        store.job(job.id, owner="bob")


def test_lists_go_from_new_to_old_page_by_page(store: Store) -> None:
    ids = [job.id for job in put(store, *(ask(owner="ab"[n % 2]) for n in range(7)))]
    first = store.jobs(limit=3)
    second = store.jobs(limit=3, before=first[-1].seq)
    third = store.jobs(limit=3, before=second[-1].seq)
    assert [job.id for job in (*first, *second, *third)] == ids[::-1]
    assert [job.id for job in store.jobs(owner="a")] == ids[::-1][::2]


def test_lists_can_be_of_one_state(store: Store) -> None:
    ids = [job.id for job in put(store, ask(), ask(), ask())]
    store.cancel(ids[1])
    assert [job.id for job in store.jobs(state=State.CANCELLED)] == [ids[1]]
    assert [job.id for job in store.jobs(state=State.QUEUED)] == [ids[2], ids[0]]


def test_events_go_on_from_any_number(store: Store) -> None:
    job = begin(store)
    store.pause(job.id)
    store.resume(job.id)
    assert kinds(store, job.id) == ["queued", "started", "paused", "resumed"]
    assert [event.number for event in store.events(job.id, after=2)] == [3, 4]
    assert [event.number for event in store.events(job.id, after=1, limit=2)] == [2, 3]
    assert store.heads([job.id, "nobody"]) == {job.id: 4}
    assert store.heads([]) == {}


def test_times_of_events_run_forward(store: Store) -> None:
    job = begin(store)
    store.cancel(job.id)
    times = [event.at for event in store.events(job.id)]
    assert times == sorted(times)
    record = store.job(job.id)
    assert record.started is not None
    assert record.ended is not None
    assert record.created <= record.started <= record.ended


def test_clips_are_listed_by_number_and_found_by_name(store: Store, database: Database) -> None:
    job = begin(store)
    names = [keep_clip(database, job.id, number) for number in (2, 1)]
    assert [clip.id for clip in store.clips(job.id)] == names[::-1]
    clip = store.clip(names[0])
    assert (clip.number, clip.facts) == (2, {"title": "Ü"})
    with pytest.raises(UnknownError) as caught:
        store.clip("nobody")
    assert caught.value.code == "clip-unknown"


def test_tasks_are_listed_in_the_order_of_the_work(store: Store, database: Database) -> None:
    job = begin(store)
    put_tasks(database, job.id, 1, {("encode", 10): "queued", ("encode", 2): "failed", **DONE})
    found = store.tasks(job.id)
    assert [(task.name.stage, task.name.clip) for task in found] == [*DONE, ("encode", 2), ("encode", 10)]
    assert found[3].fault == Fault("fault-encode-2", "")


def test_counts_name_every_state_and_stage(store: Store, database: Database) -> None:
    job = begin(store)
    put(store, ask(), ask())
    put_tasks(database, job.id, 1, {("download", 0): "done", ("encode", 1): "done", ("encode", 2): "done"})
    with database.begin() as connection:
        for name, late in (("new", 1), ("old", 100)):
            row = {"id": name, "host": "h", "pid": 1, "born": 1, "stages": "", "version": "1"}
            connection.execute(workers.insert().values(**row, beat=database.now - late))
    found = store.counts()
    assert (found["jobs"]["queued"], found["jobs"]["running"], found["jobs"]["failed"]) == (2, 1, 0)
    assert found["tasks"] == {"download": {"done": 1}, "transcribe": {}, "score": {}, "encode": {"done": 2}}
    assert (found["workers"], found["crashes"]) == (1, 3)


def test_a_secret_is_made_once_for_all(store: Store, store_url: str) -> None:
    other = Database(store_url)
    found: list[bytes] = []
    asked = [
        threading.Thread(target=lambda it=it: found.append(it.secret("links")))
        for it in (store, Store(other))
    ]
    for thread in asked:
        thread.start()
    for thread in asked:
        thread.join()
    assert len(set(found)) == 1
    assert len(found[0]) == 32
    assert store.secret("more") != found[0]
    other.close()


# --- asking for a change --------------------------------------------------------------------------


def test_a_cancelled_job_has_ended(store: Store) -> None:
    for job in (put(store)[0], begin(store)):
        record = store.cancel(job.id)
        assert (record.state, record.eta_s) == (State.CANCELLED, None)
        assert record.ended is not None
        assert kinds(store, job.id)[-1] == "cancelled"


def test_what_has_ended_cannot_be_cancelled_or_paused(store: Store, database: Database) -> None:
    job = end(store, database, "d")
    for act in (store.cancel, store.pause, store.resume, store.retry):
        with pytest.raises(StateError, match="succeeded") as caught:
            act(job.id)
        assert caught.value.code == "job-state"
    assert store.job(job.id) == job


def test_a_paused_job_goes_back_in_line_in_another_run(store: Store) -> None:
    job = begin(store)
    assert store.pause(job.id).state == State.PAUSED
    with pytest.raises(StateError):
        store.pause(job.id)
    record = store.resume(job.id)
    assert (record.state, record.run, record.started) == (State.QUEUED, 2, None)
    assert store.take_jobs(1) == [(job.id, 2)]


def test_a_retry_forgets_fault_and_crashes_and_keeps_the_place(store: Store, database: Database) -> None:
    job = end(store, database, "fd")
    assert job.fault is not None
    younger = put(store)[0]
    record = store.retry(job.id)
    assert (record.state, record.fault, record.ended, record.progress) == (State.QUEUED, None, None, 0.0)
    assert [task.crashes for task in store.tasks(job.id)] == [0] * 5
    assert store.take_jobs(1) == [(job.id, 2)]
    assert store.position(younger.id) == 1


def test_a_changed_plan_is_rendered_with_its_options(store: Store, database: Database) -> None:
    job = end(store, database, "dd")
    record = store.rerun(job.id, Options(style="clean"))
    assert (record.state, record.run, record.request.options.style) == (State.QUEUED, 2, "clean")
    assert kinds(store, job.id)[-1] == "queued"


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_plan_is_not_changed_under_running_work(store: Store, state: str) -> None:
    job = put(store)[0] if state == "queued" else begin(store)
    with pytest.raises(StateError, match=state):
        store.rerun(job.id, Options())


def test_a_paused_job_can_be_rendered_with_a_changed_plan(store: Store) -> None:
    job = begin(store)
    store.pause(job.id)
    assert store.rerun(job.id, Options(style="pop")).state == State.QUEUED


def test_what_was_cancelled_before_it_had_a_plan_has_none_to_change(store: Store, database: Database) -> None:
    early, late = begin(store), begin(store)
    put_tasks(database, early.id, 1, {("download", 0): "done"})
    put_tasks(database, late.id, 1, DONE)
    store.cancel(early.id)
    store.cancel(late.id)
    with pytest.raises(StateError):
        store.rerun(early.id, Options())
    assert store.rerun(late.id, Options()).state == State.QUEUED


# --- a run's course -------------------------------------------------------------------------------


def test_who_takes_a_job_has_time_to_start_it_before_others_do(store: Store, database: Database) -> None:
    taken, started = put(store, ask(), ask())
    store.take_jobs(2)
    store.handed(started.id, 1)
    assert store.unhanded() == []
    age(database, jobs.c.started, HANDING_S + 1)
    assert store.unhanded() == [(taken.id, 1)]
    store.unhand(started.id, 1)
    assert store.unhanded() == [(taken.id, 1), (started.id, 1)]
    store.unhand(taken.id, 7)
    store.handed(taken.id, 7)
    assert store.unhanded() == [(taken.id, 1), (started.id, 1)]
    assert store.active() == [(taken.id, 1), (started.id, 1)]


def test_a_job_that_waits_is_still_at_work(store: Store, database: Database) -> None:
    job = begin(store)
    wait(database, job.id, 1)
    assert store.job(job.id).state == State.WAITING
    assert store.active() == [(job.id, 1)]


@pytest.mark.parametrize(
    ("encodes", "state", "fault"),
    [
        ("d", State.SUCCEEDED, None),
        ("ddd", State.SUCCEEDED, None),
        ("dfdf", State.PARTIAL, "fault-encode-2"),
        ("ff", State.FAILED, "fault-encode-1"),
        ("", State.FAILED, "unfinished"),
    ],
)
def test_a_run_ends_as_its_clips_did(
    store: Store, database: Database, encodes: str, state: State, fault: str | None
) -> None:
    job = end(store, database, encodes)
    assert (job.state, job.fault and job.fault.code) == (state, fault)
    assert job.ended is not None
    last = store.events(job.id)[-1]
    assert last.kind == state
    assert last.data.get("error", {}).get("code") == fault
    assert store.close_job(job.id, job.run) == job


def test_the_fault_of_the_earliest_stage_is_told(store: Store, database: Database) -> None:
    job = begin(store)
    put_tasks(database, job.id, 1, {("score", 0): "failed", ("transcribe", 0): "failed"})
    fault = store.close_job(job.id, 1).fault
    assert fault is not None
    assert fault.code == "fault-transcribe-0"


def test_tasks_of_an_earlier_run_say_nothing_about_this_one(store: Store, database: Database) -> None:
    job = end(store, database, "df")
    store.retry(job.id)
    store.take_jobs(1)
    assert store.close_job(job.id, 1).state == State.RUNNING
    assert store.close_job(job.id, 2).state == State.FAILED


@pytest.mark.parametrize("act", ["pause", "cancel"])
def test_a_run_that_ends_leaves_a_paused_or_cancelled_job_alone(
    store: Store, database: Database, act: str
) -> None:
    job = begin(store)
    put_tasks(database, job.id, 1, {**DONE, ("encode", 1): "done"})
    before = getattr(store, act)(job.id)
    assert store.close_job(job.id, 1) == before


def test_a_run_that_cannot_go_on_says_why_and_keeps_its_clips(store: Store, database: Database) -> None:
    fault = Fault("internal-error", "A fault \udcff in clipmill.")
    bare, rich = begin(store), begin(store)
    put_tasks(database, rich.id, 1, {("encode", 1): "done", ("encode", 2): "running"})
    assert store.fail(bare.id, 1, fault).state == State.FAILED
    record = store.fail(rich.id, 1, fault)
    assert record.state == State.PARTIAL
    assert record.fault == Fault("internal-error", "A fault \\udcff in clipmill.")


# --- removing -------------------------------------------------------------------------------------


def test_a_removed_job_is_gone_for_everybody_at_once(store: Store, database: Database) -> None:
    job = begin(store)
    clip = keep_clip(database, job.id, 1)
    store.remove(job.id)
    assert store.jobs() == []
    for act in (lambda: store.job(job.id), lambda: store.clip(clip), lambda: store.retry(job.id)):
        with pytest.raises(UnknownError):
            act()
    assert kinds(store, job.id)[-1] == "cancelled"
    assert store.counts()["jobs"]["cancelled"] == 0
    assert store.active() == []


def test_what_a_job_left_stays_while_one_of_its_tasks_runs(store: Store, database: Database) -> None:
    job = begin(store)
    put_tasks(database, job.id, 1, {("download", 0): "running"})
    store.remove(job.id)
    assert store.removable() == []
    put_tasks(database, job.id, 1, {("download", 0): "stopped"})
    assert store.removable() == [job.id]


def test_a_forgotten_job_leaves_nothing(store: Store, database: Database) -> None:
    kept = put(store, ask(owner="b", idempotency_key="k"))[0]
    job = put(store, ask(owner="a", idempotency_key="k"))[0]
    keep_clip(database, job.id, 1)
    put_tasks(database, job.id, 1, DONE)
    store.forget(job.id)
    assert store.job(job.id).state == State.QUEUED
    store.remove(job.id)
    store.forget(job.id)
    with database.read() as connection:
        for name, column in (("jobs", "id"), ("idempotency", "job"), ("events", "job"), ("clips", "job")):
            table = METADATA.tables[name]
            left = connection.scalars(sa.select(table.c[column])).all()
            assert job.id not in left, name
        assert connection.execute(sa.select(tasks)).all() == []
    assert store.job(kept.id).id == kept.id


def test_pruning_takes_the_progress_of_jobs_long_ended_only(store: Store, database: Database) -> None:
    old, going = end(store, database, "d"), begin(store)
    with database.begin() as connection:
        for job in (old, going):
            row = {"job": job.id, "number": 9, "kind": "progress", "at": database.now, "data": {}}
            connection.execute(events.insert().values(**row))
    store.prune()
    assert "progress" in kinds(store, old.id)
    age(database, jobs.c.ended, 3601)
    store.prune()
    assert kinds(store, old.id) == ["queued", "started", "succeeded"]
    assert "progress" in kinds(store, going.id)


def test_two_that_ask_at_once_get_one_change_and_one_refusal(store: Store) -> None:
    job = begin(store)
    answers: list[object] = []

    def cancel() -> None:
        try:
            answers.append(store.cancel(job.id).state)
        except ClipmillError as error:
            answers.append(error.code)

    threads = [threading.Thread(target=cancel) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, answers)) == ["cancelled", "job-state", "job-state", "job-state"]
    assert kinds(store, job.id).count("cancelled") == 1
