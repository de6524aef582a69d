"""What keeps loops and tasks alive through faults that nobody foresaw: the only broad handler in clipmill."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from clipmill.errors import BusyError, ClipmillError, JobCancelled

T = TypeVar("T")

log = logging.getLogger(__name__)


def survive(work: Callable[[], T], *, otherwise: Callable[[Exception], T]) -> T:
    """The result of ``work``, or of ``otherwise`` for whatever it raised; the unforeseen is logged whole."""
    try:
        return work()
    except (BusyError, JobCancelled) as error:
        log.info("%s", error.one_line())
        return otherwise(error)
    except Exception as error:
        log.error("%s", error, exc_info=not isinstance(error, ClipmillError))
        return otherwise(error)


def supervise(
    loop: Callable[[], None], *, every_s: float, until: threading.Event, first_s: float = 0.0
) -> threading.Thread:
    """Call ``loop`` every so often in a thread of its own, whatever it raises, until told to end.

    ``first_s`` is how long it takes until the first time.
    """

    def turns() -> None:
        until.wait(first_s)
        while not until.is_set():
            survive(loop, otherwise=lambda _: until.wait(1.0) and None)
            until.wait(every_s)

    thread = threading.Thread(target=turns, daemon=True, name=f"clipmill-{loop.__name__.strip('_')}")
    thread.start()
    return thread


def patiently(call: Callable[[], T], *, until: threading.Event) -> T:
    """The result of ``call``, asked again while the database is away; raises BusyError only at the end."""
    pause = 0.1
    while True:
        try:
            return call()
        except BusyError:
            if until.is_set():
                raise
            time.sleep(pause)
            pause = min(2.0, 2 * pause)
