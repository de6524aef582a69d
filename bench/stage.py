"""The encode stage of a clip, from its plan to its published files, against a bare ffmpeg run."""

import contextlib
import io
import json
import statistics
import tempfile
from pathlib import Path

from bench.encode import PORTRAIT, RUNS, SECONDS, START, bare_encode, cpu_seconds, one_face_source
from bench.table import Row
from clipmill.cli import main as clipmill

MOST_STAGE = 1.35


def measure() -> list[Row]:
    """CPU seconds of the whole stage over those of cut, static crop, scale and the same encode.

    The stage is cuts, faces, framing, captions, loudness, render, check, quality card, thumbnail and
    publishing. Bare and ours take turns.
    """
    if not PORTRAIT.exists():
        return []
    with tempfile.TemporaryDirectory(prefix="clipmill-bench-") as name:
        folder = Path(name)
        source = one_face_source(folder / "talk.mp4", seconds=SECONDS + 5)
        plan = _plan(source, folder)
        bare, ours = [], []
        for run in range(RUNS):
            bare.append(cpu_seconds(lambda: bare_encode(source, folder / "bare.mp4")))
            ours.append(cpu_seconds(lambda run=run: _run("render", plan, "-o", folder / f"run-{run}")))
    ratio = statistics.median(ours) / statistics.median(bare)
    seen = f"{ratio:.2f}x ({statistics.median(ours):.0f} against {statistics.median(bare):.0f} CPU-s)"
    what = f"encode stage of a {SECONDS} s clip, one face, over bare ffmpeg"
    return [Row(what, seen, f"<= {MOST_STAGE}x", ratio <= MOST_STAGE)]


def _plan(source: Path, folder: Path) -> Path:
    """A plan for one clip of just the right length."""
    plan = folder / "plan.json"
    words = _words(folder / "talk.srt")
    _run("plan", source, "-o", plan, "--transcript", words, "-n", 1, "--min", 20, "--max", SECONDS + 2)
    content = json.loads(plan.read_text())
    span = {"start": START, "end": START + SECONDS}
    content["changes"] = {content["chosen"][0]: {"span": span}}
    plan.write_text(json.dumps(content))
    return plan


def _words(target: Path) -> Path:
    """A sentence every four seconds, each another one."""
    starts = range(0, SECONDS + 4, 4)
    rows = [
        f"{n}\n{srt_time(s + 0.2)} --> {srt_time(s + 3.9)}\n{sentence(n)}\n" for n, s in enumerate(starts, 1)
    ]
    target.write_text("\n".join(rows))
    return target


def sentence(number: int) -> str:
    """A sentence that only few numbers share."""
    who = ("The captain", "A nurse", "My brother", "The whole team", "Every teacher")[number % 5]
    did = ("carried", "repaired", "painted", "forgot", "measured", "sold", "borrowed")[number % 7]
    what = ("an old bridge", "three red lamps", "the last ticket", "a broken radio")[number % 4]
    return f"{who} {did} {what} before anybody else in the town had noticed it."


def srt_time(seconds: float) -> str:
    """A time as SRT writes it."""
    return f"00:{int(seconds) // 60:02}:{int(seconds) % 60:02},{round(seconds * 1000) % 1000:03}"


def _run(*words: object) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        code = clipmill([*map(str, words), "-q"])
    if code:
        raise RuntimeError(f"clipmill {words[0]} ended with {code}")
