"""A hold on all children of one piece of work, by which any thread can stop them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol
from weakref import WeakSet

from clipmill.errors import JobCancelled


class Stoppable(Protocol):
    """What hangs on reins."""

    def ask_to_stop(self) -> None:
        """Begin to stop it, without waiting; harmless when it has ended."""


class Reins:
    """Holds every child that is launched inside ``held_by``, and is no reason for any of them to live on."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal's handler may stop what its own thread is just launching
        self._why = ""
        self._children: WeakSet[Stoppable] = WeakSet()

    @property
    def stopped(self) -> str:
        """Why it was stopped, empty while it was not."""
        return self._why

    def stop(self, why: str) -> None:
        """Stop every child that runs, and let none start from now on. Any thread may; nothing is waited for.

        ``why`` is not empty; the first one stands.
        """
        with self._lock:
            self._why = self._why or why
            children = tuple(self._children)
        for child in children:
            child.ask_to_stop()

    def take(self, child: Stoppable) -> None:
        """Hold a child that was just started."""
        with self._lock:
            self._children.add(child)
        if self._why:
            child.ask_to_stop()

    def drop(self, child: Stoppable) -> None:
        """Let go of a child that has ended."""
        with self._lock:
            self._children.discard(child)

    def check(self) -> None:
        """Raise JobCancelled when it was stopped."""
        if self._why:
            raise JobCancelled(f"Stopped: {self._why}.")


_held: ContextVar[Reins | None] = ContextVar("reins", default=None)


@contextmanager
def held_by(reins: Reins) -> Iterator[None]:
    """Hang every child that this thread launches inside on ``reins``; inner reins take the place of outer."""
    before = _held.set(reins)
    try:
        yield
    finally:
        _held.reset(before)


def current_reins() -> Reins:
    """The reins that children launched here hang on; slack ones when there are none."""
    return _held.get() or Reins()
