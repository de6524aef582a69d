"""A process with an engine whose tasks only write down that they ran: run as a program by tests.

``engine_kit.py NAME SPEC`` with SPEC as JSON: the engine's url, the log to append to, seconds that an encode
takes, the jobs to start, the workers to take over, and how long to live.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from clipmill.jobs.engine import Answer, Engine, Lane, Work
from clipmill.jobs.records import TaskName

AFTER = {"download": [("transcribe", 0)], "transcribe": [("score", 0)]}


def main(name: str, spec: dict[str, Any]) -> None:
    """Run one engine until its time is over."""

    def say(what: str, *words: object) -> None:
        with open(spec["log"], "a") as log:
            log.write(json.dumps([time.time(), name, what, *words]) + "\n")

    def do(task: TaskName, tries: int) -> Answer:
        say("begin", task.job, task.stage, task.clip, tries)
        time.sleep(spec["encode_s"] if task.stage == "encode" else 0.01)
        if tries <= spec.get("again", {}).get(task.stage, 0):
            return {"state": "again", "delay_s": 0.1}
        say("end", task.job, task.stage, task.clip, tries)
        return {"state": "failed" if task.stage == spec.get("fails") else "done", "delay_s": 0.0}

    def following(task: TaskName) -> list[tuple[str, int]]:
        if task.stage == "score":
            return [("encode", clip) for clip in range(1, spec["clips"] + 1)]
        return AFTER.get(task.stage, [])

    lanes = [Lane("download", 6), Lane("transcribe", 2), Lane("score", 3), Lane("encode", 2)]
    work = Work(do, following, lambda job, run: say("close", job, run))
    engine = Engine(spec["engine"], name, lanes, work)
    engine.launch(spec.get("stages", [lane.stage for lane in lanes]))
    say("up")
    until = time.monotonic() + spec["lives_s"]
    if spec.get("heir_of"):
        say("took", engine.take_over(spec["heir_of"]))
    for job in spec.get("jobs_to_start", []):
        engine.start_job(job, 1, 5)
    while time.monotonic() < until and not Path(spec["log"] + ".stop").exists():
        engine.take_lost(name, lambda: spec.get("known", ["a", "b"]))
        time.sleep(0.5)
    say("over", [[list(run), error] for run, error in engine.ended([("j1", 1), ("none", 1)]).items()])
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
