"""Everything that the checker judges, read from the database and the disk when a run is over."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from chaos.facts import ClipRow, EventRow, Found, History, JobRow, TaskRow
from chaos.log import Log
from chaos.watch import Watcher


def collect(home: Path, url: str, log: Log, watcher: Watcher | None = None) -> History:
    """The history of a run on ``home`` whose tables are in the database at ``url``."""
    rows = _Rows(url)
    return History(
        answers=tuple(log.answers),
        jobs=tuple(_job(row) for row in rows.of("jobs") if not row["removed"]),
        tasks=tuple(_task(row) for row in rows.of("tasks")),
        clips=tuple(_clip(row) for row in rows.of("clips")),
        events=tuple(_event(row) for row in rows.of("events")),
        listened=tuple(log.listened),
        files=tuple(_files(home / "jobs")),
        expected={job: talk.clips for job, talk in log.talks.items()},
        finished={place: len(marks) for place, marks in watcher.finished.items()} if watcher else {},
        removed=frozenset(log.removed),
        seen=tuple(log.seen),
    )


def count_events(url: str, kind: str) -> int:
    """How many events of a kind there are by now, in all jobs."""
    return sum(row["kind"] == kind for row in _Rows(url).of("events"))


def schema(url: str) -> int:
    """The version of the tables."""
    return next(int(row["value"]) for row in _Rows(url).of("facts") if row["name"] == "schema")


class _Rows:
    """Our own look at the tables: none of the code that wrote them is used."""

    def __init__(self, url: str) -> None:
        address = sa.make_url(url)
        self._prefix = ""
        if address.get_backend_name() != "sqlite":
            address = address.set(drivername="postgresql+psycopg")
            self._prefix = "clipmill."
        self._engine = sa.create_engine(address, poolclass=sa.NullPool)

    def of(self, table: str) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            found = connection.execute(sa.text(f"SELECT * FROM {self._prefix}{table}"))
            return [dict(row) for row in found.mappings()]


def _job(row: dict[str, Any]) -> JobRow:
    key = json.loads(row["metadata"]).get("key", "")
    numbers = (row["run"], row["last_event"], row["clips_ready"], row["clips_expected"])
    fault = f"{row['fault_code']}: {row['fault_message']}"
    return JobRow(row["id"], key, row["state"], *numbers, fault)


def _task(row: dict[str, Any]) -> TaskRow:
    names = ("job", "stage", "clip", "state", "crashes", "worked")
    return TaskRow(*(row[name] for name in names))


def _clip(row: dict[str, Any]) -> ClipRow:
    size = json.loads(row["facts"])["quality"]["size_bytes"]
    return ClipRow(row["id"], row["job"], row["moment"], row["number"], row["revision"], size)


def _event(row: dict[str, Any]) -> EventRow:
    return EventRow(row["job"], row["number"], row["kind"], row["at"], json.loads(row["data"]))


def _files(jobs: Path) -> Iterator[Found]:
    for path in sorted(jobs.rglob("*")):
        if path.is_file() or path.is_symlink():
            job, _, name = path.relative_to(jobs).as_posix().partition("/")
            sha = hashlib.sha256(path.read_bytes()).hexdigest() if name.endswith(".mp4") else ""
            yield Found(job, name, path.lstat().st_size, sha)
