"""Accepts jobs in process after process and is killed each time; tells which jobs it has acknowledged.

``python accept_kit.py <database> <kills>``: every line on the output is a job that a caller was told of.
"""

import os
import random
import signal
import sys
import threading
import time

from clipmill.jobs.database import Database
from clipmill.jobs.records import Request
from clipmill.jobs.store import Accepting, Store
from clipmill.plan import Options


def accept_on(url: str, ends: int) -> None:
    """Accept until the end comes; what is acknowledged is written to the pipe ``ends``."""
    accepting = Accepting(Store(Database(url)), 10**9)

    def ask() -> None:
        while True:
            job = accepting.submit(Request("/talk.mp4", Options())).result()
            os.write(ends, f"{job.id}\n".encode())

    for _ in range(4):
        threading.Thread(target=ask).start()


def main(url: str, kills: int) -> None:
    """Start, kill some time after the first job, and start again."""
    chance = random.Random(kills)
    Database(url).close()
    for _ in range(kills):
        begins, ends = os.pipe()
        child = os.fork()
        if not child:
            accept_on(url, ends)
            signal.pause()
        os.close(ends)
        with os.fdopen(begins, "rb") as told:
            sys.stdout.write(told.readline().decode())
            time.sleep(chance.uniform(0.0, 0.1))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            sys.stdout.write(told.read().decode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
