"""A real PostgreSQL for tests and measurements: a server of their own on a free loopback port."""

import contextlib
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

OLDEST = 13
"""The oldest PostgreSQL that clipmill is tested with."""

START_S = 60.0
"""Seconds within which a server must answer after its start, also on a busy machine."""

WATCHED = '"$@" & server=$!; read -r _; kill -QUIT "$server"; wait "$server"'
"""Runs the server until our end of the pipe closes, so that it never outlives whoever started it.

QUIT is PostgreSQL's immediate stop: as if the power went, and the log is replayed at the next start.
"""


class Postgres:
    """One server with its data in a folder of its own under the temporary directory; fsync stays on.

    ``stop`` is always immediate, ``restart`` comes back with the same data on the same port, and ``close``
    removes the data as well. Works as a context manager. Raises RuntimeError when there is no PostgreSQL
    of a version that will do.
    """

    def __init__(self, *, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        found = find_programs()
        if found is None:
            raise RuntimeError(f"There is no PostgreSQL {OLDEST} or newer: apt-get install postgresql.")
        self.programs = found
        self.folder = Path(tempfile.mkdtemp(prefix="clipmill-pg-"))
        self.port = port or free_port()
        self.settings = {"max_connections": "100", **(settings or {})}
        self._server: subprocess.Popen[bytes] | None = None
        self._number = count(1)

    def __enter__(self) -> "Postgres":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Address of the first database, as clipmill takes it."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Address of one database of this server."""
        return f"postgresql://clipmill@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server, with a new data folder at the first time, and wait until it answers."""
        if self._server is not None:
            return
        if not self._data.exists():
            self._create_data()
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                ["sh", "-c", WATCHED, "sh", *self._command()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **_account(),
            )
        self._await_answer(time.monotonic() + START_S)

    def stop(self) -> None:
        """End the server at once, as a crash would: open connections break."""
        server, self._server = self._server, None
        if server is None:
            return
        if server.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                server.stdin.close()
        server.wait(timeout=START_S)

    def restart(self) -> None:
        """A crash and the start after it."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop, and remove the data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self) -> str:
        """A new empty database; its address."""
        name = f"test_{next(self._number)}"
        self.say(f"CREATE DATABASE {name}")
        return self.url_of(name)

    def drop_database(self, url: str) -> None:
        """Remove a database of ``create_database``, whoever still uses it."""
        self.say(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def say(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _create_data(self) -> None:
        account = _account()
        if account:
            os.chown(self.folder, account["user"], account["group"])
        initdb = (str(self.programs / "initdb"), "-D", str(self._data), "-U", "clipmill")
        command = (*initdb, "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        subprocess.run(
            command, check=True, capture_output=True, cwd=self.folder, timeout=2 * START_S, **account
        )

    def _command(self) -> tuple[str, ...]:
        own = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        options = (f"--{name}={value}" for name, value in {**self.settings, **own}.items())
        return (str(self.programs / "postgres"), "-D", str(self._data), *options)

    def _await_answer(self, deadline: float) -> None:
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if self._server is None or self._server.poll() is not None or time.monotonic() > deadline:
                    said = self._log.read_text(errors="replace")[-2000:]
                    self.stop()
                    raise RuntimeError(f"PostgreSQL does not start: {said}") from error
            time.sleep(0.05)


def find_programs() -> Path | None:
    """The folder of PostgreSQL's programs: the one in PATH when it is new enough, else Debian's newest."""
    here = shutil.which("postgres")
    folders = [Path(here).parent] if here else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    return next((folder for folder in folders if _version(folder) >= OLDEST), None)


def _version(folder: Path) -> int:
    program = folder / "postgres"
    if not program.exists() or not (folder / "initdb").exists():
        return 0
    said = subprocess.run([str(program), "--version"], check=True, capture_output=True, text=True).stdout
    major = re.search(r"\d+", said)
    return int(major[0]) if major else 0


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _account() -> dict[str, Any]:
    """Whose process the server is: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for all tests of this run; it is started when the first test asks."""
    if find_programs() is None:
        pytest.skip(f"needs PostgreSQL {OLDEST} or newer (apt-get install postgresql)")
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    """The address of that server's first database; tests that write take ``postgres_database``."""
    return postgres.url


@pytest.fixture
def postgres_database(postgres: Postgres) -> Iterator[str]:
    """The address of a database for this test alone."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database for this test alone, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.db'}"
    url: str = request.getfixturevalue("postgres_database")
    return url
