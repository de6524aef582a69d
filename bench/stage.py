"""The encode stage of a clip, from its plan to its published files, against a bare ffmpeg run."""

import json
import resource
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg

from bench.encode import one_face_source
from bench.table import Row
from clipmill.cli import main as clipmill

RUNS = 3
SECONDS = 60


def measure() -> list[Row]:
    """CPU seconds of the whole stage over those of cut, static crop, scale and the same encode."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = one_face_source(folder / "talk.mp4", seconds=SECONDS + 20)
        words = _words(folder / "talk.srt")
        pairs = []
        for run in range(RUNS):
            bare = _cpu(lambda: _bare(source, folder / "bare.mp4"))
            stage = _cpu(lambda run=run: _stage(source, words, folder / f"run-{run}"))
            pairs.append((stage / bare, stage, bare))
        ratio, stage, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    seen = f"{ratio:.2f}x ({stage:.0f} against {bare:.0f} CPU-s)"
    return [Row(f"encode stage of a {SECONDS} s clip, one face, over bare ffmpeg", seen, "<= 1.35x", ratio <= 1.35)]


def _words(target: Path) -> Path:
    """Sentences that fill a minute, so that one moment of just this length is the best."""
    text = "This is a sentence with enough words in it to be spoken in four seconds here."
    rows = [
        f"{n + 1}\n00:{4 * n // 60:02}:{4 * n % 60:02},200 --> 00:{4 * n // 60:02}:{4 * n % 60 + 3:02},900\n{text}\n"
        for n in range(SECONDS // 4 + 4)
    ]
    target.write_text("\n".join(rows))
    return target


def _plan(source: Path, words: Path, folder: Path) -> Path:
    plan = folder / "plan.json"
    arguments = ["plan", str(source), "-o", str(plan), "--transcript", str(words), "-q", "-n", "1"]
    assert clipmill([*arguments, "--min", "20", "--max", str(SECONDS + 1)]) == 0
    content = json.loads(plan.read_text())
    content["changes"] = {content["chosen"][0]: {"span": {"start": 2.0, "end": 2.0 + SECONDS}}}
    plan.write_text(json.dumps(content))
    return plan


def _stage(source: Path, words: Path, folder: Path) -> None:
    folder.mkdir()
    plan = _plan(source, words, folder)
    assert clipmill(["render", str(plan), "-o", str(folder), "-q", "--json"]) == 0


def _bare(source: Path, target: Path) -> None:
    arguments = (
        *("-v", "error", "-y", "-ss", "2", "-i", str(source), "-t", str(SECONDS)),
        *("-vf", "crop=608:1080:656:0,scale=1080:1920:flags=bicubic,format=yuv420p"),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-profile:v", "high", "-g", "60"),
        *("-maxrate", "12M", "-bufsize", "24M", "-c:a", "aac", "-b:a", "160k", "-ac", "2"),
        *("-movflags", "+faststart", str(target)),
    )
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *arguments], check=True, stdin=subprocess.DEVNULL)


def _cpu(work: Callable[[], None]) -> float:
    before = _spent()
    work()
    return _spent() - before


def _spent() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
