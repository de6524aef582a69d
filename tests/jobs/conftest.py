"""Fixtures for tests of the tables: one database of each kind for a module, emptied for each test."""

from collections.abc import Iterator

import pytest

from clipmill.jobs.database import Database
from clipmill.jobs.store import Store
from pg_kit import Postgres
from store_kit import empty, open_database


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database for a module's tests, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('store') / 'jobs.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.create_database()
    yield url
    server.drop_database(url)


@pytest.fixture(scope="module")
def one_database(store_url: str) -> Iterator[Database]:
    """It with its tables."""
    database = open_database(store_url)
    yield database
    database.close()


@pytest.fixture
def database(one_database: Database) -> Database:
    """It with nothing in its tables."""
    empty(one_database)
    return one_database


@pytest.fixture
def store(database: Database) -> Store:
    """The jobs in it: none yet."""
    return Store(database)
