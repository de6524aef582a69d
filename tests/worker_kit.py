"""A worker as ``clipmill worker`` starts it, whose tasks of some sources bring it down: run by tests."""

import os
import signal
import sys
import threading

from clipmill import pipeline
from clipmill.jobs.worker import run_worker
from clipmill.media import ffmpeg
from clipmill.settings import read_settings
from clipmill.studio import Stage, Studio, Task

DEADLY = "deadly"
"""A source of this name kills the worker that encodes a clip of it."""

IN_COMPANY = int(os.environ.get("TEST_IN_COMPANY", "0"))
"""So many workers die only when another task is there, and no other ends its task before."""

WAIT_S = 100.0

whole = pipeline.run_task
deadly_is_here, another_is_here = threading.Event(), threading.Event()


def run_task(task: Task, studio: Studio) -> bool:
    """What the worker does, but for deadly sources."""
    if task.stage is Stage.ENCODE:
        deadly = studio.job.source.stem == DEADLY
        deaths = read_settings().home / "deaths"
        if (deaths.stat().st_size if deaths.exists() else 0) < IN_COMPANY:
            meet(deadly=deadly)
        if deadly:
            with deaths.open("ab") as file:
                file.write(b"x")
            os.kill(os.getpid(), signal.SIGKILL)
    return whole(task, studio)


def meet(*, deadly: bool) -> None:
    """Wait until a deadly task and another are here."""
    (deadly_is_here if deadly else another_is_here).set()
    assert (another_is_here if deadly else deadly_is_here).wait(WAIT_S)


if __name__ == "__main__":
    pipeline.run_task = run_task
    ffmpeg.STILL_S = float(os.environ.get("TEST_STILL_S", "60"))
    sys.exit(run_worker(read_settings(), tuple(Stage)))
