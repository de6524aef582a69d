"""The log of one job, in its folder: what its tasks said, and the end of what crashed programs wrote."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from clipmill.jobs.records import TaskName
from clipmill.workspace import WORK

LOG_BYTES = 1 << 20
"""From this size on the log begins anew; the one before is kept."""

_task: ContextVar[tuple[Path, str] | None] = ContextVar("task", default=None)


@contextmanager
def logged_to(folder: Path, task: TaskName) -> Iterator[None]:
    """Write what this thread logs to the log of the job in ``folder``, too."""
    before = _task.set((log_file(folder), f"{task.stage} {task.clip or ''}".strip()))
    try:
        yield
    finally:
        _task.reset(before)


def log_file(folder: Path) -> Path:
    """Where the log of the job in ``folder`` is."""
    return folder / WORK / "job.log"


class JobLog(logging.Handler):
    """Appends to the log of the job that the thread works on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a log that cannot be written is no reason to fail."""
        place = _task.get()
        if place is None:
            return
        file, label = place
        with suppress(OSError):
            if file.exists() and file.stat().st_size > LOG_BYTES:
                file.replace(file.with_suffix(".log.1"))
            with file.open("a", encoding="utf-8", errors="replace") as log:
                log.write(_lines(record, label, self.format(record)))


class Seldom(logging.Filter):
    """Lets the same words pass once in a while: a database that is away is said a hundred times a second."""

    def __init__(self, every_s: float = 30.0) -> None:
        super().__init__()
        self._every_s = every_s
        self._said: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record passes; what differs only in figures is the same."""
        kind = (record.msg, record.getMessage()[:30])
        now = time.monotonic()
        if now - self._said.get(kind, -self._every_s) < self._every_s:
            return False
        if len(self._said) > 200:
            self._said.clear()
        self._said[kind] = now
        return True


def _lines(record: logging.LogRecord, label: str, text: str) -> str:
    """One record as lines: nothing in it can pass for another record, or steer a terminal."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
    plain = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)
    body = plain.strip().replace("\n", "\n    ")
    return f"{at} {record.levelname.lower()} {label}: {body}\n"
