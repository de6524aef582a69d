"""Uploads as rows: the value of one, and what is asked of them within a transaction."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from clipmill.errors import UnknownError
from clipmill.jobs.tables import jobs, uploads

BATCH = 500
"""Names in one list of a query: SQLite takes 32,766, older ones 999."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload as the store knows it.

    ``length`` is None while nobody said it; ``received`` the bytes that are safely on the disk. ``metadata``
    is what came with it, as it came. One that is to come in a single piece (``once``) is nothing until then.
    ``sha256`` is there when it is ``done``. Times are seconds since 1970.
    """

    id: str
    owner: str
    name: str
    length: int | None
    received: int
    metadata: str
    once: bool
    done: bool
    sha256: str
    created: float
    touched: float


def read_upload(connection: sa.Connection, upload: str, owner: str) -> Upload:
    """An upload of an owner; raises UnknownError ``upload-unknown``, ``upload-gone``."""
    wanted = sa.select(uploads).where(uploads.c.id == upload, uploads.c.owner == owner)
    row = connection.execute(wanted).one_or_none()
    if row is None:
        raise UnknownError(f"There is no upload {upload}.", code="upload-unknown")
    if row.gone:
        raise _gone(upload)
    return _upload(row)


def newest_uploads(connection: sa.Connection, owner: str, *, limit: int) -> list[Upload]:
    """The newest uploads of an owner first."""
    mine = sa.select(uploads).where(uploads.c.owner == owner, ~uploads.c.gone)
    wanted = mine.order_by(uploads.c.created.desc(), uploads.c.id).limit(limit)
    return [_upload(row) for row in connection.execute(wanted)]


def living_uploads(connection: sa.Connection) -> list[Upload]:
    """All uploads that were not removed, the one first that was touched longest ago."""
    wanted = sa.select(uploads).where(~uploads.c.gone).order_by(uploads.c.touched)
    return [_upload(row) for row in connection.execute(wanted)]


def write_upload(connection: sa.Connection, now: sa.ColumnElement[float], **values: Any) -> None:
    """A new upload of which nothing is here yet."""
    fresh = {"received": 0, "done": False, "sha256": "", "gone": False}
    connection.execute(uploads.insert().values(created=now, touched=now, **fresh, **values))


def change_upload(
    connection: sa.Connection, now: sa.ColumnElement[float], upload: str, **values: Any
) -> None:
    """Change an upload, which touches it; raises UnknownError ``upload-gone``."""
    row = uploads.update().where(uploads.c.id == upload, ~uploads.c.gone)
    if connection.execute(row.values(touched=now, **values)).rowcount == 0:
        raise _gone(upload)


def bury(connection: sa.Connection, over: Collection[str]) -> None:
    """Remember of some uploads only that they were there."""
    for some in _batches(over):
        connection.execute(uploads.update().where(uploads.c.id.in_(some)).values(gone=True))


def forget(connection: sa.Connection, upload: str) -> None:
    """Delete the row of an upload."""
    connection.execute(uploads.delete().where(uploads.c.id == upload))


def forget_gone(connection: sa.Connection, now: sa.ColumnElement[float], seconds: float) -> None:
    """Delete the rows of uploads that were removed and touched so long ago."""
    connection.execute(uploads.delete().where(uploads.c.gone, uploads.c.touched < now - seconds))


def unfinished(connection: sa.Connection, owner: str) -> int:
    """How many uploads an owner has not finished."""
    mine = (uploads.c.owner == owner) & ~uploads.c.done & ~uploads.c.gone
    return connection.scalar(sa.select(sa.func.count()).where(mine)) or 0


def announced_bytes(connection: sa.Connection) -> int:
    """How many bytes are still to come of all uploads whose length is known."""
    left = sa.func.sum(uploads.c.length - uploads.c.received)
    return int(connection.scalar(sa.select(left).where(~uploads.c.done, ~uploads.c.gone)) or 0)


def used_sources(connection: sa.Connection, files: Collection[str]) -> set[str]:
    """Those of some files that are the source of a job that was not removed."""
    found: set[str] = set()
    for some in _batches(files):
        wanted = sa.select(jobs.c.source).where(~jobs.c.removed, jobs.c.source.in_(some))
        found.update(connection.scalars(wanted))
    return found


def _batches(names: Collection[str]) -> Iterator[list[str]]:
    """Names in lists that every database takes."""
    rest = iter(names)
    while some := list(islice(rest, BATCH)):
        yield some


def _gone(upload: str) -> UnknownError:
    return UnknownError(f"The upload {upload} was removed: begin a new one.", code="upload-gone")


def _upload(row: sa.Row[Any]) -> Upload:
    return Upload(
        id=row.id,
        owner=row.owner,
        name=row.name,
        length=row.length,
        received=row.received,
        metadata=row.metadata,
        once=row.once,
        done=row.done,
        sha256=row.sha256,
        created=row.created,
        touched=row.touched,
    )
