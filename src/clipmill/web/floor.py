"""What the HTTP application stands on: the store, the folders and the figures that it needs."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from clipmill.addresses import NOWHERE, Place
from clipmill.jobs.store import Accepting, Store
from clipmill.jobs.uploads import Uploads
from clipmill.web.reception import USUAL, Pace
from clipmill.workspace import Workspace

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The names under which this machine may be spoken to."""


@dataclass(frozen=True, slots=True)
class Floor:
    """All that the application needs from outside.

    ``home`` holds ``jobs/<job id>/``. ``folders`` are those that a source or transcript may lie in,
    ``allow`` the places that may be fetched from although they are not public. ``pace`` is how slow the
    sender of an upload may be.
    ``model`` is the server's own speech model, ``bound`` how many jobs may be queued, ``reserve_mb`` the
    free disk in MiB that is never used, ``sandbox`` the level that children run at. ``hosts`` are the names
    that a request may be addressed to. ``link_s`` is how long a signed link lives, ``wait_s`` the longest
    that a look at a job waits. ``stopping`` is set when the server is about to end.
    """

    store: Store
    accepting: Accepting
    home: Path
    folders: tuple[Path, ...] = ()
    uploads: Uploads = field(kw_only=True)
    allow: frozenset[Place] = NOWHERE
    pace: Pace = USUAL
    model: str = "auto"
    bound: int = 100
    reserve_mb: int = 200
    sandbox: str = ""
    version: str = ""
    hosts: tuple[str, ...] = LOOPBACK
    link_s: float = 24 * 3600.0
    wait_s: float = 60.0
    stopping: threading.Event = field(default_factory=threading.Event)

    def workspace(self, job: str) -> Workspace:
        """The folder of one job."""
        return Workspace(self.home / "jobs" / job)


def floor_of(connection: HTTPConnection) -> Floor:
    """The floor of the application that a request or a WebSocket came to."""
    return cast(Floor, connection.app.state.floor)


Ground = Annotated[Floor, Depends(floor_of)]
"""A parameter of an endpoint: the floor."""
