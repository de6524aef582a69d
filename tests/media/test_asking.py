"""Questions to programs in children, and what comes back."""

import sys
from pathlib import Path
from typing import Any

import pytest

from clipmill.errors import JobCancelled, SourceError, ToolError
from clipmill.media import asking
from clipmill.media.asking import _answer, ask
from clipmill.media.launcher import Child, Command, Profile, launch
from clipmill.media.probe import probe, snap_to_frames
from media_kit import make_video


def answer_of(code: str, cwd: Path, shares: list[float] | None = None) -> object:
    """What is made of a child that runs ``code``."""
    command = Command("child", (sys.executable, "-c", code), cwd, profile=Profile.ML)
    with launch(command) as child:
        return _answer(child, shares.append if shares is not None else None)


def test_shares_go_to_the_tick_and_the_result_comes_back(tmp_path: Path) -> None:
    shares: list[float] = []
    code = "print('{\"share\": 0.5}'); print('{\"share\": 1}'); print('{\"result\": [1, 2]}')"
    assert answer_of(code, tmp_path, shares) == [1, 2]
    assert shares == [0.5, 1.0]


def test_a_typed_error_is_raised_here(tmp_path: Path) -> None:
    code = 'print(\'{"error": {"kind": "SourceError", "code": "odd", "message": "Odd."}}\')'
    with pytest.raises(SourceError, match="Odd") as caught:
        answer_of(code, tmp_path)
    assert caught.value.code == "odd"


def test_an_error_that_is_none_of_ours_is_a_tool_error(tmp_path: Path) -> None:
    code = 'print(\'{"error": {"kind": "os", "code": "odd", "message": "Odd."}}\')'
    with pytest.raises(ToolError, match="Odd"):
        answer_of(code, tmp_path)


@pytest.mark.parametrize("words", ["no JSON", "[]", '{"share": "x"}', '{"error": 1}', ""])
def test_a_child_that_speaks_nonsense_is_a_tool_error(tmp_path: Path, words: str) -> None:
    with pytest.raises(ToolError, match="no usable answer"):
        answer_of(f"print({words!r})", tmp_path)


def test_a_child_that_dies_silently_is_named_by_its_signal(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        answer_of("import os; os.abort()", tmp_path)
    assert caught.value.signal == "SIGABRT"


def test_what_the_tick_raises_ends_the_question(tmp_path: Path) -> None:
    def cancel(_: float) -> None:
        raise JobCancelled

    code = "print('{\"share\": 0.1}', flush=True); import time; time.sleep(60)"
    command = Command("child", (sys.executable, "-c", code), tmp_path, profile=Profile.ML)
    with launch(command) as child, pytest.raises(JobCancelled):
        _answer(child, cancel)
    assert child.poll() is not None


def test_a_program_that_is_not_there_says_so_on_stderr(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        ask("nothing", {}, cwd=tmp_path)
    assert "No module named clipmill.inside.nothing" in caught.value.detail


def test_a_module_in_the_jobs_folder_is_not_imported(ffmpeg: Path, tmp_path: Path) -> None:
    (tmp_path / "av.py").write_text("raise SystemExit(7)")
    source = make_video(ffmpeg, tmp_path / "source.mp4", seconds=0.5)
    assert probe(source, cwd=tmp_path).video.codec == "h264"


def test_the_request_of_a_child_that_fetches_is_in_no_list_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Command] = []

    def remembered(command: Command, **rest: Any) -> Child:
        started.append(command)
        return launch(command, **rest)

    monkeypatch.setattr(asking, "launch", remembered)
    with pytest.raises(ToolError):
        ask("nothing", {"proxy": "canary"}, cwd=tmp_path, port=9, runs=(Path("/bin/true"),))
    [command] = started
    assert (command.profile, command.port, command.runs) == (Profile.FETCH, 9, (Path("/bin/true"),))
    assert "canary" not in " ".join(command.argv)
    assert list(tmp_path.iterdir()) == []


def test_a_long_request_travels_in_a_file_that_is_gone_afterwards(ffmpeg: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    source = make_video(ffmpeg, tmp_path / "source.mp4", seconds=0.2)
    times = [0.04 + n * 1e-9 for n in range(20_000)]
    assert len(set(snap_to_frames(source, probe(source, cwd=work), times, cwd=work))) == 1
    assert list(work.iterdir()) == []
