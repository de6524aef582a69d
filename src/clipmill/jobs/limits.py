"""How often something may begin: tokens in a rolling window, shared by all workers of a store."""

import sqlalchemy as sa

from clipmill.jobs.database import Database
from clipmill.jobs.tables import tokens

SOONEST_S = 0.01
"""Never send anybody away for less than this: he would only come back to the same answer."""

WINDOW_S = 62.0
"""The window that keeps the promise "in a minute", as long as what begins comes up to 2 s after its token."""


def take_token(database: Database, name: str, *, limit: int, window_s: float = WINDOW_S) -> float:
    """Ask to begin one ``name`` now, of which at most ``limit`` begin in any ``window_s`` seconds.

    Returns 0.0 when a token was given; otherwise the seconds until one may be free. The count is exact over
    all processes: one taker after the other, by the database's clock. A token is never given back, whatever
    becomes of what it was for. It counts from when it is given, so take it right before the act, and let
    the window be longer than the promised one by as much as the act can come late: 62 s for "in a minute".
    """
    with database.begin(lock=tokens_lock(name)) as connection:
        return token_in(connection, name, now=clock_of(database, connection), limit=limit, window_s=window_s)


def tokens_lock(name: str) -> str:
    """The lock under which tokens of ``name`` are given."""
    return f"tokens {name}"


def token_in(connection: sa.Connection, name: str, *, now: float, limit: int, window_s: float) -> float:
    """As ``take_token``, in a transaction that holds ``tokens_lock``."""
    mine = tokens.c.name == name
    connection.execute(sa.delete(tokens).where(mine, tokens.c.at < now - window_s))
    set_back = sa.and_(mine, tokens.c.at > now)  # the clock was: what was given then counts from now
    connection.execute(sa.update(tokens).where(set_back).values(at=now))
    wait_s = wait_in(connection, name, now=now, limit=limit, window_s=window_s)
    if not wait_s:
        connection.execute(sa.insert(tokens).values(name=name, at=now))
    return wait_s


def wait_in(connection: sa.Connection, name: str, *, now: float, limit: int, window_s: float) -> float:
    """The seconds until a token may be free, 0.0 when one is, without taking it."""
    live = tokens.c.at >= now - window_s
    asked = sa.select(tokens.c.at).where(tokens.c.name == name, live).order_by(tokens.c.at)
    given = connection.scalars(asked).all()
    if len(given) < limit:
        return 0.0
    frees = float(given[-limit])  # also right when there are more than that: the limit was lowered
    return max(SOONEST_S, frees + window_s - now)


def clock_of(database: Database, connection: sa.Connection) -> float:
    """The database's clock, read after the lock was had."""
    return float(connection.scalar(sa.select(database.now)) or 0.0)
