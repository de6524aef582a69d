"""Videos that are sent to the server piece by piece: their rows, their folders, and what becomes of them.

A row says how many bytes are safely on the disk, and only that is ever told: it grows after a flush, so that
after any crash what was told is there. What a file has beyond it is cut off before more is written.
"""

import os
import re
import secrets
import shutil
from base64 import b32encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clipmill.errors import BudgetError, BusyError, StateError
from clipmill.jobs.database import Database
from clipmill.jobs.receiving import Digests, Receiving, locked_file
from clipmill.jobs.upload_rows import (
    Upload,
    announced_bytes,
    bury,
    change_upload,
    forget,
    forget_gone,
    living_uploads,
    newest_uploads,
    read_upload,
    unfinished,
    used_sources,
    write_upload,
)
from clipmill.workspace import demand_reserve, folder_name

SETTLED_S = 60.0
"""Who sends an upload in one piece has taken hold of its file within this time."""

FULL_RETRY_S = 60.0
"""Who has too many unfinished uploads may come back after this; one may be finished by then."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What uploads may take: bytes of one, unfinished ones of an owner, hours untouched, disk left free."""

    most_bytes: int = 20_000_000_000
    each: int = 20
    hours: float = 24.0
    reserve_mb: int = 200


class Uploads:
    """The uploads of one home; for any number of threads, and processes beside this one."""

    def __init__(self, database: Database, home: Path, rules: Rules) -> None:
        self._database = database
        self._now = database.now
        self._digests = Digests()
        self.folder = home / "uploads"
        self.rules = rules

    # --- looking ---

    def find(self, upload: str, owner: str) -> Upload:
        """One upload; raises UnknownError ``upload-unknown``, ``upload-gone`` for one that was removed."""
        found = self._read(upload, owner)
        if found.done or found.received != found.length:
            return found
        return self.settled(upload, owner)  # it was cut off at its very end

    def settled(self, upload: str, owner: str, *, wait_s: float = 0.0) -> Upload:
        """One upload as it is when nobody writes to it, waiting up to ``wait_s`` seconds for that."""
        found = self._read(upload, owner)
        if not found.done:
            with suppress(StateError), self.receiving(found, wait_s=wait_s) as file:
                if file.offset == found.length:
                    self.finish(found, file)
        return self._read(upload, owner)

    def all_of(self, owner: str, *, limit: int = 100) -> list[Upload]:
        """The newest uploads of an owner first."""
        with self._database.read() as connection:
            return newest_uploads(connection, owner, limit=limit)

    def file(self, upload: Upload) -> Path:
        """Where an upload's bytes are, under a name that says what it is."""
        return self.folder / upload.id / safe_name(upload.name)

    def source(self, upload: str, owner: str) -> Path:
        """The file of a finished upload for a job; it stays for a while from now on.

        Raises UnknownError as ``find``, StateError ``upload-unfinished``.
        """
        found = self.find(upload, owner)
        if not found.done:
            raise StateError(
                f"The upload {upload} is not finished: send the rest of it first.", code="upload-unfinished"
            )
        with self._database.begin() as connection:
            self._set(connection, upload)
        return self.file(found)

    def of_source(self, source: str) -> str:
        """The upload whose file a job's source is; empty when it is another file."""
        path = Path(source)
        return path.parent.name if path.parent.parent == self.folder else ""

    def expires(self, upload: Upload) -> float:
        """When an upload that nobody goes on with or uses is removed."""
        return upload.touched + self.rules.hours * 3600

    # --- making ---

    def create(
        self, owner: str, name: str, length: int | None, *, metadata: str = "", once: bool = False
    ) -> Upload:
        """A new upload of which nothing is here yet.

        Raises BusyError ``too-many-uploads``, and BudgetError ``disk-full`` when it does not fit beside the
        reserve and what others have announced.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = b32encode(secrets.token_bytes(15)).decode().lower()
        with self._database.begin(lock="uploads") as connection:
            self._demand_place(connection, owner)
            self._demand_room(connection, length or 0)
            values = {"name": name, "length": length, "metadata": metadata, "once": once}
            write_upload(connection, self._now, id=new, owner=owner, **values)
        return self.find(new, owner)

    def announce(self, upload: Upload, length: int) -> None:
        """Set the length of an upload that was begun without; raises BudgetError ``disk-full``."""
        with self._database.begin(lock="uploads") as connection:
            self._demand_room(connection, length - upload.received)
            self._set(connection, upload.id, length=length)

    @contextmanager
    def receiving(self, upload: Upload, *, wait_s: float = 0.0) -> Iterator[Receiving]:
        """The file of an upload, to go on with where the row says, while nobody else writes to it.

        Raises StateError ``upload-locked`` when somebody still does after ``wait_s`` seconds, UnknownError
        when it is gone.
        """
        path = self.file(upload)
        with locked_file(path, wait_s=wait_s) as descriptor:
            known = self._read(upload.id, upload.owner)
            size = os.fstat(descriptor).st_size
            offset = min(size, known.received)
            if size > offset:
                os.ftruncate(descriptor, offset)
            file = Receiving(descriptor, path, offset, self._digests.of(upload.id, offset))
            if known.received > offset:  # the disk lost it: nothing that is not there may be told
                self.commit(upload, file)
            try:
                yield file
            finally:
                file.roll_back()
                self._digests.keep(upload.id, file)

    def commit(self, upload: Upload, file: Receiving) -> None:
        """Bring to the disk what was written, then tell of it; UnknownError when the upload is gone."""
        received = file.flush()
        with self._database.begin() as connection:
            self._set(connection, upload.id, received=received)
        file.told = received

    def demand_reserve(self) -> None:
        """Raise BudgetError ``disk-full`` when the disk is down to its reserve."""
        demand_reserve(self.folder, reserve_mb=self.rules.reserve_mb)

    def ended(self, upload: Upload, file: Receiving) -> Upload:
        """The upload after a request for it came to its end: now all of it may be here."""
        if upload.once or file.offset == upload.length:
            self.finish(upload, file)
        return self._read(upload.id, upload.owner)

    def finish(self, upload: Upload, file: Receiving) -> None:
        """All has come."""
        sha256 = file.sha256()
        with self._database.begin() as connection:
            self._set(
                connection, upload.id, length=file.offset, received=file.offset, done=True, sha256=sha256
            )
        self._digests.forget(upload.id)

    # --- removing ---

    def remove(self, upload: Upload) -> None:
        """Remove an upload and its file; raises StateError ``upload-in-use`` while it is a job's source."""
        with self._database.begin(lock="uploads") as connection:
            if self._used(connection, [upload]):
                raise StateError(
                    f"The upload {upload.id} is the source of a job: remove the job first.",
                    code="upload-in-use",
                )
            self._set(connection, upload.id, gone=True)
        self._drop(upload.id)

    def discard(self, upload: Upload) -> None:
        """Leave nothing of an upload, not even that it was there."""
        self._drop(upload.id)  # first: the database may need the room
        with self._database.begin() as connection:
            forget(connection, upload.id)

    def sweep(self) -> None:
        """Remove what nobody will go on with: old uploads that no job uses, and what crashes left."""
        folders = [place.name for place in self.folder.iterdir()] if self.folder.is_dir() else []
        with self._database.begin(lock="uploads") as connection:
            now = float(connection.scalar(sa.select(self._now)) or 0.0)
            found = living_uploads(connection)
            stale = [upload for upload in found if self._stale(upload, now)]
            used = self._used(connection, stale)
            over = {upload.id for upload in stale} - used
            bury(connection, over)
            forget_gone(connection, self._now, 2 * self.rules.hours * 3600)
        living = {upload.id for upload in found} - over
        for name in folders:
            if name not in living:
                self._drop(name)

    def _stale(self, upload: Upload, now: float) -> bool:
        """Whether nobody goes on with an upload; one that must come at once is only while it comes."""
        if now > self.expires(upload):
            return True
        if upload.done or not upload.once or now < upload.touched + SETTLED_S:
            return False
        try:
            with locked_file(self.file(upload)):
                return True
        except StateError:
            return False

    def _used(self, connection: sa.Connection, found: Sequence[Upload]) -> set[str]:
        """Those of some uploads that are the source of a job that was not removed."""
        files = {str(self.file(upload)): upload.id for upload in found}
        return {files[source] for source in used_sources(connection, files)}

    def _drop(self, upload: str) -> None:
        self._digests.forget(upload)
        shutil.rmtree(self.folder / upload, ignore_errors=True)

    # --- rows ---

    def _read(self, upload: str, owner: str) -> Upload:
        with self._database.read() as connection:
            return read_upload(connection, upload, owner)

    def _set(self, connection: sa.Connection, upload: str, **values: Any) -> None:
        change_upload(connection, self._now, upload, **values)

    def _demand_place(self, connection: sa.Connection, owner: str) -> None:
        if unfinished(connection, owner) >= self.rules.each:
            raise BusyError(
                f"There are {self.rules.each} unfinished uploads: finish or remove one of them first.",
                code="too-many-uploads",
                retry_after=FULL_RETRY_S,
            )

    def _demand_room(self, connection: sa.Connection, length: int) -> None:
        free, reserve_mb = shutil.disk_usage(self.folder).free, self.rules.reserve_mb
        if free < length + announced_bytes(connection) + (reserve_mb << 20):
            needed = f"The upload needs {length / 2**20:.0f} MiB" if length else "There is no room"
            raise BudgetError(
                f"{needed} beside a reserve of {reserve_mb} MiB and what other uploads will take, but the"
                f" server's disk has {free >> 20} MiB free: remove jobs or free some space.",
                code="disk-full",
            )


def safe_name(name: str) -> str:
    """A file's name that is safe on every system and still says what the file is."""
    stem, dot, kind = name.rpartition(".")
    known = bool(stem.strip(" .-")) and re.fullmatch("[A-Za-z0-9]{1,8}", kind)
    plain = folder_name(stem if known else name)
    return f"{plain}{dot}{kind.lower()}" if known else plain
