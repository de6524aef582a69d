"""What it takes to bring a video here and to have its words: ``python -m bench.run sources``.

Everything is on loopback. ``BENCH_SHARE`` (such as 0.1) makes everything smaller, to try it out.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import fetching, words
from bench.servers import Site, service
from bench.speech import FFMPEG, RECORDINGS
from bench.table import Row
from bench.words import make_film, podcast, write_srt

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from site_kit import site, video_page

JOBS = 8
ENDED_S = 900.0
EXCERPT_S = 120.0
MOST_SHARE = 0.5


def measure() -> list[Row]:
    """All rows; those that need the recordings only where they are."""
    rows: list[Row] = []
    for part in (fetching.measure, words.measure, _captions_or_ears, _once):
        _say(f"sources: {part.__module__.rpartition('.')[2]} {part.__name__.strip('_')}")
        with tempfile.TemporaryDirectory(prefix="clipmill-bench-") as folder:
            for row in part(Path(folder)):
                rows.append(row)
                _say(f"  {row.what}: {row.seen}")
    return rows


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# --- captions of the site against listening -------------------------------------------------------


def _captions_or_ears(folder: Path) -> Iterator[Row]:
    """From the command to the plan, for a video at an address: with the site's captions, and by listening."""
    if not RECORDINGS.is_dir():
        return
    talk = podcast(folder)
    served = folder / "served"
    served.mkdir()
    make_film(talk, served / "talk.mp4")
    captions = write_srt(talk, served)
    _as_vtt(captions, served / "talk.vtt")
    with site(served) as there:
        there.pages["/talk"] = video_page("talk", "/talk.mp4", tracks={"en": "/talk.vtt"})
        cost = {who: _plan(there.url("/talk"), there.place, folder / who) for who in ("captions", "local")}
    what = f"address to plan, {talk.seconds / 60:.1f} min of talk"
    (quick, cheap), (slow, dear) = cost["captions"], cost["local"]
    yield Row(f"{what}, by the local model", f"{slow:.1f} s, {dear:.0f} CPU-s", "reported", True)
    yield Row(
        f"{what}, with the site's captions",
        f"{quick:.1f} s, {cheap:.0f} CPU-s",
        f"<= {MOST_SHARE:g} of the CPU-s",
        cheap <= MOST_SHARE * dear,
    )


def _as_vtt(captions: Path, target: Path) -> None:
    """SRT as WebVTT, which differs in its head and in a point for a comma."""
    lines = captions.read_text().splitlines()
    times = (line.replace(",", ".") if " --> " in line else line for line in lines)
    target.write_text("WEBVTT\n\n" + "\n".join(times) + "\n")


def _plan(address: str, place: str, folder: Path) -> tuple[float, float]:
    """Seconds and CPU seconds of ``clipmill plan`` for an address, in a home of its own.

    The folder's name says by whom the words are.
    """
    folder.mkdir()
    own = {"CLIPMILL_EGRESS_ALLOW": place, "CLIPMILL_HOME": str(folder / "home")}
    words = ["plan", address, "-o", str(folder / "plan.json"), "--transcriber", folder.name, "-q"]
    before, begun = _children_s(), time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "clipmill", *words],
        check=True,
        env={**os.environ, **own},
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    seconds, spent = time.monotonic() - begun, _children_s() - before
    if not json.loads((folder / "plan.json").read_text())["chosen"]:
        raise RuntimeError("nothing was chosen")
    return seconds, spent


def _children_s() -> float:
    """CPU seconds of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# --- one transcription for many jobs --------------------------------------------------------------


def _once(folder: Path) -> Iterator[Row]:
    """Eight jobs at once about the same sound under eight names: how many of them listen."""
    if not RECORDINGS.is_dir():
        return
    talk = podcast(folder, most_s=EXCERPT_S)
    film = make_film(talk, folder / "talk.mp4")
    films = [folder / f"talk-{number}.mkv" for number in range(JOBS)]
    for number, each in enumerate(films):
        _renamed(film, each, number)
    with service(folder, "", settings={"CLIPMILL_TRANSCRIBES": str(JOBS)}) as there:
        jobs = [there.submit(each, {"count": 1})["id"] for each in films]
        begun = time.monotonic()
        heard = [_heard(there, job) for job in jobs]
        seconds = time.monotonic() - begun
        for job in jobs:
            there.act(job, "cancel")
    listened = sum(task["worked"] for task in heard)
    what = f"{JOBS} jobs at once about the same {talk.seconds:.0f} s of sound: transcriptions"
    yield Row(what, f"{listened} ({seconds:.0f} s for all)", "1", listened == 1)


def _renamed(film: Path, target: Path, number: int) -> None:
    """The same sound in another file: another container, name and title."""
    title = ("-metadata", f"title=copy {number}")
    command = ["-v", "error", "-y", "-i", str(film), "-c", "copy", *title, str(target)]
    subprocess.run([FFMPEG, *command], check=True, stdin=subprocess.DEVNULL)


def _heard(there: Site, job: str) -> dict[str, Any]:
    """The task of listening of a job, once it has ended."""
    until = time.monotonic() + ENDED_S
    while time.monotonic() < until:
        shown = there.job(job, tasks=True)
        for task in shown["tasks"]:
            if task["stage"] == "transcribe" and task["state"] == "done":
                return dict(task)
        if shown["status"] == "failed":
            raise RuntimeError(f"job {job} failed: {shown['error']}")
        time.sleep(0.5)
    raise TimeoutError(f"job {job} was not heard in {ENDED_S:g} s")
