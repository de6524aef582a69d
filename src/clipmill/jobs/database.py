"""The door to the database: connections that cannot race, deadlines, one clock, and errors for people."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clipmill.errors import BudgetError, BusyError, ClipmillError, MissingError, SettingsError

SCHEMA = "clipmill"
"""Where our tables are in a PostgreSQL database."""

_RETRY_S = 5.0
_WAL_BYTES = 64 << 20
_READING = "clipmill_reading"

_DOWN_SQLITE = ("BUSY", "LOCKED", "CANTOPEN", "IOERR", "READONLY", "NOMEM", "PROTOCOL", "INTERRUPT")
_DAMAGED_SQLITE = ("CORRUPT", "NOTADB")
_DOWN_POSTGRES = ("08", "57", "53", "58", "40", "55P03", "25P03", "25006", "XX000")
"""Connection lost, shut down or deadline, out of resources, system error, deadlock, lock not had in time,
idle too long, a standby."""


class Database:
    """One database and its connections, for any number of threads.

    ``url`` is ``sqlite:///path`` or ``postgresql://...``; ``patience_s`` is how long a transaction waits for
    its turn. ``now`` is the database's clock as an SQL expression, in seconds since 1970. Everything that
    means "the database cannot be used at the moment" comes out as BusyError ``database-down``, a full disk
    as BudgetError ``disk-full``.
    """

    def __init__(self, url: str, *, patience_s: float = 30.0) -> None:
        engine = engine_for(url, patience_s=patience_s)
        self._patience_s = patience_s
        self.sqlite = engine.dialect.name == "sqlite"
        self.name = engine.url.render_as_string(hide_password=True)
        self._engine = engine.execution_options(schema_translate_map={None: None if self.sqlite else SCHEMA})
        self._reader = self._engine.execution_options(**_reading(sqlite=self.sqlite))
        self.now: sa.ColumnElement[float] = _clock(sqlite=self.sqlite)

    @contextmanager
    def begin(self, *, lock: str = "") -> Iterator[sa.Connection]:
        """A transaction that may write; committed at the end unless an error leaves it.

        ``lock`` names what only one transaction may do at a time, over all processes, until it ends. On
        SQLite every such transaction is alone from its first moment.
        """
        with self._spoken(), self._engine.begin() as connection:
            if lock and not self.sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(lock))))
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads: one moment's view of everything, and nobody waits for it."""
        with self._spoken(), self._reader.begin() as connection:
            yield connection

    def checkpoint(self) -> None:
        """Bring SQLite's log back into its file, so that it does not grow without end; else nothing.

        Waits for nobody: what readers still look at is brought back another time.
        """
        if not self.sqlite:
            return
        with self._spoken(), self._engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA busy_timeout=0")
            try:
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.OperationalError as error:
                raise _sqlite_error(error, self.name) or error from error
            finally:
                raw.execute(f"PRAGMA busy_timeout={self._patience_s * 1000:.0f}")

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._engine.dispose()

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.TimeoutError as error:
            raise _down(self.name, str(error)) from error
        except sa.exc.DBAPIError as error:
            said = database_error(error, self.name)
            if said is None:
                raise
            raise said from error


def _clock(*, sqlite: bool) -> sa.ColumnElement[float]:
    if sqlite:
        return sa.literal_column("((julianday('now') - 2440587.5) * 86400.0)", sa.Double())
    return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Double())


def _reading(*, sqlite: bool) -> dict[str, Any]:
    if sqlite:
        return {_READING: True}
    return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


# --- connections ----------------------------------------------------------------------------------


def engine_for(url: str, *, patience_s: float = 30.0, durable: bool = True) -> sa.Engine:
    """Connections to a database whose transactions cannot race: on SQLite each begins by taking its turn.

    ``durable`` False lets SQLite lose the newest commits in a power cut (never when a process is killed).
    Raises SettingsError when the address is none.
    """
    address = _address(url)
    if address.get_backend_name() == "sqlite":
        return _sqlite_engine(address, patience_s=patience_s, durable=durable)
    return _postgres_engine(address, patience_s=patience_s)


def _address(url: str) -> sa.URL:
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise SettingsError("The address of the database cannot be read.", code="database-address") from None
    if address.get_backend_name() in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:"):
        return address.set(drivername="sqlite")
    raise SettingsError(
        "The database must be sqlite:///<file> or postgresql://<user>@<host>/<name>, "
        f"not {address.drivername}://...",
        code="database-address",
    )


_KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server whose host is gone says nothing: 25 s of silence end a connection."""


def _postgres_engine(address: sa.URL, *, patience_s: float) -> sa.Engine:
    limits = f"-c statement_timeout={patience_s * 1000:.0f} -c idle_in_transaction_session_timeout=60000"
    options = {"connect_timeout": 5, "application_name": "clipmill", "options": limits, **_KEEPALIVE}
    return sa.create_engine(
        address,
        connect_args=options,
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=5,
        pool_timeout=patience_s,
    )


def _sqlite_engine(address: sa.URL, *, patience_s: float, durable: bool) -> sa.Engine:
    engine = sa.create_engine(
        address,
        connect_args={"timeout": patience_s},
        pool_size=20,
        max_overflow=0,
        pool_timeout=patience_s,
    )
    pragmas = (
        f"busy_timeout={patience_s * 1000:.0f}",
        "foreign_keys=ON",
        f"synchronous={'FULL' if durable else 'NORMAL'}",
        f"journal_size_limit={_WAL_BYTES}",
    )

    @sa.event.listens_for(engine, "do_connect")
    def keep_private(*_: object) -> None:
        with suppress(OSError):
            Path(str(address.database)).touch(mode=0o600, exist_ok=False)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None
        _write_ahead(connection, patience_s)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def take_turn(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _write_ahead(connection: Any, patience_s: float) -> None:
    """Turn the write-ahead log on; SQLite does not wait its turn for that when two do so at once."""
    until = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except connection.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > until:
                raise
            time.sleep(0.05)


# --- errors ---------------------------------------------------------------------------------------


def database_error(error: sa.exc.DBAPIError, name: str) -> ClipmillError | None:
    """What an error says about the database ``name`` as a whole; None when the fault is in what was asked."""
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_error(error.orig, name)
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == "53100":
        return _full(name)
    lost = isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) and not state
    if lost or error.connection_invalidated or state.startswith(_DOWN_POSTGRES):
        return _down(name, str(error.orig))
    return None


def _sqlite_error(error: sqlite3.Error, name: str) -> ClipmillError | None:
    state = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_")
    if state.startswith("FULL"):
        return _full(name)
    if state.startswith(_DAMAGED_SQLITE):
        return MissingError(
            f"The database {name} is damaged ({error}): put a copy of it back.", code="database-damaged"
        )
    return _down(name, str(error)) if state.startswith(_DOWN_SQLITE) else None


def _down(name: str, why: str) -> BusyError:
    reason = " ".join(why.split())[:200]
    return BusyError(
        f"The database {name} cannot be used at the moment ({reason}): try again in a few seconds.",
        code="database-down",
        retry_after=_RETRY_S,
    )


def _full(name: str) -> BudgetError:
    return BudgetError(f"The disk that holds the database {name} is full: free some space.", code="disk-full")
