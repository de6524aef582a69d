"""What ``serve`` and ``worker`` do: take the settings, start the service, end it gracefully."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clipmill import __version__
from clipmill.errors import SettingsError, UsageError
from clipmill.jobs.accepting import Accepting
from clipmill.jobs.crew import Crew
from clipmill.jobs.database import Database
from clipmill.jobs.store import Store
from clipmill.jobs.tables import migrate
from clipmill.jobs.uploads import Rules, Uploads
from clipmill.media import launcher
from clipmill.settings import Settings, read_settings
from clipmill.studio import Stage
from clipmill.web.app import create_app, serve_app
from clipmill.web.floor import Floor

PATIENCE_S = 10.0
"""How long a request waits for its turn at the database: those who ask wait 30 s at most."""


def serve(host: str, port: int, allow: Sequence[Path], workers: int) -> int:
    """Take jobs over HTTP and keep workers, until SIGTERM or SIGINT."""
    settings = read_settings()
    folders = _folders(allow, settings)
    sandbox = launcher.sandbox_level()  # before any thread, as it starts a process
    with _floor(settings, folders, sandbox) as floor:
        crew = Crew(workers)
        ending = threading.Thread(target=_end, args=(floor, crew, settings.drain_s), daemon=True)

        def started(address: str) -> None:
            print(f"clipmill serves {address}; its data is in {settings.home}.", file=sys.stderr, flush=True)
            crew.start()
            ending.start()

        try:
            serve_app(create_app(floor), host, port, started=started)
        finally:
            floor.stopping.set()
            if ending.ident:
                ending.join()
    return 0


def worker(stages: str, parent: int) -> int:
    """Work on jobs until SIGTERM or SIGINT; ``parent`` is the process to end with, 0 for none."""
    from clipmill.jobs.worker import run_worker  # brings the engine, which takes a second to import

    return run_worker(read_settings(), _stages(stages), parent=parent)


@contextmanager
def _floor(settings: Settings, folders: Sequence[Path], sandbox: str) -> Iterator[Floor]:
    """What the application stands on, for as long as it runs."""
    _make_home(settings.home)
    database = Database(settings.jobs_url, patience_s=PATIENCE_S)
    try:
        migrate(database)
        store = Store(database)
        accepting = Accepting(store, settings.queue)
        try:
            yield Floor(
                store,
                accepting,
                settings.home,
                tuple(folders),
                uploads=Uploads(database, settings.home, _rules(settings)),
                allow=settings.allowed,
                model=settings.model,
                bound=settings.queue,
                reserve_mb=settings.reserve_mb,
                sandbox=sandbox,
                version=__version__,
            )
        finally:
            accepting.close()
    finally:
        database.close()


def _rules(settings: Settings) -> Rules:
    """What uploads may take."""
    return Rules(
        most_bytes=settings.download_mb * 1_000_000,
        each=settings.uploads,
        hours=settings.upload_hours,
        reserve_mb=settings.reserve_mb,
    )


def _end(floor: Floor, crew: Crew, drain_s: float) -> None:
    """Tell the workers to end as soon as the server is told to, so that both come to their end together."""
    floor.stopping.wait()
    crew.stop(drain_s)


def _make_home(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"The folder {home} of CLIPMILL_HOME cannot be made ({error.strerror}): name another one.",
            code="setting-wrong",
        ) from None


def _folders(allow: Sequence[Path], settings: Settings) -> tuple[Path, ...]:
    """The folders that sources may come from: those that are named, else the one where we are."""
    named = (*(folder.expanduser().absolute() for folder in allow), *settings.source_folders)
    missing = [folder for folder in named if not folder.is_dir()]
    if missing:
        raise UsageError(f"There is no folder {missing[0]} to take sources from.", code="options-wrong")
    return named or (Path.cwd(),)


def _stages(named: str) -> tuple[Stage, ...]:
    """The stages in a list with commas; all when it is empty."""
    words = [word.strip() for word in named.split(",") if word.strip()]
    wrong = [word for word in words if word not in set(Stage)]
    if wrong:
        known = ", ".join(Stage)
        raise UsageError(f"There is no stage {wrong[0]!r}: the stages are {known}.", code="options-wrong")
    return tuple(Stage(word) for word in dict.fromkeys(words)) or tuple(Stage)
