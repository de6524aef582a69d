"""What jobs share with each other: transcripts that are kept, turns at a service, sources that are there."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class Keep(Protocol):
    """Values that are kept between the jobs of one owner; others' jobs cannot tell that they are there."""

    def find(self, key: str) -> bytes | None:
        """What was kept under a key, while it is fresh."""

    def put(self, key: str, value: bytes) -> None:
        """Keep a value under a key; what was used longest ago goes when there is no room."""

    def claim(self, key: str) -> AbstractContextManager[None]:
        """Be the only one, over all processes, who makes what belongs under a key.

        Raises BusyError ``underway`` while somebody else does.
        """


class Turns(Protocol):
    """When something may begin, over all processes: so many in a minute, and none while a service rests."""

    def look(self) -> None:
        """Raise what ``take`` would raise now, without taking a turn."""

    def take(self) -> None:
        """Take a turn now; raises BusyError ``rate-limited`` or ``service-resting`` with how long to wait."""

    def went_well(self) -> None:
        """The service answered."""

    def went_wrong(self, retry_after: float | None) -> None:
        """The service failed, or sent us away for ``retry_after`` seconds: nobody asks it before."""


class NothingKept:
    """Keeps nothing and knows nobody else."""

    def find(self, key: str) -> bytes | None:  # noqa: ARG002
        """Nothing."""
        return None

    def put(self, key: str, value: bytes) -> None:
        """Forget it at once."""

    @contextmanager
    def claim(self, key: str) -> Iterator[None]:  # noqa: ARG002
        """Nobody else is there."""
        yield


class Anytime:
    """Turns without a limit."""

    def look(self) -> None:
        """Go on."""

    def take(self) -> None:
        """Go on."""

    def went_well(self) -> None:
        """Good."""

    def went_wrong(self, retry_after: float | None) -> None:
        """Never mind."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a job shares with others.

    ``listening`` are the turns of the local model, ``asking`` those at the speech service. ``sources`` is
    the folder of sources that were fetched before, None to fetch each anew; it is this owner's own, and
    ``sources_mb`` is how much all owners' may hold together.
    """

    keep: Keep = field(default_factory=NothingKept)
    listening: Turns = field(default_factory=Anytime)
    asking: Turns = field(default_factory=Anytime)
    sources: Path | None = None
    sources_mb: int = 0


ALONE = Shared()
"""Nobody else is there."""
