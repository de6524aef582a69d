"""A worker as ``clipmill worker`` starts it, whose tasks of some sources bring it down: run by tests."""

import os
import signal
import sys

from clipmill import pipeline
from clipmill.jobs.worker import run_worker
from clipmill.media import ffmpeg
from clipmill.settings import read_settings
from clipmill.studio import Stage, Studio, Task

DEADLY = "deadly"
"""A source of this name kills the worker that encodes a clip of it."""

whole = pipeline.run_task


def run_task(task: Task, studio: Studio) -> bool:
    """What the worker does, but for deadly sources."""
    if task.stage is Stage.ENCODE and studio.job.source.stem == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(task, studio)


if __name__ == "__main__":
    pipeline.run_task = run_task
    ffmpeg.STILL_S = float(os.environ.get("TEST_STILL_S", "60"))
    sys.exit(run_worker(read_settings(), tuple(Stage)))
