"""The door to the database: its rules hold on both kinds, and its faults come out as what they are."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from clipmill.errors import BudgetError, BusyError, MissingError, SettingsError
from clipmill.jobs.database import SCHEMA, Database, engine_for
from clipmill.jobs.store import Store
from clipmill.jobs.tables import METADATA, MIGRATIONS, facts, migrate
from pg_kit import Postgres
from store_kit import ask, open_database, put, script


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with tables, once of each kind."""
    database = open_database(database_url)
    yield database
    database.close()


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """The same database for an impatient second process."""
    other = Database(database_url, patience_s=0.3)
    yield other
    other.close()


def write(database: Database, name: str, value: str = "") -> None:
    with database.begin() as connection:
        connection.execute(facts.insert().values(name=name, value=value))


def names(connection: sa.Connection) -> set[str]:
    return set(connection.scalars(sa.select(facts.c.name)))


# --- transactions ---------------------------------------------------------------------------------


def test_what_is_written_is_there_for_others(database: Database, other: Database) -> None:
    write(database, "a")
    with other.read() as connection:
        assert "a" in names(connection)


def test_an_error_takes_back_the_whole_transaction(database: Database) -> None:
    def half() -> None:
        with database.begin() as connection:
            connection.execute(facts.insert().values(name="a", value=""))
            raise KeyError("half way")

    with pytest.raises(KeyError):
        half()
    with database.read() as connection:
        assert "a" not in names(connection)


def test_a_reader_sees_one_moment_and_keeps_no_writer_waiting(database: Database, other: Database) -> None:
    with database.read() as connection:
        before = names(connection)
        write(other, "meanwhile")
        assert names(connection) == before
    with database.read() as connection:
        assert "meanwhile" in names(connection)


def test_readers_need_not_wait_for_a_writer(database: Database, other: Database) -> None:
    with database.begin() as connection:
        connection.execute(facts.insert().values(name="not yet", value=""))
        with other.read() as reader:
            assert "not yet" not in names(reader)


def test_a_named_lock_keeps_all_others_out_until_the_transaction_ends(
    database: Database, other: Database
) -> None:
    def try_it() -> None:
        with other.begin(lock="door"):
            pass

    with database.begin(lock="door"), pytest.raises(BusyError):
        try_it()
    try_it()


def test_counting_first_and_writing_then_is_safe_under_a_lock(database: Database) -> None:
    def count_up() -> None:
        for _ in range(10):
            with database.begin(lock="count") as connection:
                row = facts.c.name == "count"
                value = int(connection.scalar(sa.select(facts.c.value).where(row)) or 0)
                connection.execute(facts.update().where(row).values(value=str(value + 1)))

    write(database, "count", "0")
    threads = [threading.Thread(target=count_up) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.scalar(sa.select(facts.c.value).where(facts.c.name == "count")) == "60"


def test_the_clock_is_the_databases_and_runs(database: Database) -> None:
    with database.read() as connection:
        first = connection.scalar(sa.select(database.now))
        time.sleep(0.02)
        second = connection.scalar(sa.select(database.now))
    assert isinstance(first, float)
    assert isinstance(second, float)
    assert first < second
    assert abs(second - time.time()) < 60


def test_sqlite_keeps_a_log_ahead_and_waits_for_the_disk(tmp_path: Path) -> None:
    def pragmas(**options: bool) -> list[object]:
        engine = engine_for(f"sqlite:///{tmp_path / 'a.db'}", patience_s=7, **options)
        with engine.connect() as connection:
            asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "journal_size_limit")
            found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
        engine.dispose()
        return found

    assert pragmas() == ["wal", 2, 1, 7000, 64 << 20]
    assert pragmas(durable=False) == ["wal", 1, 1, 7000, 64 << 20]


