"""kill -9 at any moment: never a partial clip, never an orphan, and the next run ends with the same clips."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KILLS = int(os.environ.get("CLIPMILL_TEST_KILLS", "5"))
"""How many random moments; a longer run sets more."""

LONGEST_LIFE_S = 2.0
"""No child may live longer than this after its clipmill is gone."""


def command(talk: Path, folder: Path) -> list[str]:
    words = ("--transcript", str(talk.with_suffix(".srt")), "--min", "4", "--max", "8", "-n", "2", "-q")
    return [sys.executable, "-m", "clipmill", "make", str(talk), "-o", str(folder), *words]


def run(talk: Path, folder: Path) -> "subprocess.Popen[bytes]":
    small = {"CLIPMILL_HEIGHT": "320", "CLIPMILL_PRESET": "ultrafast", "CLIPMILL_THREADS": "1"}
    return subprocess.Popen(command(talk, folder), env={**os.environ, **small})


@contextmanager
def running(talk: Path, folder: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A run in which a child is at work, and no more of it afterwards."""
    with run(talk, folder) as process:
        try:
            while not working_below(folder / "talk" / ".clipmill" / "tmp"):
                assert process.poll() is None, "it ended before anything was seen of it"
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


def clips(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("talk/clip-*.mp4")
    }


def working_below(folder: Path) -> list[str]:
    """Command lines of processes that work in the folder of a job."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inside = str(folder) in os.readlink(process / "cwd")
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if inside or str(folder) in words:
            found.append(words)
    return found


def half_done(folder: Path) -> list[str]:
    """What lies around of work that was not finished."""
    hidden = [path.name for path in folder.glob("talk/.*") if path.name != ".clipmill"]
    return [*hidden, *(path.name for path in folder.glob("talk/.clipmill/tmp/*"))]


def wait_for_no_children(folder: Path) -> list[str]:
    deadline = time.monotonic() + LONGEST_LIFE_S
    while (left := working_below(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.timeout(120 + 30 * KILLS)
def test_a_killed_run_leaves_nothing_partial_and_the_next_one_ends_the_same(
    talk: Path, tmp_path: Path
) -> None:
    started = time.monotonic()
    assert run(talk, tmp_path / "whole").wait(120) == 0
    takes = time.monotonic() - started
    wanted = clips(tmp_path / "whole")
    assert len(wanted) == 2
    chance = random.Random(7)
    for number in range(KILLS):
        folder = tmp_path / f"killed-{number}"
        process = run(talk, folder)
        time.sleep(chance.uniform(0.1, takes * 0.95))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert wait_for_no_children(folder) == []
        assert clips(folder).items() <= wanted.items()
        assert run(talk, folder).wait(120) == 0
        assert clips(folder) == wanted
        assert half_done(folder) == []


def test_ctrl_c_ends_with_130_and_no_children(talk: Path, tmp_path: Path) -> None:
    with running(talk, tmp_path) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert wait_for_no_children(tmp_path) == []
    assert half_done(tmp_path) == []
