"""How often something may begin: tokens in a rolling window, shared by all workers of a store."""

import sqlalchemy as sa

from clipmill.jobs.database import Database
from clipmill.jobs.tables import tokens

SOONEST_S = 0.01
"""Never send anybody away for less than this: he would only come back to the same answer."""


def take_token(database: Database, name: str, *, limit: int, window_s: float = 62.0) -> float:
    """Ask to begin one ``name`` now, of which at most ``limit`` begin in any ``window_s`` seconds.

    Returns 0.0 when a token was given; otherwise the seconds until one may be free. The count is exact over
    all processes: one taker after the other, by the database's clock. A token is never given back, whatever
    becomes of what it was for. It counts from when it is given, so take it right before the act, and let
    the window be longer than the promised one by as much as the act can come late: 62 s for "in a minute".
    """
    with database.begin(lock=f"tokens {name}") as connection:
        now = _clock(database, connection)
        mine = tokens.c.name == name
        connection.execute(sa.delete(tokens).where(mine, tokens.c.at < now - window_s))
        set_back = sa.and_(mine, tokens.c.at > now)  # the clock was: what was given then counts from now
        connection.execute(sa.update(tokens).where(set_back).values(at=now))
        given = connection.scalars(sa.select(tokens.c.at).where(mine).order_by(tokens.c.at)).all()
        if len(given) >= limit:
            frees = float(given[-limit])  # also right when there are more than that: the limit was lowered
            return max(SOONEST_S, frees + window_s - now)
        connection.execute(sa.insert(tokens).values(name=name, at=now))
        return 0.0


def _clock(database: Database, connection: sa.Connection) -> float:
    """The database's clock, read after the lock was had."""
    return float(connection.scalar(sa.select(database.now)) or 0.0)
