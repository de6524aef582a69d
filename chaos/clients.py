"""Those who use the service while it is killed: they submit, change their minds, and listen."""

import json
import random
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from chaos.facts import Listening
from chaos.log import Log
from chaos.media import Talk
from chaos.moves import FINAL

PATIENCE_S = 40.0
"""An answer that takes longer than this counts as none."""

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""No certificates: reading them for every request would cost more than the request."""

COME_BACK = frozenset((429, 503, 507))
"""Answers that ask to come back later."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where the service answers, and the log of what it says."""

    url: str
    log: Log
    stop: threading.Event

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response | None:
        """One request; None when nobody answered. An answer that no client should see is noted."""
        try:
            answer = httpx.request(method, self.url + path, timeout=PATIENCE_S, verify=PLAIN, **given)
        except httpx.HTTPError:
            return None
        if answer.status_code >= 500 and answer.status_code not in COME_BACK:
            self.log.violated(
                "server-error", "", f"{method} {path}: {answer.status_code} {answer.text[:300]}"
            )
        return answer


# --- submitting -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order:
    """One submission: its Idempotency-Key, what it is about, who asks; ``count`` is how many clips.

    Without ``reuse`` nothing that other jobs left is used.
    """

    key: str
    talk: Talk
    owner: str = "somebody"
    priority: int = 5
    count: int = 2
    reuse: bool = True


def submit(door: Door, order: Order) -> str:
    """Submit until it is accepted, always with the same key; the job's id, empty when the run is stopped."""
    body = {
        "source": str(order.talk.source),
        "options": {**order.talk.options, "count": order.count},
        "priority": order.priority,
        "reuse": order.reuse,
        "metadata": {"key": order.key},
    }
    head = {"Idempotency-Key": order.key, "Authorization": f"Bearer {order.owner}"}
    while not door.stop.wait(0.0):
        answer = door.ask("POST", "/v1/jobs", json=body, headers=head)
        if answer is not None and answer.status_code == 202:
            job = str(answer.json()["id"])
            door.log.accepted(job, order.key, order.talk)
            return job
        if answer is not None and answer.status_code not in COME_BACK:
            text = f"a good submission was refused: {answer.status_code} {answer.text[:300]}"
            door.log.violated("server-error", "", text)
            return ""
        door.log.retried += answer is None
        door.log.refused += answer is not None
        door.stop.wait(0.3)
    return ""


@dataclass(frozen=True, slots=True)
class Submitter:
    """One client that submits again and again, never more than ``most`` unfinished jobs at a time.

    It tries each submission until it is accepted, always with the same Idempotency-Key, and tries one in
    five again after that.
    """

    name: str
    door: Door
    talks: tuple[Talk, ...]
    chance: random.Random
    most: int

    def run(self, enough: threading.Event) -> None:
        """Submit until there is ``enough``, or the run is stopped."""
        mine: list[str] = []
        number = 0
        while not enough.is_set() and not self.door.stop.is_set():
            if len(mine) >= self.most:
                active = set(self.door.log.active())
                mine = [job for job in mine if job in active]
            if len(mine) >= self.most:
                self._look_at(mine)
                self.door.stop.wait(0.3)
                continue
            number += 1
            mine += self._submit(f"{self.name}-{number}")

    def _submit(self, key: str) -> list[str]:
        talk, priority = self.chance.choice(self.talks), self.chance.randint(1, 9)
        order = Order(key, talk, self.name, priority)
        again = self.chance.random() < 0.2
        job = submit(self.door, order)
        if job and again:
            submit(self.door, order)
        return [job] if job else []

    def _look_at(self, jobs: list[str]) -> None:
        for job in jobs:
            answer = self.door.ask("GET", f"/v1/jobs/{job}")
            if answer is None:
                return
            if answer.status_code == 404 and job not in self.door.log.removed:
                self.door.log.violated("lost", job, "accepted, and then answered with 404")
                self.door.log.ended(job)
            if answer.status_code == 200 and answer.json()["status"] in FINAL:
                self.door.log.ended(job)


