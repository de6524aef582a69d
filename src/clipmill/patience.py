"""Waiting where nothing else helps: what is busy is asked again, what failed is tried again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from clipmill.errors import BusyError, ClipmillError, OutageError

T = TypeVar("T")

LONGEST_S = 1800.0
"""All waits of one task together: a service that is busy for longer is told about."""

TRIES = 3
"""So often something that fails for the moment is tried."""

FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 60.0
"""The first wait before another try, four times as long the next; and how often a busy part is asked."""

BEAT_S = 0.5
"""How often the wait is told."""

REASONS = {
    "rate-limited": "waiting for its turn",
    "service-resting": "waiting for the service",
    "underway": "waiting for another job",
    "fetch-underway": "waiting for another job",
    "queue-full": "the line of jobs is full",
}
"""What is waited for, in words."""

Told = Callable[[str, float], None]
"""Called as time goes by with what is waited for and the seconds left."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How time goes by."""

    sleep: Callable[[float], None] = time.sleep
    longest_s: float = LONGEST_S


def patiently(work: Callable[[], T], told: Told, *, clock: Clock = Clock()) -> T:
    """What ``work`` gives, done again where that can help.

    BusyError is waited for, up to half an hour in all; OutageError is raised at its third time. Ctrl-C ends a
    wait at once.
    """
    waited, outages = 0.0, 0
    while True:
        try:
            return work()
        except BusyError as error:
            pause, words = min(max(error.retry_after, FIRST_WAIT_S), LONGEST_WAIT_S), _words(error)
            if waited + pause > clock.longest_s:
                raise
            waited += pause
        except OutageError:
            outages += 1
            if outages >= TRIES:
                raise
            pause, words = FIRST_WAIT_S * 4 ** (outages - 1), "waiting to try again"
        _pause(pause, words, told, clock)


def _words(error: ClipmillError) -> str:
    return REASONS.get(error.code, "waiting")


def _pause(seconds: float, words: str, told: Told, clock: Clock) -> None:
    left = seconds
    while left > 0:
        told(words, left)
        clock.sleep(min(left, BEAT_S))
        left -= BEAT_S
