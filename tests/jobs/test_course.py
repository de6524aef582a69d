"""What can happen to jobs, in any order: the store against a model so simple that it must be right."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clipmill.errors import BusyError, StateError
from clipmill.jobs.course import UNFINISHED, verdict
from clipmill.jobs.database import Database
from clipmill.jobs.records import ENDED, Fault, JobRecord, State, TaskName, TaskRecord
from clipmill.jobs.store import Store
from clipmill.plan import Options
from store_kit import ask, empty, put_tasks, wait

BOUND, SLOTS = 5, 3

EDGES = {
    None: {State.QUEUED},
    State.QUEUED: {State.RUNNING, State.PAUSED, State.CANCELLED},
    State.RUNNING: set(State) - {State.QUEUED, State.EXPIRED},
    State.WAITING: set(State) - {State.QUEUED, State.EXPIRED, State.RUNNING},
    State.PAUSED: {State.QUEUED, State.CANCELLED},
    State.SUCCEEDED: {State.QUEUED},
    State.PARTIAL: {State.QUEUED},
    State.FAILED: {State.QUEUED},
    State.CANCELLED: {State.QUEUED},
}
"""From which state a job may come into which."""

LEADS_TO = {
    "queued": State.QUEUED,
    "resumed": State.QUEUED,
    "retried": State.QUEUED,
    "started": State.RUNNING,
    "waiting": State.WAITING,
    "paused": State.PAUSED,
    "cancelled": State.CANCELLED,
    "succeeded": State.SUCCEEDED,
    "partial": State.PARTIAL,
    "failed": State.FAILED,
}
"""What state an event tells of."""


@dataclass(slots=True)
class Job:
    """A job as the model knows it."""

    owner: str
    priority: int
    place: int
    state: State = State.QUEUED
    run: int = 1
    planned: bool = False
    kinds: list[str] = field(default_factory=lambda: ["queued"])

    def goes(self, state: State, kind: str) -> None:
        self.state = state
        self.kinds.append(kind)


class Course(RuleBasedStateMachine):
    """All that people and workers may do, in any order."""

    database: Database

    @initialize()
    def begin(self) -> None:
        empty(self.database)
        self.store = Store(self.database)
        self.model: dict[str, Job] = {}

    def at_work(self, owner: str | None = None) -> int:
        """How many jobs are at work, of one owner or of all."""
        active = [job for job in self.model.values() if job.state in (State.RUNNING, State.WAITING)]
        return len([job for job in active if owner in (None, job.owner)])

    def line(self) -> list[str]:
        return [name for name, job in self.model.items() if job.state is State.QUEUED]

    def pick(self, number: int) -> tuple[str, Job]:
        name = list(self.model)[number % len(self.model)]
        return name, self.model[name]

    @rule(owners=st.text("abc", min_size=1, max_size=4), priority=st.sampled_from((1, 5, 5, 5)))
    def accept(self, owners: str, priority: int) -> None:
        room = max(0, BOUND - len(self.line()))
        answers = self.store.accept([ask(owner=o, priority=priority) for o in owners], bound=BOUND)
        for number, (owner, answer) in enumerate(zip(owners, answers, strict=True)):
            if number < room:
                assert isinstance(answer, JobRecord)
                self.model[answer.id] = Job(owner, priority, len(self.model))
            else:
                assert isinstance(answer, BusyError)
                assert 1 <= answer.retry_after <= 3600

    @rule()
    def take(self) -> None:
        expected = []
        while self.at_work() < SLOTS and self.line():
            name = min(self.line(), key=self.turn)
            self.model[name].goes(State.RUNNING, "started")
            expected.append((name, self.model[name].run))
        assert self.store.take_jobs(SLOTS) == expected

    def turn(self, name: str) -> tuple[int, int, int]:
        job = self.model[name]
        return job.priority, self.at_work(job.owner), job.place

    @precondition(lambda self: self.model)
    @rule(number=st.integers(0, 99), act=st.sampled_from(("cancel", "pause", "resume", "retry", "rerun")))
    def ask_for(self, number: int, act: str) -> None:
        name, job = self.pick(number)
        going = job.state in (State.QUEUED, State.RUNNING, State.WAITING)
        states, kind, again = {
            "cancel": (going or job.state is State.PAUSED, "cancelled", False),
            "pause": (going, "paused", False),
            "resume": (job.state is State.PAUSED, "resumed", True),
            "retry": (job.state in (State.FAILED, State.PARTIAL, State.CANCELLED), "retried", True),
            "rerun": (self.can_be_rendered_again(job), "queued", True),
        }[act]
        words = (name, Options()) if act == "rerun" else (name,)
        if not states:
            with pytest.raises(StateError):
                getattr(self.store, act)(*words)
            return
        record = getattr(self.store, act)(*words)
        job.goes(LEADS_TO[kind], kind)
        job.run += again
        assert (record.state, record.run) == (job.state, job.run)

    @staticmethod
    def can_be_rendered_again(job: Job) -> bool:
        whole = job.planned or job.state is not State.CANCELLED
        return whole and (job.state in ENDED or job.state is State.PAUSED)

    @precondition(lambda self: self.model)
    @rule(number=st.integers(0, 99), early=st.booleans())
    def wait(self, number: int, early: bool) -> None:
        name, job = self.pick(number)
        wait(self.database, name, job.run - early)
        if job.state is State.RUNNING and not early:
            job.goes(State.WAITING, "waiting")
        assert self.store.job(name).state is job.state

    @precondition(lambda self: self.model)
    @rule(number=st.integers(0, 99), early=st.booleans(), ends=st.text("dfq", max_size=3))
    def close(self, number: int, early: bool, ends: str) -> None:
        name, job = self.pick(number)
        names = {"d": "done", "f": "failed", "q": "queued"}
        states = {("encode", clip): names[letter] for clip, letter in enumerate(ends, 1)}
        put_tasks(self.database, name, job.run, {("score", 0): "done", **states})
        job.planned = True
        record = self.store.close_job(name, job.run - early)
        if job.state in (State.RUNNING, State.WAITING) and not early:
            if ends and set(ends) == {"d"}:
                job.goes(State.SUCCEEDED, "succeeded")
            elif "d" in ends:
                job.goes(State.PARTIAL, "partial")
            else:
                job.goes(State.FAILED, "failed")
        assert record.state is job.state

    @invariant()
    def no_job_is_lost_or_strays(self) -> None:
        known = {job.id: job for job in self.store.jobs(limit=1000)}
        assert known.keys() == self.model.keys()
        for name, job in self.model.items():
            record = known[name]
            assert (record.state, record.run, record.last_event) == (job.state, job.run, len(job.kinds))
            assert (record.ended is not None) is (job.state in ENDED)

    @invariant()
    def there_are_never_too_many_at_work(self) -> None:
        assert len(self.store.active()) == self.at_work() <= SLOTS

    def teardown(self) -> None:
        for name, job in self.model.items():
            told = self.store.events(name)
            assert [event.number for event in told] == list(range(1, len(job.kinds) + 1))
            assert [event.kind for event in told] == job.kinds
            way = [None, *(LEADS_TO[kind] for kind in job.kinds)]
            assert all(to in EDGES[fro] for fro, to in pairwise(way)), way


def test_whatever_happens_no_job_is_lost_and_none_goes_astray(one_database: Database) -> None:
    here = type("Here", (Course,), {"database": one_database})
    bounds = settings(
        max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(here, settings=bounds)


# --- how a run ended ------------------------------------------------------------------------------


def task(stage: str, clip: int, state: str, fault: Fault | None = None) -> TaskRecord:
    return TaskRecord(TaskName("j", 1, stage, clip), state, 1, 0, 0.0, 1.0, 0, "", None, None, fault)


def test_no_tasks_at_all_are_an_unfinished_run() -> None:
    assert verdict([]) == (State.FAILED, UNFINISHED)


def test_clips_that_were_stopped_leave_a_run_unfinished() -> None:
    tasks = [task("encode", 1, "done"), task("encode", 2, "stopped")]
    assert verdict(tasks) == (State.PARTIAL, UNFINISHED)


def test_the_fault_of_a_task_says_more_than_that_of_its_run() -> None:
    mine, general = Fault("mine", "It was me."), Fault("general", "It was something.")
    assert verdict([task("score", 0, "failed", mine)], general) == (State.FAILED, mine)
    assert verdict([task("score", 0, "queued")], general) == (State.FAILED, general)


def test_a_task_that_is_tried_again_is_no_fault_of_the_run() -> None:
    passed = task("encode", 1, "done", Fault("busy", "It was busy."))
    assert verdict([passed]) == (State.SUCCEEDED, None)
