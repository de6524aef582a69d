"""What the doctor finds, says, and how it says what to do."""

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from clipmill.doctor import Check, Health, Report, Trial, examine
from clipmill.errors import ToolError
from clipmill.media.fetch import Fetching
from clipmill.media.speech_api import SpeechService
from clipmill.reach import reach


@pytest.fixture
def fonts(tmp_path: Path) -> Path:
    folder = tmp_path / "fonts"
    folder.mkdir()
    (folder / "Face.ttf").write_bytes(b"")
    return folder


def check(report: Report, name: str) -> Check:
    return next(check for check in report.checks if check.name == name)


def test_an_installation_that_works_is_healthy(fonts: Path, tmp_path: Path) -> None:
    trials: dict[str, Trial] = {"face detector": lambda: "found the face of the sample"}
    report = examine(ffmpeg=None, fonts=fonts, folder=tmp_path, trials=trials)
    assert report.healthy, report.text()
    assert "libx264" in check(report, "encoders").found
    assert check(report, "face detector").found == "found the face of the sample"
    assert report.text().endswith("Ready to make clips.")


def test_a_dead_model_is_missing_though_its_package_is_there(fonts: Path, tmp_path: Path) -> None:
    def dead() -> str:
        raise ToolError("faces crashed (SIGSEGV).", code="tool-crashed", signal="SIGSEGV")

    report = examine(ffmpeg=None, fonts=fonts, folder=tmp_path, trials={"face detector": dead})
    assert check(report, "face model").health is Health.OK
    assert check(report, "face detector").health is Health.MISSING
    assert "SIGSEGV" in report.text()
    assert not report.healthy


def test_a_wrong_ffmpeg_setting_and_an_empty_font_folder_are_told_with_a_remedy(tmp_path: Path) -> None:
    report = examine(ffmpeg=tmp_path / "none", fonts=tmp_path, folder=tmp_path)
    for name in ("ffmpeg", "fonts"):
        assert check(report, name).health is Health.MISSING
        assert check(report, name).remedy
        assert check(report, name).remedy in report.text()


def test_the_report_is_json_for_programs(fonts: Path, tmp_path: Path) -> None:
    report = examine(ffmpeg=None, fonts=fonts, folder=tmp_path)
    facts = json.loads(json.dumps(report.facts()))
    assert facts["healthy"] is report.healthy
    assert {"name", "health", "found", "remedy"} == set(facts["checks"][0])
    assert {"python", "ffmpeg", "sandbox", "disk"} <= {one["name"] for one in facts["checks"]}


def test_a_warning_does_not_stop_anybody() -> None:
    report = Report((Check("disk", Health.WARN, "0.5 GB free", "Make room."),))
    assert report.healthy
    assert "-> Make room." in report.text()


# --- addresses and a speech service -------------------------------------------------------------------


@pytest.fixture
def service() -> Iterator[str]:
    """A speech service that knows one key."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/v1/models" and self.headers["authorization"] == "Bearer right"
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def reached(today: date = date(2026, 11, 22), speech: SpeechService | None = None, **how: Path) -> Report:
    return Report(reach(Fetching(**how), speech, today=today))


def test_what_fetches_is_tried_and_its_age_told() -> None:
    report = reached()
    version = check(report, "yt-dlp").found.split()[0]
    day = date(*(int(part) for part in version.split(".")[:3]))
    assert check(reached(today=day), "yt-dlp").health is Health.OK
    old = check(reached(today=date(day.year + 1, day.month, day.day)), "yt-dlp")
    assert old.health is Health.WARN
    assert "CLIPMILL_YTDLP" in old.remedy
    assert check(report, "deno").health is Health.OK
    assert check(report, "fetch sandbox").found


def test_a_version_of_yt_dlp_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "yt.zip").write_bytes(b"no zip")
    report = reached(ytdlp=tmp_path / "yt.zip")
    assert check(report, "yt-dlp").health is Health.WARN
    assert report.healthy  # files can be worked on


def test_cookies_are_looked_at_and_never_told(tmp_path: Path) -> None:
    assert check(reached(cookies=tmp_path / "none"), "cookies").health is Health.WARN
    (tmp_path / "cookies.txt").write_text(
        "# Netscape HTTP Cookie File\n.e.org\tTRUE\t/\tTRUE\t0\tid\tverysecret\n"
    )
    report = reached(cookies=tmp_path / "cookies.txt")
    assert check(report, "cookies").health is Health.OK
    assert "verysecret" not in report.text()


def test_a_speech_service_is_asked_for_nothing_that_costs(service: str) -> None:
    fine = reached(speech=SpeechService(service, "right"))
    assert check(fine, "speech service").health is Health.OK
    wrong = check(reached(speech=SpeechService(service, "wrong")), "speech service")
    assert "CLIPMILL_SPEECH_KEY" in wrong.remedy
    assert "wrong" not in wrong.found
    away = check(reached(speech=SpeechService("http://127.0.0.1:9/v1", "right")), "speech service")
    assert away.health is Health.WARN
