"""Fixtures that every test can use."""

import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest

from pg_kit import database_url, postgres, postgres_database, postgres_url  # noqa: F401 (fixtures)
from talk_kit import make_talk, write_srt


@pytest.fixture(scope="session")
def ffmpeg() -> Path:
    """The embedded ffmpeg."""
    return Path(imageio_ffmpeg.get_ffmpeg_exe())


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings that are not part of the project; tests that need them skip without."""
    folder = Path(os.environ.get("CLIPMILL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs the shared test data (set CLIPMILL_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def talk(ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small talk of 24 s with one face; its words lie beside it as ``talk.srt``."""
    folder = tmp_path_factory.mktemp("talk")
    write_srt(folder / "talk.srt")
    return make_talk(ffmpeg, folder / "talk.mp4")


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is kept between jobs is kept in a folder of each test's own, which is made when it is needed."""
    folder = tmp_path_factory.getbasetemp() / "homes" / secrets.token_hex(8)
    monkeypatch.setenv("CLIPMILL_HOME", str(folder))


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Programs that a test starts heed SIGINT.

    A shell starts what it puts into the background with SIGINT ignored, tests too, and all that they start in
    turn inherits that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips of 180x320 in a hurry."""
    monkeypatch.setenv("CLIPMILL_HEIGHT", "320")
    monkeypatch.setenv("CLIPMILL_PRESET", "ultrafast")
