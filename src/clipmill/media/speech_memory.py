"""What is remembered of a source on its way to a speech service: values, and how long it has waited."""

import hashlib
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from clipmill.errors import BusyError, ClipmillError, OutageError
from clipmill.media.speech_service import SpeechService
from clipmill.sharing import Keep

T = TypeVar("T")

FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 60.0
"""A job that met a failure comes again after the first, then twice as long, up to the longest."""

FORGOTTEN_S = 3600.0
"""Trouble that is so much longer ago than anybody waits belongs to another time."""


class InFolder:
    """Keeps values as files in a folder of a job's own, for as long as the folder is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str) -> bytes | None:
        """What was kept under a key."""
        try:
            return self._path(key).read_bytes()
        except OSError:
            return None

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; where that fails it is only asked for once more."""
        part = self._folder / f".{secrets.token_hex(8)}"
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(value)
                os.replace(part, self._path(key))
            finally:
                part.unlink(missing_ok=True)

    @contextmanager
    def claim(self, key: str) -> Iterator[None]:  # noqa: ARG002
        """A job is alone with its folder."""
        yield

    def _path(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode()).hexdigest()


class Memory:
    """Values that are remembered under a name, as JSON in ``keep``."""

    def __init__(self, keep: Keep, name: str) -> None:
        self._keep = keep
        self._name = hashlib.sha256(name.encode()).hexdigest()

    def recall(self, what: str, kind: type[T]) -> T | None:
        """A value, None when it is not there any more or is of another shape."""
        kept = self._keep.find(f"speech {what} {self._name}")
        try:
            return None if kept is None else TypeAdapter(kind).validate_json(kept)
        except ValidationError:
            return None

    def remember(self, what: str, value: object) -> None:
        """Remember a value in the place of the one before."""
        self._keep.put(f"speech {what} {self._name}", TypeAdapter(type(value)).dump_json(value))


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a source has waited for the service.

    ``waited`` are the seconds of troubles that are over, ``since`` is when this one began (None when there is
    none), ``failures`` how often it showed, and ``last`` when; both by this machine's clock.
    """

    waited: float = 0.0
    since: float | None = None
    failures: int = 0
    last: float = 0.0


class Waiting:
    """How long a source waits for a service that fails, over all tries and processes."""

    def __init__(self, service: SpeechService, memory: Memory) -> None:
        self._service = service
        self._memory = memory

    def turn(self, ask: Callable[[], None]) -> None:
        """Ask for a turn; a service that rests is trouble."""
        try:
            ask()
        except BusyError as error:
            if error.code != "service-resting":
                raise
            raise self.trouble("it rests after failures", error.retry_after) from None

    def trouble(self, why: str, away_s: float) -> ClipmillError:
        """What to raise when the service failed: come again in ``away_s`` or more, or give it up.

        It is given up when the waits together would be over the service's patience, or when nothing can be
        remembered of them.
        """
        now, patience_s = time.time(), self._service.patience_s
        before = self._memory.recall("wait", Wait) or Wait()
        if now - before.last > FORGOTTEN_S + patience_s:
            before = Wait()
        since = now if before.since is None else min(now, before.since)
        self._memory.remember("wait", Wait(before.waited, since, before.failures + 1, now))
        own_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(before.failures, 20)) * random.uniform(0.8, 1.2)
        pause_s = max(away_s, own_s)
        patient = before.waited + (now - since) + pause_s <= patience_s
        if patient and self._memory.recall("wait", Wait) is not None:
            return BusyError(
                f"The speech service at {self._service.host} does not work at the moment: {why}. It is asked"
                f" again in {pause_s:.0f} s.",
                code="service-resting",
                retry_after=pause_s,
            )
        return OutageError(
            f"The speech service at {self._service.host} does not work, and nobody waits longer: {why}.",
            code="speech-service-down",
        )

    def over(self) -> None:
        """The service answered: a trouble is over."""
        wait = self._memory.recall("wait", Wait)
        if wait is not None and wait.since is not None:
            waited = wait.waited + max(0.0, time.time() - wait.since)
            self._memory.remember("wait", Wait(waited, None, 0, wait.last))
