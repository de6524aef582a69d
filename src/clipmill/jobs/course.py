"""What can happen to a job from the line to its end, as changes of its row."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from clipmill.jobs.journal import Change
from clipmill.jobs.records import ACTIVE, Fault, State, TaskRecord
from clipmill.jobs.tables import jobs

GOING = frozenset((State.QUEUED, *ACTIVE))
"""Something happens to these by itself: they can be paused."""

RETRIABLE = frozenset((State.FAILED, State.PARTIAL, State.CANCELLED))
"""These did not come out whole."""

UNFINISHED = Fault("unfinished", "The work ended before all of it was done: retry the job.")


def cancelled(now: sa.ColumnElement[float]) -> Change:
    """Somebody gave the job up."""
    return Change("cancelled", values={"state": State.CANCELLED, "ended": now, "eta_s": None})


def paused() -> Change:
    """Nothing more of the job may start."""
    return Change("paused", values={"state": State.PAUSED, "eta_s": None})


def again(kind: str, **values: object) -> Change:
    """Another run of the job, from the line on; its place there is by its age, as before."""
    empty = dict.fromkeys(("eta_s", "started", "ended", "fault_code", "fault_message"))
    new = {"state": State.QUEUED, "run": jobs.c.run + 1, "handed": False, "stage": ""}
    return Change(kind, values={**empty, **new, **values})


def ended(state: State, fault: Fault | None, now: sa.ColumnElement[float]) -> Change:
    """A run came to its end."""
    values: dict[str, Any] = {"state": state, "ended": now, "eta_s": None}
    if state is State.SUCCEEDED:
        values["progress"] = 1.0
    if fault is None:
        return Change(state.value, values=values)
    values |= {"fault_code": fault.code, "fault_message": fault.message}
    return Change(state.value, {"error": asdict(fault)}, values)


def verdict(tasks: Sequence[TaskRecord], fault: Fault | None = None) -> tuple[State, Fault | None]:
    """The final state of a run and why, from its tasks in the order of their stages and clips.

    Succeeded when every clip is done, partial when some are, failed when none is. Why is the first fault of
    a task, else ``fault``.
    """
    clips = [task.state == "done" for task in tasks if task.name.stage == "encode"]
    if clips and all(clips):
        return State.SUCCEEDED, None
    first = next((task.fault for task in tasks if task.state == "failed" and task.fault), fault or UNFINISHED)
    return (State.PARTIAL if any(clips) else State.FAILED), first
