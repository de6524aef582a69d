"""How well and how cheaply moments are chosen: against editors' choices, and on three hours of talk."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from bench.places import DATA, TOOLS
from bench.table import Row

ROOT = Path(__file__).resolve().parents[1]
TEASERS = DATA / "selection" / "podcast_teasers.jsonl.gz"
GRADER = TOOLS / "grade_selection.py"
SCORE = f"{ROOT}/.venv/bin/clipmill score {{transcript}} --spans {{spans}}"

LEAST_AUC = 0.65
MOST_SECONDS = 3.0
MOST_MEGABYTES = 300.0

CHOOSE_THREE_HOURS = """
import json, random, resource, sys, time
from clipmill.editing.choose import Wanted, choose
from clipmill.editing.score import weights_from
from clipmill.model import Transcript, Word

dice = random.Random(7)
vocabulary = ["people", "money", "question", "garden", "engine", "you", "never", "story", "work", "river"]
vocabulary += [f"term{number}" for number in range(4000)]
words, time_s = [], 0.0
while time_s < 3 * 3600:
    for place in range(dice.randint(4, 26)):
        words.append(["".join(dice.choice(vocabulary)), time_s, time_s + 0.3])
        time_s += 0.33
    words[-1][0] += dice.choice(".....?")
    time_s += 0.3
with open(sys.argv[1], encoding="utf-8") as file:
    weights = weights_from(json.load(file))
transcript = Transcript("en", 1.0, time_s, tuple(Word(*word) for word in words), "bench")
begun = time.process_time()
choice = choose(transcript, wanted=Wanted(15.0, 60.0, None, time_s), weights=weights)
spent = time.process_time() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"words": len(words), "clips": len(choice.chosen), "seconds": spent, "megabytes": peak}))
"""


def measure() -> list[Row]:
    """The area under the curve with and without position, and the cost of a talk of 3 h."""
    return [*_quality(), *_cost()]


def _quality() -> list[Row]:
    if not (TEASERS.is_file() and GRADER.is_file()):
        return [Row("choosing against editors", "not measured: no test data", f">= {LEAST_AUC}", False)]
    plain = _graded("--no-position")
    early = _graded("")
    return [
        Row("choosing against editors, matched-window AUC, no position", *_seen(plain, LEAST_AUC)),
        Row("the same with position", f"{early['matched_window_auc']:.3f}", "reported", True),
    ]


def _seen(graded: dict[str, float], least: float) -> tuple[str, str, bool]:
    auc = graded["matched_window_auc"]
    return f"{auc:.3f} +- {graded['standard_error']:.3f}", f">= {least}", auc >= least


def _graded(option: str) -> dict[str, float]:
    command = " ".join(part for part in (SCORE, option, "--json") if part)
    argv = [sys.executable, str(GRADER), str(TEASERS), "--command", command]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=3600)
    found = re.findall(r"\{.*\}", done.stdout)
    graded: dict[str, float] = json.loads(found[-1])
    return graded


def _cost() -> list[Row]:
    weights = ROOT / "src" / "clipmill" / "data" / "weights.json"
    argv = [sys.executable, "-c", CHOOSE_THREE_HOURS, str(weights)]
    runs = [
        json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout) for _ in range(5)
    ]
    seconds = sorted(run["seconds"] for run in runs)[2]
    megabytes = max(run["megabytes"] for run in runs)
    return [
        Row(
            "choosing, 3 h, CPU seconds", f"{seconds:.2f}", f"<= {MOST_SECONDS:.0f}", seconds <= MOST_SECONDS
        ),
        Row(
            "choosing, 3 h, peak memory, MB",
            f"{megabytes:.0f}",
            f"<= {MOST_MEGABYTES:.0f}",
            megabytes <= MOST_MEGABYTES,
        ),
    ]


if __name__ == "__main__":
    for row in measure():
        print(shlex.join([row.what, row.seen, row.target, "reached" if row.reached else "missed"]))
