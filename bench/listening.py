"""How long after an event its listeners have it, by SSE and by WebSocket."""

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bench.servers import seconds_of

LISTEN_S = 120.0


@dataclass(slots=True)
class Ear:
    """One listener to one job. ``heard`` are the seconds from each event that came live to its arrival.

    An event's time is the database's, taken in the transaction that commits it, so the commit is included.
    """

    heard: list[float] = field(default_factory=list)
    opened: threading.Event = field(default_factory=threading.Event)
    _since: float = 0.0

    def begin(self) -> None:
        """Listening has begun: what happened before is told from the log, and does not count."""
        self._since = time.time()
        self.opened.set()

    def hear(self, text: str) -> None:
        """An event has arrived."""
        now, event = time.time(), json.loads(text)
        at = seconds_of(event["at"])
        if at > self._since:
            self.heard.append(now - at)


def hear_stream(url: str, job: str, ear: Ear) -> None:
    """Follow a job by server-sent events to its end."""
    timeout = httpx.Timeout(LISTEN_S)
    with httpx.stream("GET", f"{url}/v1/jobs/{job}/events", timeout=timeout, trust_env=False) as answer:
        for line in answer.iter_lines():
            if line.startswith("retry:"):
                ear.begin()
            elif line.startswith("data: "):
                ear.hear(line[6:])


def hear_socket(url: str, job: str, ear: Ear) -> None:
    """Follow a job by WebSocket to its end."""
    address = f"{url.replace('http', 'ws', 1)}/v1/jobs/{job}/ws"
    with connect(address, compression=None, proxy=None, close_timeout=1) as socket:
        ear.begin()
        try:
            while True:
                ear.hear(str(socket.recv(timeout=LISTEN_S)))
        except ConnectionClosed:
            return


def listen(url: str, job: str) -> tuple[list[threading.Thread], dict[str, Ear]]:
    """Begin to follow a job in both ways; the threads end with the job."""
    ways: dict[str, Any] = {"SSE": hear_stream, "WebSocket": hear_socket}
    ears = {name: Ear() for name in ways}
    threads = [
        threading.Thread(target=way, args=(url, job, ears[name]), daemon=True) for name, way in ways.items()
    ]
    for thread in threads:
        thread.start()
    for name, ear in ears.items():
        if not ear.opened.wait(LISTEN_S):
            raise TimeoutError(f"no {name} stream opened in {LISTEN_S:g} s")
    return threads, ears
