"""The workers that ``serve`` keeps: started with it, started again when they die, gone when it is gone."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

SOON_S, LATE_S = 0.5, 15.0
"""A worker that died is started again after so long; longer each time when it dies young."""

YOUNG_S = 30.0
LOOK_S = 0.2
GRACE_S = 10.0
"""What a worker gets beyond its own time for draining before it is killed."""

_SOURCE = str(Path(__file__).parents[2])
_LEASH = """
import os, sys
sys.path.append(sys.argv[1])
from clipmill.media.sandbox import die_with
die_with(int(sys.argv[2]))
os.execv(sys.argv[3], sys.argv[3:])
"""
"""A program that ties its life to that of a process, and then becomes another program."""

log = logging.getLogger(__name__)


class Crew:
    """Worker processes of this one. All are children of one thread: the kernel ends them when it ends."""

    def __init__(self, count: int, arguments: Sequence[str] = ()) -> None:
        """``arguments`` are those of ``clipmill worker``."""
        self._arguments = [sys.executable, "-m", "clipmill", "worker", *arguments]
        self._seats = [_Seat() for _ in range(count)]
        self._ending = threading.Event()
        self._deadline = float("inf")
        self._thread = threading.Thread(target=self._keep, name="clipmill-crew", daemon=True)

    def start(self) -> None:
        """Start the workers and watch over them."""
        self._thread.start()

    def stop(self, drain_s: float) -> None:
        """Ask all to end, and wait until they have; those that do not within the time are killed."""
        self._deadline = time.monotonic() + drain_s + GRACE_S
        self._ending.set()
        if self._thread.ident:
            self._thread.join()

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        return [seat.pid for seat in self._seats if seat.pid]

    def _keep(self) -> None:
        while not self._ending.is_set():
            for seat in self._seats:
                self._look(seat)
            self._ending.wait(LOOK_S)
        for seat in self._seats:
            seat.send(signal.SIGTERM)
        while any(seat.pid and not seat.ended() for seat in self._seats):
            if time.monotonic() > self._deadline:
                for seat in self._seats:
                    seat.send(signal.SIGKILL)
            time.sleep(LOOK_S / 4)

    def _look(self, seat: "_Seat") -> None:
        if seat.pid:
            if not seat.ended():
                return
            seat.wait_s = min(LATE_S, 2 * seat.wait_s) if seat.age_s < YOUNG_S else SOON_S
            seat.not_before = time.monotonic() + seat.wait_s
            log.warning("A worker ended (%s); another starts in %.1f s.", seat.how, seat.wait_s)
        elif time.monotonic() >= seat.not_before:
            seat.pid = self._spawn()
            seat.born = time.monotonic()

    def _spawn(self) -> int:
        # It has itself killed with this process, and that first of all: a worker takes seconds to import.
        me = str(os.getpid())
        words = [sys.executable, "-I", "-S", "-c", _LEASH, _SOURCE, me, *self._arguments, "--parent", me]
        # In a group of its own: Ctrl-C is for us to hear, and to end workers in order.
        return os.posix_spawn(
            sys.executable, words, os.environ, setpgroup=0, setsigmask=(), setsigdef=[signal.SIGINT]
        )


class _Seat:
    """The place of one worker; ``pid`` is 0 while nobody has it."""

    def __init__(self) -> None:
        self.pid = 0
        self.born = 0.0
        self.wait_s = SOON_S / 2
        self.not_before = 0.0
        self.how = ""

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.born

    def ended(self) -> bool:
        """Whether it has ended; then ``how`` says how, and the seat is free."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return False
        code = os.waitstatus_to_exitcode(status)
        self.how = signal.Signals(-code).name if code < 0 else f"status {code}"
        self.pid = 0
        return True

    def send(self, number: int) -> None:
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
