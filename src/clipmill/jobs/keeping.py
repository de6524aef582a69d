"""What is kept between jobs, and who is making it just now: one table each, for all processes and hosts."""

import hmac
import logging
import random
import secrets
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from clipmill.errors import BusyError, ClipmillError
from clipmill.jobs.database import Database
from clipmill.jobs.store import Store
from clipmill.jobs.supervise import supervise
from clipmill.jobs.tables import claims, kept

LEASE_S, RENEW_S = 20.0, 5.0
"""So long a claim holds after it was renewed last, and so often it is: who is killed is soon followed."""

SOONEST_S, LATEST_S = 2.0, 30.0
"""Who finds a claim taken comes back after a tenth of the time that it has been held, within these bounds:
soon where there is little to wait for, and some hundred times where it takes hours."""

USED_S = 60.0
"""The time of use is written down at most this often."""

ROW_BYTES = 1024
"""What a value takes besides itself."""

DROPPED = 200
"""Most rows that go to make room for one; whatever then still does not fit is not kept."""

_LARGEST = 4
"""No value takes more than this part of the room."""

log = logging.getLogger(__name__)


class Kept:
    """What the jobs of one owner keep for each other (``sharing.Keep``), in the database that all have.

    A value is there for ``days`` after it was put and while there is room: all values of all owners together
    take at most ``most_mb`` MiB, and what was used longest ago goes first. With 0 days nothing is kept, but
    claims hold. Nobody can name what is another's: a row's name is made of the owner, the key, and a secret
    of the database.
    """

    def __init__(self, database: Database, owner: str, *, days: float, most_mb: float) -> None:
        self._database = database
        self._owner = owner
        self._secret = b""
        self._fresh_s = days * 86_400
        self._room = int(most_mb * 2**20)

    def find(self, key: str) -> bytes | None:
        """What was put under a key, None when that is not there any more or is broken."""
        if not self._fresh_s:
            return None
        name, now = self._name(key), self._database.now
        wanted = sa.select(kept.c.value, (kept.c.used < now - USED_S).label("rested"))
        with self._database.read() as connection:
            fresh = wanted.where(kept.c.key == name, kept.c.made > now - self._fresh_s)
            row = connection.execute(fresh).one_or_none()
        if row is not None and row.rested:
            self._use(name)
        return None if row is None else _unpacked(row.value, self._room // _LARGEST)

    def put(self, key: str, value: bytes) -> None:
        """Keep a value. One of more than a quarter of the room is not kept, nor is any while that fails."""
        if not self._fresh_s or len(value) > self._room // _LARGEST:
            return
        try:
            self._put(self._name(key), zlib.compress(value))
        except ClipmillError as error:  # the disk is full, the database away: that costs time, not the job
            log.warning("What was made is not kept for other jobs: %s", error.one_line())

    @contextmanager
    def claim(self, key: str) -> Iterator[None]:
        """Be the only one, over all processes and hosts, who makes what belongs under a key.

        Raises BusyError ``underway`` while somebody else does. The claim of who is killed ends after 20 s;
        so does one that the database could not be told to renew.
        """
        name, holder = self._name(key), secrets.token_hex(8)
        self._take(name, holder)
        over = threading.Event()

        def renew() -> None:
            _renew(self._database, name, holder)

        beat = supervise(renew, every_s=RENEW_S, until=over, first_s=RENEW_S)
        try:
            yield
        finally:
            over.set()
            beat.join(1.0)
            self._release(name, holder)

    # --- rows ---

    def _name(self, key: str) -> str:
        """The name of a row: the same in every process, and nothing to anybody else."""
        self._secret = self._secret or Store(self._database).secret("kept")
        return hmac.digest(self._secret, f"{self._owner}\0{key}".encode(), "sha256").hex()

    def _use(self, name: str) -> None:
        row = kept.update().where(kept.c.key == name)
        try:
            with self._database.begin() as connection:
                connection.execute(row.values(used=self._database.now))
        except ClipmillError as error:
            log.info("A use was not written down: %s", error.one_line())

    def _put(self, name: str, packed: bytes) -> None:
        now, size = self._database.now, len(packed) + ROW_BYTES
        with self._database.begin(lock="kept") as connection:
            _drop_stale(connection, now - self._fresh_s)
            connection.execute(kept.delete().where(kept.c.key == name))
            if _make_room(connection, self._room - size):
                row = {"key": name, "size": size, "made": now, "used": now, "value": packed}
                connection.execute(kept.insert().values(row))

    def _take(self, name: str, holder: str) -> None:
        now = self._database.now
        over = (claims.c.until < now) | (claims.c.until > now + 2 * LEASE_S)  # or the clock was set back
        with self._database.begin(lock=f"claim {name}") as connection:
            connection.execute(claims.delete().where(claims.c.key == name, over))
            held = sa.select(now - claims.c.since).where(claims.c.key == name)
            held_s = connection.scalar(held)
            if held_s is None:
                row = {"key": name, "holder": holder, "since": now, "until": now + LEASE_S}
                connection.execute(claims.insert().values(row))
        if held_s is not None:
            raise _underway(held_s)

    def _release(self, name: str, holder: str) -> None:
        mine = (claims.c.key == name) & (claims.c.holder == holder)
        try:
            with self._database.begin() as connection:
                connection.execute(claims.delete().where(mine))
        except ClipmillError as error:
            log.info("A claim is left to end by itself: %s", error.one_line())


def drop_stale(database: Database, *, days: float) -> None:
    """Delete what was kept for longer than ``days``, and claims that have ended, a little at a time."""
    with database.begin() as connection:
        connection.execute(claims.delete().where(claims.c.until < database.now - LEASE_S))
    dropped = DROPPED
    while dropped == DROPPED:
        with database.begin(lock="kept") as connection:
            dropped = _drop_stale(connection, database.now - days * 86_400)


def _drop_stale(connection: sa.Connection, before: sa.ColumnElement[float]) -> int:
    """Delete some of what was made before a time; how many."""
    stale = sa.select(kept.c.key).where(kept.c.made < before).limit(DROPPED)
    return connection.execute(kept.delete().where(kept.c.key.in_(stale))).rowcount


def _make_room(connection: sa.Connection, room: int) -> bool:
    """Delete what was used longest ago until the rest takes no more than ``room`` bytes; whether it does."""
    taken = int(connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(kept.c.size), 0))) or 0)
    if taken <= room:
        return True
    gone = []
    for row in connection.execute(sa.select(kept.c.key, kept.c.size).order_by(kept.c.used).limit(DROPPED)):
        if taken <= room:
            break
        gone.append(row.key)
        taken -= row.size
    connection.execute(kept.delete().where(kept.c.key.in_(gone)))
    return taken <= room


def _renew(database: Database, name: str, holder: str) -> None:
    """Make a claim hold on, if it is still ours."""
    mine = (claims.c.key == name) & (claims.c.holder == holder)
    with database.begin() as connection:
        connection.execute(claims.update().where(mine).values(until=database.now + LEASE_S))


def _underway(held_s: float) -> BusyError:
    pause = min(LATEST_S, max(SOONEST_S, held_s / 10))
    return BusyError(
        "Another job is finding out the same just now: this one waits for what comes of it.",
        code="underway",
        retry_after=pause * random.uniform(0.8, 1.2),
    )


def _unpacked(packed: bytes, most: int) -> bytes | None:
    """A value as it was put, None when it is broken."""
    unpacking = zlib.decompressobj()
    try:
        value = unpacking.decompress(packed, max_length=most + 1)
    except zlib.error:
        return None
    return value if unpacking.eof and len(value) <= most else None
