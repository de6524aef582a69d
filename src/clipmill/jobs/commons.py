"""What the jobs of one owner share, in the store that all processes have."""

import hashlib
import logging
from pathlib import Path

from clipmill.errors import ClipmillError
from clipmill.jobs.database import Database
from clipmill.jobs.keeping import Kept
from clipmill.jobs.tables import migrate
from clipmill.jobs.turns import StoreTurns
from clipmill.settings import Settings
from clipmill.sharing import ALONE, Anytime, Shared, Turns

SERVICE_STARTS = 5
"""Transcriptions that may begin in a minute at a service, unless the settings say otherwise."""

PATIENCE_S = 10.0
"""How long a command waits for its turn at the store."""

log = logging.getLogger(__name__)


def shared_by(settings: Settings, database: Database, owner: str) -> Shared:
    """What the jobs of ``owner`` share with each other; ``owner`` is empty for who has no name."""
    return Shared(
        keep=Kept(database, owner, days=settings.keep_days, most_mb=settings.keep_mb),
        listening=_turns(database, "transcribe", settings.transcribe_starts or 0),
        asking=StoreTurns(
            database,
            f"speech {_short(settings.speech_url)}",
            limit=_or(settings.transcribe_starts, SERVICE_STARTS),
        ),
        sources=_sources(settings, owner),
        sources_mb=settings.sources_mb,
    )


def shared_here(settings: Settings) -> Shared:
    """What the commands of one user share with each other and with a service that has the same home.

    They share nothing where the store cannot be had: a home that cannot be written, a database that is away.
    """
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = Database(settings.jobs_url, patience_s=PATIENCE_S)
        migrate(database)
    except (ClipmillError, OSError) as error:
        log.warning("Nothing is shared with other jobs, and nothing kept for them: %s", error)
        return ALONE
    return shared_by(settings, database, "")


def _sources(settings: Settings, owner: str) -> Path | None:
    return settings.home / "sources" / _short(owner) if settings.sources_mb else None


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _turns(database: Database, name: str, limit: int) -> Turns:
    return StoreTurns(database, name, limit=limit) if limit else Anytime()