def test_nobody_else_on_the_machine_reads_the_file(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    write(database, "secret")
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["a.db", "a.db-shm", "a.db-wal"]
    assert [file.stat().st_mode & 0o077 for file in files] == [0, 0, 0]
    database.close()


def test_the_log_of_sqlite_is_brought_back_into_its_file(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    for number in range(20):
        write(database, str(number), "x" * 100_000)
    log = tmp_path / "a.db-wal"
    assert log.stat().st_size > 0
    database.checkpoint()
    assert log.stat().st_size == 0
    database.close()


@pytest.mark.timeout(20)
def test_the_log_is_brought_back_without_waiting_for_readers(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.read() as connection:
        names(connection)
        write(database, "a")
        database.checkpoint()
        write(database, "b")
    database.checkpoint()
    assert (tmp_path / "a.db-wal").stat().st_size == 0
    database.close()


# --- faults ---------------------------------------------------------------------------------------


def test_a_wait_that_is_too_long_says_when_to_come_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    database, other = open_database(url), Database(url, patience_s=0.1)
    with database.begin(), pytest.raises(BusyError) as caught:
        write(other, "a")
    assert (caught.value.code, caught.value.retry_after) == ("database-down", 5.0)
    assert "a.db" in caught.value.message
    database.close()
    other.close()


def test_the_same_name_twice_is_not_called_a_database_that_is_down(database: Database) -> None:
    write(database, "a")
    with pytest.raises(sa.exc.IntegrityError):
        write(database, "a")


def test_a_wrong_statement_is_not_called_a_database_that_is_down(database: Database) -> None:
    def ask_nonsense() -> None:
        with database.read() as connection:
            connection.execute(sa.text("SELECT nothing FROM nowhere"))

    with pytest.raises(sa.exc.DBAPIError):
        ask_nonsense()


def test_a_database_that_cannot_grow_is_told_as_a_full_disk(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")

    def fill() -> None:
        with database.begin() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 40")
            connection.execute(facts.insert().values(name="big", value="x" * 1_000_000))

    with pytest.raises(BudgetError, match="full") as caught:
        fill()
    assert caught.value.code == "disk-full"
    database.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    argv = ("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder))
    if not shutil.which("mount") or subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_what_was_written_before_is_kept(small_disk: Path) -> None:
    database = open_database(f"sqlite:///{small_disk / 'a.db'}")
    written = []

    def fill() -> None:
        for number in range(100):
            write(database, str(number), "x" * 50_000)
            written.append(number)

    with pytest.raises(BudgetError) as caught:
        fill()
    assert caught.value.code == "disk-full"
    with pytest.raises(BudgetError):
        database.checkpoint()
    with database.read() as connection:
        assert len(names(connection)) == len(written) + 1
    database.close()


def test_a_folder_that_is_not_there_is_a_database_that_is_down(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'nowhere' / 'a.db'}")
    with pytest.raises(BusyError):
        migrate(database)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    file.write_bytes(b"this is no database" * 1000)
    with pytest.raises(MissingError, match="damaged") as caught:
        open_database(f"sqlite:///{file}")
    assert caught.value.code == "database-damaged"


def test_a_server_that_is_away_is_named_and_used_again_when_it_is_back(postgres: Postgres) -> None:
    database = open_database(postgres.create_database())
    write(database, "before")
    postgres.stop()
    for act in (lambda: write(database, "lost"), lambda: migrate(database)):
        with pytest.raises(BusyError) as caught:
            act()
        assert caught.value.code == "database-down"
    postgres.start()
    write(database, "after")
    with database.read() as connection:
        assert {"before", "after"} <= names(connection)
    database.close()


def test_a_connection_that_breaks_in_a_transaction_is_a_database_that_is_down(postgres_database: str) -> None:
    database = open_database(postgres_database)

    def break_off() -> None:
        with database.begin() as connection:
            number = connection.scalar(sa.select(sa.func.pg_backend_pid()))
            with database.begin() as another:
                another.execute(sa.select(sa.func.pg_terminate_backend(number)))
            connection.execute(sa.select(facts))

    with pytest.raises(BusyError):
        break_off()
    write(database, "after")
    database.close()


def test_more_transactions_than_connections_is_said_not_waited_for(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}", patience_s=0.1)
    held = [database.read() for _ in range(20)]
    for context in held:
        context.__enter__()
    with pytest.raises(BusyError):
        write(database, "a")
    for context in held:
        context.__exit__(None, None, None)
    write(database, "a")
    database.close()


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["mysql://u@h/d", "nonsense", "sqlite://", "sqlite:///:memory:", ""])
def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Database(url)
    assert caught.value.code == "database-address"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_name_of_postgresql_is_understood(scheme: str, postgres_database: str) -> None:
    database = open_database(postgres_database.replace("postgresql", scheme, 1))
    write(database, "a")
    database.close()


def test_a_password_is_never_told() -> None:
    database = Database("postgresql://user:hunter2@127.0.0.1:9/clips", patience_s=1)
    with pytest.raises(BusyError) as caught:
        migrate(database)
    assert "hunter2" not in str(caught.value) + database.name


# --- migrations -----------------------------------------------------------------------------------


def test_the_migrated_tables_are_those_that_the_code_speaks_about(database: Database) -> None:
    with database.read() as connection:
        schema = None if database.sqlite else SCHEMA
        found = sa.inspect(connection)
        assert set(found.get_table_names(schema)) == set(METADATA.tables)
        for table in METADATA.tables.values():
            columns = {column["name"]: column for column in found.get_columns(table.name, schema)}
            assert {name: column["nullable"] for name, column in columns.items()} == {
                column.name: bool(column.nullable) for column in table.columns
            } or database.sqlite
            assert set(columns) == {column.name for column in table.columns}, table.name
            key = found.get_pk_constraint(table.name, schema)["constrained_columns"]
            assert set(key) == {column.name for column in table.primary_key}, table.name


def test_our_tables_leave_the_rest_of_a_shared_database_alone(postgres_database: str) -> None:
    database = open_database(postgres_database)
    with database.read() as connection:
        assert sa.inspect(connection).get_table_names("public") == []
    database.close()


def test_processes_that_start_together_migrate_once(database_url: str) -> None:
    lines = (
        "import sys, threading",
        "from clipmill.jobs.database import Database",
        "from clipmill.jobs.tables import migrate",
        "sys.stdin.readline()",
        f"print(migrate(Database({database_url!r})))",
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(script(*lines), **pipes) for _ in range(5)]  # type: ignore[call-overload]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert said == [str(len(MIGRATIONS))] * len(processes)
    assert [process.returncode for process in processes] == [0] * len(processes)


def test_a_migration_carries_over_what_is_there(database: Database) -> None:
    job = put(Store(database))[0]
    newer = (*MIGRATIONS, ("ALTER TABLE jobs ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'",))
    assert migrate(database, migrations=newer) == len(newer)
    with database.read() as connection:
        table = "jobs" if database.sqlite else f"{SCHEMA}.jobs"
        assert connection.execute(sa.text(f"SELECT id, mood FROM {table}")).all() == [(job.id, "calm")]


def test_a_process_of_the_version_before_works_on_with_a_newer_schema(database: Database) -> None:
    newer = (
        *MIGRATIONS,
        ("ALTER TABLE jobs ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'", "CREATE TABLE moods (mood TEXT)"),
    )
    migrate(database, migrations=newer)
    assert migrate(database) == len(newer)
    store = Store(database)
    job = put(store, ask("/new.mp4"))[0]
    assert store.take_jobs(1) == [(job.id, 1)]
    assert store.job(job.id).request.source == "/new.mp4"


def test_a_migration_that_fails_leaves_the_schema_as_it_was(database: Database) -> None:
    broken = (*MIGRATIONS, ("CREATE TABLE moods (mood TEXT)", "ALTER TABLE nowhere ADD COLUMN mood TEXT"))
    with pytest.raises(sa.exc.DBAPIError):
        migrate(database, migrations=broken)
    assert migrate(database) == len(MIGRATIONS)
    with database.read() as connection:
        found = sa.inspect(connection).get_table_names(None if database.sqlite else SCHEMA)
    assert "moods" not in found
