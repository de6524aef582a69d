"""When disk, folder, program, model or plan fails: one clear line, the right code, and nothing half done."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import clipmill
from clipmill.cli import main
from clipmill.media.launcher import Command, Limits, launch

pytestmark = pytest.mark.usefixtures("small")

Capture = pytest.CaptureFixture[str]
MEBIBYTE = 2**20


def make(talk: Path, folder: Path, *more: object) -> int:
    wish = ("--min", "4", "--max", "10", "-n", "2", "-q", "--json")
    words = ("--transcript", talk.with_suffix(".srt"))
    return main(["make", str(talk), "-o", str(folder), *map(str, (*words, *wish, *more))])


def told(capsys: Capture) -> str:
    """The code of the error, which was told in one line."""
    printed = capsys.readouterr()
    assert len(printed.err.strip().splitlines()) == 1
    code: str = json.loads(printed.out)["error"]["code"]
    return code


# --- disk -----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 48 MiB and 200 files."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=48m,nr_inodes=200", "none", str(place))
    if os.geteuid() or shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs the right to mount a disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, *, leaving: int = 0) -> Path:
    """Take all room of a disk but ``leaving`` bytes."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        file.write(bytes(max(0, free - leaving)))
    return ballast


def partial_files(disk: Path) -> list[str]:
    return [path.name for path in disk.rglob("*") if ".part" in path.name or "render" in path.name]


def test_too_little_room_is_said_before_anything_is_rendered(
    talk: Path, small_disk: Path, capsys: Capture
) -> None:
    assert make(talk, small_disk) == 7
    assert told(capsys) == "disk-full"
    assert not list(small_disk.rglob("clip-*"))


@pytest.mark.parametrize("leaving", [0, 4096, 20_000])
def test_a_disk_that_is_full_from_the_start_is_named(
    talk: Path, small_disk: Path, capsys: Capture, leaving: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPMILL_RESERVE_MB", "0")
    ballast = fill(small_disk, leaving=leaving)
    assert make(talk, small_disk) == 7
    assert told(capsys) == "disk-full"
    ballast.unlink()
    assert make(talk, small_disk) == 0


@pytest.mark.parametrize("leaving", [30_000, 150_000])
def test_a_disk_that_fills_up_meanwhile_costs_nothing_that_was_done(
    talk: Path, small_disk: Path, capsys: Capture, leaving: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPMILL_RESERVE_MB", "0")
    folder = small_disk / "talk"

    def fill_when_planned() -> None:
        while not (folder / ".clipmill" / "tmp" / "clip-01").exists():
            time.sleep(0.005)
        fill(small_disk, leaving=leaving)

    filler = threading.Thread(target=fill_when_planned)
    filler.start()
    assert make(talk, small_disk) == 7
    filler.join()
    assert told(capsys) == "disk-full"
    assert partial_files(small_disk) == []
    assert not (folder / "clip-01.json").exists() or (folder / "clip-01.mp4").exists()
    (small_disk / "ballast").unlink()
    assert make(talk, small_disk) == 0
    assert len(json.loads(capsys.readouterr().out)["clips"]) == 2


def test_a_disk_without_room_for_another_file_is_named(
    talk: Path, small_disk: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPMILL_RESERVE_MB", "0")
    left = os.statvfs(small_disk).f_favail
    for number in range(left - 6):
        (small_disk / f"file-{number}").touch()
    assert make(talk, small_disk) == 7
    assert told(capsys) == "disk-full"
    assert partial_files(small_disk) == []


def test_a_folder_that_may_not_be_written_is_named(talk: Path, small_disk: Path, capsys: Capture) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert make(talk, small_disk) == 2
    assert told(capsys) == "folder-read-only"


# --- what is not installed ------------------------------------------------------------------------


def test_an_ffmpeg_that_is_not_there_is_named(
    talk: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPMILL_FFMPEG", str(tmp_path / "ffmpeg"))
    assert make(talk, tmp_path / "clips") == 2
    assert told(capsys) == "ffmpeg-not-found"
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_is_no_ffmpeg_is_named(
    talk: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPMILL_FFMPEG", shutil.which("true") or "")
    assert make(talk, tmp_path / "clips") == 5
    assert told(capsys) == "ffmpeg-missing"


def test_a_speech_model_that_is_not_there_is_named(talk: Path, tmp_path: Path, capsys: Capture) -> None:
    wish = ("--model", str(tmp_path / "no-such-model"), "-q", "--json")
    assert main(["make", str(talk), "-o", str(tmp_path / "clips"), *wish]) == 5
    assert told(capsys) == "model-not-found"
    assert not (tmp_path / "clips").exists()


def test_a_font_that_is_not_there_is_named(tmp_path: Path) -> None:
    package = Path(clipmill.__file__).parent
    copy = tmp_path / "library" / "clipmill"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("*.ttf", "__pycache__"))
    ran = subprocess.run(
        [sys.executable, "-m", "clipmill", "styles", "--preview", str(tmp_path / "looks")],
        env={**os.environ, "PYTHONPATH": str(copy.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 5
    assert len(ran.stderr.strip().splitlines()) == 1
    assert "font" in ran.stderr


def test_a_plan_that_leaves_the_source_is_refused(talk: Path, tmp_path: Path, capsys: Capture) -> None:
    assert make(talk, tmp_path) == 0
    file = tmp_path / "talk" / "plan.json"
    plan = json.loads(file.read_text())
    plan["changes"] = {plan["chosen"][0]: {"span": {"start": 20, "end": 40}}}
    file.write_text(json.dumps(plan))
    capsys.readouterr()
    assert main(["render", str(file), "-q", "--json"]) == 2
    assert told(capsys) == "plan-wrong"
    assert len(list(file.parent.glob("clip-*.mp4"))) == 2


# --- children and files ---------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs /proc")
def test_a_running_child_has_its_limits(ffmpeg: Path, tmp_path: Path) -> None:
    long = ("-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=d=30", "-f", "null", "-")
    limits = Limits(wall_s=30, cpu_s=17, memory_mb=900, file_mb=11)
    with launch(Command("ffmpeg", (str(ffmpeg), *long), tmp_path, limits=limits)) as child:
        while Path(f"/proc/{child.pid}/exe").resolve() != ffmpeg.resolve():
            time.sleep(0.01)
        lines = Path(f"/proc/{child.pid}/limits").read_text().splitlines()
    soft = {line[:26].strip(): line[26:].split()[0] for line in lines}
    assert soft["Max cpu time"] == "17"
    assert soft["Max address space"] == str(900 * MEBIBYTE)
    assert soft["Max file size"] == str(11 * MEBIBYTE)
    assert soft["Max core file size"] == "0"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, "0o644"), (0o027, "0o640")])
def test_files_may_be_read_by_whom_the_umask_allows(talk: Path, tmp_path: Path, mask: int, mode: str) -> None:
    words = ("--transcript", str(talk.with_suffix(".srt")), "--min", "4", "--max", "10", "-n", "1", "-q")
    command = [sys.executable, "-m", "clipmill", "make", str(talk), "-o", str(tmp_path / "clips"), *words]
    subprocess.run(command, umask=mask, check=True, capture_output=True)
    files = [path for path in (tmp_path / "clips" / "talk").iterdir() if path.is_file()]
    assert {path.suffix for path in files} >= {".mp4", ".jpg", ".json", ".srt", ".vtt", ".ass", ".html"}
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in files} == {
        path.name: mode for path in files
    }
