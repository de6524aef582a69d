"""Which moves between states are allowed, read from the events of a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FINAL = frozenset(("succeeded", "partial", "failed", "cancelled"))
"""States that end a run; the events have the same names."""

_WAITING = frozenset(("running", "waiting"))
_MOVES: Mapping[str, tuple[frozenset[str], str]] = {
    "started": (frozenset(("queued",)), "running"),
    "waiting": (_WAITING | {"paused"}, "waiting"),
    "paused": (_WAITING | {"queued"}, "paused"),
    "resumed": (frozenset(("paused",)), "queued"),
    "retried": (FINAL, "queued"),
    "cancelled": (_WAITING | {"queued", "paused"}, "cancelled"),
    "succeeded": (_WAITING, "succeeded"),
    "partial": (_WAITING, "partial"),
    "failed": (_WAITING, "failed"),
}
"""Event: the states that it may come in, and the state after it."""

_MAY_QUEUE = FINAL | {"", "paused"}
"""Before the first run, and before one that renders a changed plan."""

_NEW_RUN = frozenset(("resumed", "retried"))
_AT_WORK = frozenset(("running", "waiting", "paused", "queued"))
"""A task that runs when its job is paused ends by itself, so its events may come later."""


@dataclass(frozen=True, slots=True)
class Life:
    """How the events leave a job, and the (kind, text) of every move that was wrong."""

    state: str
    run: int
    faults: tuple[tuple[str, str], ...]


def lives(events: Sequence[tuple[str, Mapping[str, Any]]]) -> Life:
    """The life that the events (kind, data) of one job tell, in order."""
    state, run, faults = "", 1, []
    for place, (kind, data) in enumerate(events, 1):
        fault, state = _step(kind, data, state)
        if fault:
            faults.append((fault[0], f"event {place}: {fault[1]}"))
        run += kind in _NEW_RUN or (kind == "queued" and place > 1)
    return Life(state, run, tuple(faults))


def _step(kind: str, data: Mapping[str, Any], state: str) -> tuple[tuple[str, str] | None, str]:
    """What is wrong with an event in this state, if anything, and the state after it."""
    if kind == "queued":
        return (None if state in _MAY_QUEUE else ("illegal", f"queued while {state}")), "queued"
    if kind in _MOVES:
        before, after = _MOVES[kind]
        if state in before:
            # a task that waits while its job is paused does not wake the job
            return None, state if (kind, state) == ("waiting", "paused") else after
        twice = kind in FINAL and state in FINAL
        return ("twice" if twice else "illegal", f"{kind} while {state or 'unknown'}"), after
    if kind == "stage.started":
        wrong = state not in _WAITING
        return (("illegal", f"{data.get('stage')} started while {state}") if wrong else None), (
            state if wrong else "running"
        )
    wrong = state not in _AT_WORK
    return (("illegal", f"{kind} while {state or 'unknown'}") if wrong else None), state
