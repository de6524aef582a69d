"""What the jobs of one owner share, in the store that all processes have."""

from clipmill.errors import BusyError
from clipmill.jobs.database import Database
from clipmill.jobs.limits import take_token
from clipmill.settings import Settings
from clipmill.sharing import Shared

SERVICE_STARTS = 5
"""Transcriptions that may begin in a minute at a service, unless the settings say otherwise."""


def shared_by(settings: Settings, database: Database, owner: str) -> Shared:  # noqa: ARG001
    """What the jobs of ``owner`` share with each other; ``owner`` is empty for who has no name."""
    return Shared(listening=StoreTurns(database, "transcribe", settings.transcribe_starts or 0))


class StoreTurns:
    """Turns over all processes of a store: at most ``limit`` in a minute, 0 for no limit."""

    def __init__(self, database: Database, name: str, limit: int) -> None:
        self._database = database
        self._name = name
        self._limit = limit

    def take(self) -> None:
        """Take a turn now; raises BusyError ``rate-limited`` with how long to wait."""
        wait_s = take_token(self._database, self._name, limit=self._limit) if self._limit else 0.0
        if wait_s:
            raise BusyError(
                f"{self._limit} transcriptions have begun in the last minute: this one waits its turn.",
                code="rate-limited",
                retry_after=wait_s,
            )

    def went_well(self) -> None:
        """Nothing to remember."""

    def went_wrong(self, retry_after: float | None) -> None:
        """Nothing to remember."""
