"""The means of work: what the settings ask for is found, and encodes share the cores."""

import os
from pathlib import Path

import pytest

from clipmill.editing.command import Encoder
from clipmill.errors import SettingsError
from clipmill.means import Means, speech_service, threads_an_encode
from clipmill.settings import read_settings


@pytest.mark.parametrize(
    ("cores", "at_once", "threads"), [(2, 1, 0), (2, 2, 1), (1, 4, 1), (8, 2, 4), (8, 3, 2), (64, 1, 0)]
)
def test_encodes_at_once_share_the_cores_and_one_alone_has_all(
    cores: int, at_once: int, threads: int
) -> None:
    assert threads_an_encode(cores, at_once) == threads


def test_the_services_are_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("THREADS", "3"), ("HEIGHT", "320"), ("MAX_HOURS", "2"), ("CRF", "20")):
        monkeypatch.setenv(f"CLIPMILL_{name}", value)
    services = Means(read_settings(), at_once=2).services(lambda *_: None)
    assert os.access(services.ffmpeg, os.X_OK)
    assert (services.encoding.encoder, services.encoding.crf) == (Encoder.X264, 20)
    assert services.encoding.threads == 3
    assert (services.height, services.max_seconds) == (320, 7200)


def test_a_speech_service_and_its_key_come_from_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert speech_service(read_settings()) is None
    (tmp_path / "key").write_text("sk-1\n")
    monkeypatch.setenv("CLIPMILL_SPEECH_URL", "https://speech.example.org/v1/")
    monkeypatch.setenv("CLIPMILL_SPEECH_KEY_FILE", str(tmp_path / "key"))
    service = speech_service(read_settings())
    assert service is not None
    assert (service.url, service.key) == ("https://speech.example.org/v1", "sk-1")
    assert "sk-1" not in repr(service)
    (tmp_path / "key").unlink()
    with pytest.raises(SettingsError):
        speech_service(read_settings())


def test_a_program_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLIPMILL_FFMPEG", str(tmp_path / "ffmpeg"))
    with pytest.raises(SettingsError):
        Means(read_settings()).services(lambda *_: None)
