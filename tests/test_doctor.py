"""What the doctor finds, says, and how it says what to do."""

import json
from pathlib import Path

import pytest

from clipmill.doctor import Check, Health, Report, Trial, examine
from clipmill.errors import ToolError


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
