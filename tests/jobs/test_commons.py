"""What jobs share: each owner has his own, commands the same as a service, and nobody where it fails."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from clipmill.errors import BusyError
from clipmill.jobs.commons import SERVICE_STARTS, shared_by, shared_here
from clipmill.jobs.database import Database
from clipmill.settings import Settings, read_settings
from clipmill.sharing import ALONE


def settings(home: Path, **changes: object) -> Settings:
    return read_settings().model_copy(update={"home": home, **changes})


def test_a_command_shares_with_a_service_of_the_same_home(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    here = shared_here(settings(home))
    here.keep.put("talk", b"words")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    service = Database(f"sqlite:///{home / 'jobs.db'}")
    assert shared_by(settings(home), service, "").keep.find("talk") == b"words"
    assert shared_by(settings(home), service, "ann").keep.find("talk") is None
    assert shared_here(settings(home)).sources == here.sources
    service.close()


def test_each_owner_has_sources_of_his_own_unless_none_are_kept(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    folders = {shared_by(settings(tmp_path), database, owner).sources for owner in ("", "ann", "../ann")}
    assert len(folders) == 3
    assert {folder.parent for folder in folders if folder} == {tmp_path / "sources"}
    assert shared_by(settings(tmp_path, sources_mb=0), database, "ann").sources is None


@pytest.mark.parametrize(
    ("starts", "listened", "asked"), [(None, 9, SERVICE_STARTS), (0, 9, 9), (3, 3, 3)], ids=str
)
def test_so_many_may_begin_in_a_minute(tmp_path: Path, starts: int | None, listened: int, asked: int) -> None:
    shared = shared_here(settings(tmp_path, transcribe_starts=starts))
    for turns, most in ((shared.listening, listened), (shared.asking, asked)):
        for _ in range(most):
            turns.take()
        if most < 9:
            with pytest.raises(BusyError):
                turns.take()


def test_where_the_store_cannot_be_had_nothing_is_shared_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "jobs.db").write_bytes(b"no database " * 1000)
    down = {"database_url": "postgresql://nobody@127.0.0.1:1/none"}
    assert shared_here(settings(tmp_path / "file" / "home")) is ALONE
    assert shared_here(settings(tmp_path / "broken")) is ALONE
    assert shared_here(settings(tmp_path, **down)) is ALONE
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "Nothing is shared with other jobs, and nothing kept for them"
    ] * 3


def test_help_does_not_load_what_is_shared() -> None:
    told = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    command = f"{told}; import clipmill.cli; clipmill.cli.main(['--help'])"
    done = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True)
    assert "clipmill.commands" in done.stderr.split()
    assert not {"sqlalchemy", "clipmill.jobs.commons"} & set(done.stderr.split())
