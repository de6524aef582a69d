"""The log of a run: what was asked, answered and seen, kept in memory and on disk as it happens."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chaos.facts import Answer, Listening, Violation
from chaos.media import Talk


@dataclass
class Log:
    """What the harness itself knows; any thread may write. Every line also goes to ``file``."""

    file: Path
    answers: list[Answer] = field(default_factory=list)
    listened: list[Listening] = field(default_factory=list)
    seen: list[Violation] = field(default_factory=list)
    talks: dict[str, Talk] = field(default_factory=dict)
    """Accepted jobs, and the talk that each is about."""
    removed: set[str] = field(default_factory=set)
    """Jobs whose deletion was asked for, and below those of them where nobody answered yet."""
    undeleted: set[str] = field(default_factory=set)
    refused: int = 0
    retried: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: set[str] = set()

    def answered(self, verb: str, job: str, key: str = "") -> None:
        """A request was answered with success."""
        answer = Answer(verb, job, key, time.time())
        with self._lock:
            self.answers.append(answer)
        self.note("answer", asdict(answer))

    def accepted(self, job: str, key: str, talk: Talk) -> None:
        """A job was accepted, for the first time or again."""
        with self._lock:
            self.talks[job] = talk
        self.answered("submit", job, key)

    def violated(self, kind: str, job: str, text: str) -> None:
        """A watcher saw a broken promise."""
        violation = Violation(kind, job, text)
        with self._lock:
            self.seen.append(violation)
        self.note("violation", asdict(violation))

    def heard(self, listening: Listening) -> None:
        """A listener came to an end."""
        with self._lock:
            self.listened.append(listening)

    def ended(self, job: str) -> None:
        """A job was seen in a final state; it may be woken again."""
        with self._lock:
            self._ended.add(job)

    def woken(self, job: str) -> None:
        """A job that had ended was asked for again."""
        with self._lock:
            self._ended.discard(job)

    def active(self) -> list[str]:
        """Jobs that were accepted and not yet seen ended, oldest first."""
        with self._lock:
            return [job for job in self.talks if job not in self._ended and job not in self.removed]

    def jobs(self) -> list[str]:
        """All accepted jobs that were not removed, oldest first."""
        with self._lock:
            return [job for job in self.talks if job not in self.removed]

    def gone(self, job: str) -> None:
        """The deletion of a job was asked for, whether or not it was answered."""
        with self._lock:
            self.removed.add(job)
            self.undeleted.add(job)

    def note(self, kind: str, facts: Mapping[str, object]) -> None:
        """One line in the file."""
        line = json.dumps({"note": kind, "noted": round(time.time(), 3), **facts}, default=str)
        with self._lock, self.file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