# --- changing one's mind --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meddler:
    """Cancels, pauses, resumes, retries and deletes jobs at random moments."""

    door: Door
    chance: random.Random
    every_s: float

    def run(self, enough: threading.Event) -> None:
        """Meddle until there is enough."""
        verbs = ("cancel", "pause", "pause", "retry", "resume", "resume", "delete")
        while not enough.wait(self.chance.expovariate(1 / self.every_s)):
            self._ask(self.chance.choice(verbs))

    def _ask(self, verb: str) -> None:
        wanted = {"retry": "cancelled", "resume": "paused"}.get(verb)
        pool = self._jobs(wanted) if wanted else self.door.log.active()
        if pool:
            ask(self.door, verb, self.chance.choice(pool))

    def _jobs(self, state: str) -> list[str]:
        answer = self.door.ask("GET", f"/v1/jobs?status={state}&limit=50")
        if answer is None or answer.status_code != 200:
            return []
        return [job["id"] for job in answer.json()["data"]]


def ask(door: Door, verb: str, job: str) -> bool:
    """Ask for a change of a job; whether the answer was that it is done."""
    if verb == "delete":
        door.log.gone(job)
        answer = door.ask("DELETE", f"/v1/jobs/{job}")
        if answer is not None and answer.status_code in (204, 404):  # 404: an answer before it was lost
            door.log.undeleted.discard(job)
    else:
        answer = door.ask("POST", f"/v1/jobs/{job}/{verb}")
    if answer is None or not answer.is_success:
        return False
    door.log.answered(verb, job)
    if verb == "retry":
        door.log.woken(job)
    return True


# --- listening ------------------------------------------------------------------------------------


@dataclass
class Listener:
    """Follows one job by SSE and comes back with Last-Event-ID whenever the connection breaks."""

    door: Door
    job: str

    def __post_init__(self) -> None:
        self._numbers: list[int] = []
        self._kinds: list[str] = []

    def run(self) -> None:
        """Listen to the final event, or until the run is stopped."""
        ended = False
        while not ended and not self.door.stop.is_set() and self.job not in self.door.log.removed:
            with suppress(httpx.HTTPError):
                ended = self._connect()
            if not ended:
                self.door.stop.wait(0.3)
        # who listens to a job that is deleted hears of it or not
        ended = ended and self.job not in self.door.log.removed
        self.door.log.heard(Listening(self.job, tuple(self._numbers), tuple(self._kinds), ended))

    def _connect(self) -> bool:
        """One connection; True when the server ended it in order."""
        head = {"Last-Event-ID": str(self._numbers[-1])} if self._numbers else {}
        url = f"{self.door.url}/v1/jobs/{self.job}/events"
        patience = httpx.Timeout(10, read=30)
        with httpx.stream("GET", url, headers=head, timeout=patience, verify=PLAIN) as answer:
            if answer.status_code != 200:
                return False
            for kind, data in _messages(answer.iter_lines()):
                self._numbers.append(int(data["number"]))
                self._kinds.append(kind)
                if self.door.stop.is_set():
                    return False
        return True


def _messages(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of an SSE stream: kind and data."""
    kind, data = "message", ""
    for line in lines:
        name, _, value = line.partition(": ")
        match name:
            case "event":
                kind = value
            case "data":
                data += value
            case "":
                if data:
                    yield kind, json.loads(data)
                kind, data = "message", ""


def settle(door: Door, *, within_s: float) -> list[str]:
    """Wait until every job has ended, waking those that are paused; the jobs that have not."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        answer = door.ask("GET", "/v1/jobs?status=paused&limit=100")
        if answer is not None and answer.status_code == 200:
            for job in answer.json()["data"]:
                ask(door, "resume", job["id"])
        for job in list(door.log.undeleted):
            ask(door, "delete", job)
        for job in door.log.active():
            answer = door.ask("GET", f"/v1/jobs/{job}")
            if answer is not None and answer.status_code == 200 and answer.json()["status"] in FINAL:
                door.log.ended(job)
        if not door.log.active() and not door.log.undeleted:
            break
        time.sleep(0.5)
    return door.log.active()
