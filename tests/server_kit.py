"""A real server on a free port with a real store, in this process, so that a test can make things happen."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipmill.jobs.accepting import Accepting
from clipmill.jobs.database import Database
from clipmill.jobs.journal import Change, tell
from clipmill.jobs.records import JobRecord, Request
from clipmill.jobs.store import Store
from clipmill.jobs.tables import migrate
from clipmill.jobs.uploads import Rules, Uploads
from clipmill.plan import Options
from clipmill.web.app import create_app
from clipmill.web.floor import Floor
from clipmill.web.server import Server
from clipmill.web.watch import Watch


@dataclass
class Site:
    """A running server and what it stands on."""

    url: str
    port: int
    home: Path
    database: Database
    store: Store
    watch: Watch

    def add_job(self, source: str = "/talks/talk.mp4") -> JobRecord:
        """A job in line."""
        job = self.store.accept([Request(source, Options())], bound=10_000)[0]
        assert isinstance(job, JobRecord)
        return job

    def happen(self, job: str, kind: str, *, values: dict[str, Any] | None = None, **data: Any) -> None:
        """Let something happen to a job."""
        with self.database.begin() as connection:
            tell(connection, self.database.now, job, Change(kind, data, values or {}))

    def burst(self, job: str, count: int, **data: Any) -> None:
        """Let much happen to a job at once."""
        with self.database.begin() as connection:
            for _ in range(count):
                tell(connection, self.database.now, job, Change("progress", {"share": 0.5, **data}))

    def end_job(self, job: str, kind: str = "succeeded", **values: Any) -> None:
        """Let a job end."""
        self.happen(job, kind, values={"state": kind, "ended": time.time(), **values})


@contextmanager
def serving(
    home: Path, *, port: int = 0, folders: tuple[Path, ...] = (Path("/"),), **watching: Any
) -> Iterator[Site]:
    """A server on a folder; ``watching`` goes to its ``Watch``. It ends as one that got SIGTERM."""
    home.mkdir(exist_ok=True)
    database = Database(f"sqlite:///{home / 'jobs.db'}")
    migrate(database)
    store = Store(database)
    accepting = Accepting(store, 1000)
    uploads = Uploads(database, home, Rules())
    app = create_app(Floor(store, accepting, home, folders, uploads=uploads, reserve_mb=0))
    if watching:
        app.state.watch = Watch(store, **watching)
    addresses: queue.SimpleQueue[str] = queue.SimpleQueue()
    server = Server(app, started=addresses.put, drain_s=0.0)
    thread = threading.Thread(target=server.serve_on, args=("127.0.0.1", port))
    thread.start()
    try:
        url = addresses.get(timeout=20)
        yield Site(url, int(url.rpartition(":")[2]), home, database, store, app.state.watch)
    finally:
        server.end()
        thread.join()
        accepting.close()
        database.close()
