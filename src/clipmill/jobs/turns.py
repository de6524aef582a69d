"""Turns over all processes of a store: so many in a minute, and none while what is asked for rests."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from clipmill.errors import BusyError
from clipmill.jobs.database import Database
from clipmill.jobs.limits import WINDOW_S, clock_of, token_in, tokens_lock, wait_in
from clipmill.jobs.tables import rests

FAILURES = 5
"""So many failures in a row, over all workers, and nobody asks before a rest is over."""

FIRST_REST_S, LONGEST_REST_S = 15.0, 240.0
"""The rest after the fifth failure; it doubles with each probe that fails too, up to the longest."""

LONGEST_AWAY_S = 3600.0
"""Nobody is sent away for longer than an hour, whatever the service says."""

PROBE_S = 180.0
"""So long the others wait for the one that tries whether the service is well again; it may have died."""

PROBE_LOOK_S = 10.0
"""How often who waits for a probe looks again."""


@dataclass(frozen=True, slots=True)
class Rest:
    """How a service is doing: failures in a row, and the times until it rests and until a probe is out."""

    until: float = 0.0
    failures: int = 0
    probe: float = 0.0

    def wait_s(self, now: float) -> float:
        """The seconds until somebody may ask it, 0.0 when now."""
        if self.until > now:
            return min(self.until - now, LONGEST_AWAY_S)
        if self.failures >= FAILURES and self.probe > now:
            return min(self.probe - now, PROBE_LOOK_S)
        return 0.0


class StoreTurns:
    """Turns of ``name`` over all processes of a store: at most ``limit`` in any minute, 0 for no limit.

    Failures are counted over all processes, too. Whom the service sends away sends everybody away; after five
    failures in a row everybody rests, longer each time, and then one alone tries again: when it is answered,
    the others go on.
    """

    def __init__(self, database: Database, name: str, *, limit: int, window_s: float = WINDOW_S) -> None:
        self._database = database
        self._name = name
        self._limit = limit
        self._window_s = window_s

    def look(self) -> None:
        """Raise what ``take`` would raise now, without taking a turn."""
        with self._database.read() as connection:
            now = clock_of(self._database, connection)
            resting = self._rest(connection).wait_s(now)
            waiting = 0.0 if resting else self._wait(wait_in, connection, now)
        self._send_away(resting, waiting)

    def take(self) -> None:
        """Take a turn now; raises BusyError ``rate-limited`` or ``service-resting`` with how long to wait."""
        with self._database.begin(lock=tokens_lock(self._name)) as connection:
            now = clock_of(self._database, connection)
            rest = self._in_reach(connection, now)
            resting = rest.wait_s(now)
            waiting = 0.0 if resting else self._wait(token_in, connection, now)
            if not resting and not waiting and rest.failures >= FAILURES:
                self._write(connection, probe=now + PROBE_S)
        self._send_away(resting, waiting)

    def went_well(self) -> None:
        """The service answered: failures before do not count any more. A rest that it asked for goes on."""
        with self._database.read() as connection:
            rest = self._rest(connection)
        if rest.failures or rest.probe:
            with self._database.begin(lock=tokens_lock(self._name)) as connection:
                self._write(connection, failures=0, probe=0.0)

    def went_wrong(self, retry_after: float | None) -> None:
        """The service failed, or sent us away for ``retry_after`` seconds: nobody asks it before."""
        with self._database.begin(lock=tokens_lock(self._name)) as connection:
            now = clock_of(self._database, connection)
            rest = self._in_reach(connection, now)
            known = rest.failures >= FAILURES and rest.until > now  # it was asked before the rest began
            failures = rest.failures if known else rest.failures + 1
            away = min(max(0.0, retry_after or 0.0), LONGEST_AWAY_S)
            own = 0.0 if known else rest_after(failures)
            until = max(rest.until, now + max(away, own))
            self._write(connection, until=until, failures=failures, probe=0.0)

    def _wait(self, ask: Callable[..., float], connection: sa.Connection, now: float) -> float:
        if not self._limit:
            return 0.0
        return ask(connection, self._name, now=now, limit=self._limit, window_s=self._window_s)

    def _rest(self, connection: sa.Connection) -> Rest:
        mine = rests.c.name == self._name
        row = connection.execute(sa.select(rests).where(mine)).one_or_none()
        return Rest() if row is None else Rest(row.until, row.failures, row.probe)

    def _in_reach(self, connection: sa.Connection, now: float) -> Rest:
        """How the service is doing; a rest that a clock set back made endless begins anew."""
        rest = self._rest(connection)
        until, probe = min(rest.until, now + LONGEST_AWAY_S), min(rest.probe, now + PROBE_S)
        if (until, probe) != (rest.until, rest.probe):
            self._write(connection, until=until, probe=probe)
        return Rest(until, rest.failures, probe)

    def _write(self, connection: sa.Connection, **values: float) -> None:
        mine = rests.c.name == self._name
        if not connection.execute(sa.update(rests).where(mine).values(**values)).rowcount:
            fresh = {"until": 0.0, "failures": 0, "probe": 0.0, **values}
            connection.execute(sa.insert(rests).values(name=self._name, **fresh))

    def _send_away(self, resting: float, waiting: float) -> None:
        if resting:
            raise BusyError(
                f"The speech service rests: this transcription goes on in {resting:.0f} s.",
                code="service-resting",
                retry_after=resting,
            )
        if waiting:
            raise BusyError(
                f"{self._limit} transcriptions have begun in the last minute: this one waits its turn.",
                code="rate-limited",
                retry_after=waiting,
            )


def rest_after(failures: int) -> float:
    """The seconds of rest after so many failures in a row, never quite the same; none before the fifth."""
    if failures < FAILURES:
        return 0.0
    whole = min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(failures - FAILURES, 20))
    return whole * random.uniform(0.75, 1.25)
