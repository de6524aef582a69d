"""Who works in one worker: many tasks side by side, or one that may bring it down, all alone.

When a worker dies with several tasks in hand, nobody can say which of them it was. A task that is alone in
its worker harms nobody else, and its worker's death can be counted against it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Company:
    """The place where the tasks of one worker are worked on."""

    def __init__(self) -> None:
        self._left = threading.Condition()
        self._here = 0
        self._loners = 0

    @contextmanager
    def entered(self, *, alone: bool) -> Iterator[None]:
        """Be there with others, or ``alone``: then wait until all are gone, and let nobody in before.

        Blocks without a deadline: what is waited for are tasks, which have deadlines of their own.
        """
        with self._left:
            self._loners += alone
            self._left.wait_for(lambda: self._here == 0 if alone else self._loners == 0)
            self._here += 1
        try:
            yield
        finally:
            with self._left:
                self._here -= 1
                self._loners -= alone
                self._left.notify_all()
