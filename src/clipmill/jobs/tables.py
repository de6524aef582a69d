"""The tables of jobs, and how they came to be: one list of migrations that only ever add.

Every column that holds JSON is text made by ``Json``; every time is seconds since 1970 by the database's own
clock (``Database.now``). A job's row is locked by whoever changes it, and its events take their numbers from
``last_event`` in the same transaction, so they have no gaps and become visible in their order
(``clipmill.jobs.journal``).

A migration may add tables, indexes, and columns that are empty or have a default: a process of the version
before works on, because it names the columns that it reads and writes. What is no longer used is taken away
one release after the last code that knew it.
"""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from clipmill.jobs.database import SCHEMA, Database


class Json(sa.TypeDecorator[Any]):
    """A value as JSON text; escaped, so that no byte of it is one that a database refuses."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else json.dumps(value, separators=(",", ":"), allow_nan=False)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:  # noqa: ARG002
        return None if value is None else json.loads(value)


class Prose(sa.TypeDecorator[str]):
    """Text for people: what a database refuses (a zero, half a character of a file's name) is spelled out."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


METADATA = sa.MetaData()

jobs = sa.Table(
    "jobs",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("owner", Prose, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("source", Json, nullable=False),
    sa.Column("options", Json, nullable=False),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("handed", sa.Boolean, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("progress", sa.Double, nullable=False),
    sa.Column("eta_s", sa.Double),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("started", sa.Double),
    sa.Column("ended", sa.Double),
    sa.Column("fault_code", sa.Text),
    sa.Column("fault_message", Prose),
    sa.Column("warnings", Json, nullable=False),
    sa.Column("clips_ready", sa.Integer, nullable=False),
    sa.Column("clips_expected", sa.Integer),
    sa.Column("last_event", sa.Integer, nullable=False),
    sa.Column("removed", sa.Boolean, nullable=False),
    sa.Column("reuse", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("cost", sa.Double, nullable=False, server_default="0"),
    sa.Column("title", Prose, nullable=False, server_default=""),
    sa.Column("words_by", Prose, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)

tasks = sa.Table(
    "tasks",
    METADATA,
    sa.Column("job", sa.Text, primary_key=True),
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("clip", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("crashes", sa.Integer, nullable=False),
    sa.Column("share", sa.Double, nullable=False),
    sa.Column("weight_s", sa.Double, nullable=False),
    sa.Column("worked", sa.Integer, nullable=False),
    sa.Column("worker", sa.Text, nullable=False),
    sa.Column("started", sa.Double),
    sa.Column("ended", sa.Double),
    sa.Column("fault_code", sa.Text),
    sa.Column("fault_message", Prose),
    sa.Column("lone_crashes", sa.Integer, nullable=False, server_default="0"),
)

clips = sa.Table(
    "clips",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("moment", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("facts", Json, nullable=False),
    sa.Column("made", sa.Double, nullable=False),
)

events = sa.Table(
    "events",
    METADATA,
    sa.Column("job", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("data", Json, nullable=False),
)

idempotency = sa.Table(
    "idempotency",
    METADATA,
    sa.Column("owner", Prose, primary_key=True),
    sa.Column("key", Prose, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
)

workers = sa.Table(
    "workers",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("born", sa.BigInteger, nullable=False),
    sa.Column("beat", sa.Double, nullable=False),
    sa.Column("stages", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("heir", sa.Text, nullable=False, server_default=""),
    sa.Column("held", sa.Integer, nullable=False, server_default="0"),
)

tokens = sa.Table(
    "tokens",
    METADATA,
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
)

speeds = sa.Table(
    "speeds",
    METADATA,
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("seconds_a_unit", sa.Double, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
)

kept = sa.Table(
    "kept",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("made", sa.Double, nullable=False),
    sa.Column("used", sa.Double, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
)

claims = sa.Table(
    "claims",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("since", sa.Double, nullable=False),
    sa.Column("until", sa.Double, nullable=False),
)

rests = sa.Table(
    "rests",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("until", sa.Double, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("probe", sa.Double, nullable=False),
)

uploads = sa.Table(
    "uploads",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", Prose, nullable=False),
    sa.Column("length", sa.BigInteger),
    sa.Column("received", sa.BigInteger, nullable=False),
    sa.Column("name", Prose, nullable=False),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.Column("once", sa.Boolean, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("touched", sa.Double, nullable=False),
    sa.Column("gone", sa.Boolean, nullable=False),
)

facts = sa.Table(
    "facts",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE jobs (
            seq {serial}, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, state TEXT NOT NULL,
            priority INTEGER NOT NULL, source TEXT NOT NULL, options TEXT NOT NULL, metadata TEXT NOT NULL,
            run INTEGER NOT NULL, handed BOOLEAN NOT NULL, stage TEXT NOT NULL,
            progress DOUBLE PRECISION NOT NULL, eta_s DOUBLE PRECISION, created DOUBLE PRECISION NOT NULL,
            started DOUBLE PRECISION, ended DOUBLE PRECISION, fault_code TEXT, fault_message TEXT,
            warnings TEXT NOT NULL, clips_ready INTEGER NOT NULL, clips_expected INTEGER,
            last_event INTEGER NOT NULL, removed BOOLEAN NOT NULL)""",
        "CREATE INDEX jobs_line ON jobs (state, priority, seq)",
        "CREATE INDEX jobs_owner ON jobs (owner, seq)",
        "CREATE INDEX jobs_ended ON jobs (ended)",
        """CREATE TABLE tasks (
            job TEXT NOT NULL, stage TEXT NOT NULL, clip INTEGER NOT NULL, run INTEGER NOT NULL,
            state TEXT NOT NULL, attempt INTEGER NOT NULL, crashes INTEGER NOT NULL,
            share DOUBLE PRECISION NOT NULL, weight_s DOUBLE PRECISION NOT NULL, worked INTEGER NOT NULL,
            worker TEXT NOT NULL, started DOUBLE PRECISION, ended DOUBLE PRECISION, fault_code TEXT,
            fault_message TEXT, PRIMARY KEY (job, stage, clip))""",
        "CREATE INDEX tasks_state ON tasks (state, worker)",
        """CREATE TABLE clips (
            id TEXT NOT NULL PRIMARY KEY, job TEXT NOT NULL, moment TEXT NOT NULL, number INTEGER NOT NULL,
            revision INTEGER NOT NULL, facts TEXT NOT NULL, made DOUBLE PRECISION NOT NULL)""",
        "CREATE INDEX clips_job ON clips (job, number)",
        """CREATE TABLE events (
            job TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,
            data TEXT NOT NULL, PRIMARY KEY (job, number))""",
        "CREATE INDEX events_progress ON events (job) WHERE kind = 'progress'",
        """CREATE TABLE idempotency (
            owner TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, job TEXT NOT NULL,
            at DOUBLE PRECISION NOT NULL, PRIMARY KEY (owner, key))""",
        "CREATE INDEX idempotency_at ON idempotency (at)",
        "CREATE INDEX idempotency_job ON idempotency (job)",
        """CREATE TABLE workers (
            id TEXT NOT NULL PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, born BIGINT NOT NULL,
            beat DOUBLE PRECISION NOT NULL, stages TEXT NOT NULL, version TEXT NOT NULL,
            heir TEXT NOT NULL DEFAULT '')""",
        "CREATE TABLE tokens (name TEXT NOT NULL, at DOUBLE PRECISION NOT NULL)",
        "CREATE INDEX tokens_at ON tokens (name, at)",
        """CREATE TABLE speeds (
            stage TEXT NOT NULL PRIMARY KEY, seconds_a_unit DOUBLE PRECISION NOT NULL,
            count INTEGER NOT NULL)""",
    ),
    (
        "ALTER TABLE jobs ADD COLUMN reuse BOOLEAN NOT NULL DEFAULT {true}",
        "ALTER TABLE jobs ADD COLUMN cost DOUBLE PRECISION NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN title TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE jobs ADD COLUMN words_by TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE tasks ADD COLUMN lone_crashes INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE workers ADD COLUMN held INTEGER NOT NULL DEFAULT 0",
        """CREATE TABLE kept (
            key TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL, made DOUBLE PRECISION NOT NULL,
            used DOUBLE PRECISION NOT NULL, value {bytes} NOT NULL)""",
        "CREATE INDEX kept_used ON kept (used, size)",
        "CREATE INDEX kept_made ON kept (made)",
        """CREATE TABLE claims (
            key TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, since DOUBLE PRECISION NOT NULL,
            until DOUBLE PRECISION NOT NULL)""",
        """CREATE TABLE rests (
            name TEXT NOT NULL PRIMARY KEY, until DOUBLE PRECISION NOT NULL, failures INTEGER NOT NULL,
            probe DOUBLE PRECISION NOT NULL)""",
        """CREATE TABLE uploads (
            id TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, length BIGINT, received BIGINT NOT NULL,
            name TEXT NOT NULL, metadata TEXT NOT NULL, once BOOLEAN NOT NULL, done BOOLEAN NOT NULL,
            sha256 TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, touched DOUBLE PRECISION NOT NULL,
            gone BOOLEAN NOT NULL)""",
        "CREATE INDEX uploads_touched ON uploads (touched)",
    ),
)
"""What each version of the schema adds to the one before, as SQL that SQLite and PostgreSQL both take.

``{serial}`` stands for a number that the database counts up itself, ``{bytes}`` for its kind of bytes,
``{true}`` for its word for true. The table ``facts`` is there before all.
"""


def migrate(database: Database, *, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> int:
    """Bring the tables to the newest schema that this version knows; returns the schema's version.

    Any number of processes may do so at once, and one that is cut off leaves the schema as it was. A schema
    that is newer than ours stays as it is and is used: migrations only add (``clipmill.jobs.tables``), so an
    update can go from process to process.
    """
    with database.begin(lock="migrate") as connection:
        if not database.sqlite:
            connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
            connection.execute(sa.text(f"SET LOCAL search_path TO {SCHEMA}"))
        facts.create(connection, checkfirst=True)
        named = facts.c.name == "schema"
        at = int(connection.scalar(sa.select(facts.c.value).where(named)) or 0)
        for statement in (text for migration in migrations[at:] for text in migration):
            connection.exec_driver_sql(statement.format(**_dialect(sqlite=database.sqlite)))
        if at == 0:
            connection.execute(facts.insert().values(name="schema", value=str(len(migrations))))
        elif at < len(migrations):
            connection.execute(facts.update().where(named).values(value=str(len(migrations))))
        return max(at, len(migrations))


def _dialect(*, sqlite: bool) -> dict[str, str]:
    if sqlite:
        return {"serial": "INTEGER PRIMARY KEY AUTOINCREMENT", "bytes": "BLOB", "true": "1"}
    return {
        "serial": "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        "bytes": "BYTEA",
        "true": "TRUE",
    }
