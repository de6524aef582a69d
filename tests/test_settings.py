"""Settings: what they are worth together, what is refused, and what is not shown."""

import os
from pathlib import Path

import pytest

from clipmill.errors import SettingsError
from clipmill.settings import Settings, describe_settings, read_settings, without_password


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEAD_S", "5.9"),
        ("BEAT_S", "4.5"),
        ("SERVER", "ftp://host"),
        ("SERVER", "localhost:8420"),
        ("DATABASE_URL", "mysql://host/name"),
        ("QUEUE", "0"),
        ("CRASHES", "none"),
        ("ENCODES", "-1"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"CLIPMILL_{name}", value)
    with pytest.raises(SettingsError, match="CLIPMILL_(DEAD_S|" + name + ")") as error:
        read_settings()
    assert error.value.exit_code == 2


def test_a_fault_in_an_address_does_not_tell_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPMILL_DATABASE_URL", "mysql://me:geheim@host/name")
    with pytest.raises(SettingsError) as error:
        read_settings()
    assert "geheim" not in error.value.message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:geheim@host:5432/name",
        "postgresql://me:geh/eim@2@host/name?sslmode=require",
        "postgresql://host/name?user=me&password=geheim",
        "postgresql+psycopg://me:geheim@/name?host=/run",
    ],
)
def test_the_password_of_the_database_is_not_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPMILL_DATABASE_URL", url)
    settings = read_settings()
    shown = str(describe_settings(settings)) + repr(settings)
    assert "eim" not in shown
    assert "***" in shown
    assert settings.jobs_url == settings.engine_url == url


def test_an_address_without_a_password_is_shown_as_it_is() -> None:
    assert without_password("http://127.0.0.1:8420") == "http://127.0.0.1:8420"
    assert without_password("postgresql://me@host:5432/name") == "postgresql://me@host:5432/name"


def test_without_an_address_both_databases_are_files_at_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert settings.jobs_url == f"sqlite:///{tmp_path}/jobs.db"
    assert settings.engine_url == f"sqlite:///{tmp_path}/engine.db"


def test_home_is_a_whole_path_even_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLIPMILL_HOME")
    assert Settings().home == Path.home() / ".local/share/clipmill"


def test_encodes_fit_the_cores_unless_they_are_set() -> None:
    cores = os.cpu_count() or 1
    assert Settings(encodes=5).slots()["encode"] == 5
    assert Settings(threads=1).slots()["encode"] == cores
    assert Settings(threads=256).slots()["encode"] == 1
    assert Settings().slots()["encode"] == max(2, cores // 4)
    assert Settings().slots() | {"encode": 2} == {"download": 6, "transcribe": 2, "score": 3, "encode": 2}
    assert set(Settings().worker_slots().values()) == {0}


def test_source_folders_are_a_list_as_paths_are() -> None:
    listed = Settings(sources=os.pathsep.join(("/a", "", "b", "~/c")))
    assert listed.source_folders == (Path("/a"), Path("b").absolute(), Path.home() / "c")
    assert Settings().source_folders == ()
