"""A proxy in front of an HTTP service that makes faults on purpose, and writes down when it was asked."""

import http.client
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y")
"""HTTP's three forms of a date."""


@dataclass(frozen=True)
class Fault:
    """What happens to one call.

    ``status``: it is answered with that, and ``Retry-After`` as ``away`` says: seconds, or with a ``form`` (0
    to 2) the date so many seconds from now; ``said`` is sent as it is instead. ``reset``: the connection is
    reset, before the service was asked. ``cut``: it ends after so many bytes of the answer's body.
    ``longer``: the answer says that it has so many bytes more than there are. ``drip``: it comes with so many
    bytes a second. ``silent``: nothing comes for so long, then the connection ends. ``body``: the answer is
    200 with these bytes.
    """

    status: int = 0
    away: float | None = None
    form: int | None = None
    said: str = ""
    reset: bool = False
    cut: int | None = None
    longer: int = 0
    drip: float = 0.0
    silent: float = 0.0
    body: bytes | None = None


NONE = Fault()

EVERYTHING = (
    Fault(status=429, away=0.2),
    Fault(status=429),
    Fault(status=500),
    Fault(status=502),
    Fault(status=503, away=0.1),
    Fault(reset=True),
    Fault(cut=0),
    Fault(cut=40),
    Fault(longer=10),
    Fault(longer=-10),
    Fault(body=b"<!DOCTYPE html><title>It works</title>"),
    Fault(body=b'{"text": "half an ans'),
)
"""One of each fault that passes quickly."""


def any_faults(seed: int, *, share: float, of: Sequence[Fault] = EVERYTHING) -> Iterator[Fault]:
    """Faults without end, the same for the same seed: ``share`` of all calls have one."""
    source = random.Random(seed)
    while True:
        yield source.choice(of) if source.random() < share else NONE


@dataclass
class Proxy:
    """A running proxy. ``starts`` are the times when calls began, ``early`` those that came too early.

    Where many ask at once, a call may be on its way while another is sent away: within ``grace_s`` of that
    it is not early.
    """

    url: str
    target: str
    faults: Iterator[Fault]
    starts: list[float] = field(default_factory=list)
    early: list[float] = field(default_factory=list)
    grace_s: float = 0.0
    away: list[tuple[float, float]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, key: str) -> Fault:
        """A call begins: the fault that it has."""
        with self.lock:
            now = time.time()
            self.starts.append(now)
            self.keys.append(key)
            if any(since + self.grace_s < now < until for since, until in self.away):
                self.early.append(now)
            return next(self.faults, NONE)

    def send_away(self, fault: Fault) -> str:
        """The ``Retry-After`` of a fault; who comes before is early."""
        if fault.said or fault.away is None:
            return fault.said
        now = time.time()
        until, said = now + fault.away, f"{fault.away:g}"
        if fault.form is not None:
            date = datetime.fromtimestamp(now, UTC).replace(microsecond=0) + timedelta(seconds=fault.away)
            until, said = date.timestamp(), date.strftime(DATES[fault.form])
        with self.lock:
            self.away.append((now, until))
        return said

    def most_in(self, window_s: float) -> int:
        """The most calls that began within any ``window_s`` seconds."""
        times = sorted(self.starts)
        return max((sum(at <= other <= at + window_s for other in times) for at in times), default=0)


@contextmanager
def faulty(target: str, faults: Iterable[Fault] = ()) -> Iterator[Proxy]:
    """A proxy before the service at ``target``: each call has the next fault, none when they are used up."""
    place = urlsplit(target)
    proxy = Proxy("", f"{place.hostname}:{place.port}", iter(faults))
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}{place.path}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A connection that broke is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self.close_connection = True
        fault = self.proxy.begin(self.headers.get("Idempotency-Key", ""))
        if fault.reset:
            _reset(self.connection)
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(fault.silent)
        if fault.silent:
            return
        if fault.status:
            self._send(fault.status, b'{"error": {"message": "not now"}}', self.proxy.send_away(fault))
        elif fault.body is not None:
            self._send(200, fault.body)
        else:
            self._pass_on(body, fault)

    def _pass_on(self, body: bytes, fault: Fault) -> None:
        connection = http.client.HTTPConnection(self.proxy.target, timeout=120)
        hop = {"host", "content-length", "connection"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in hop}
        connection.request("POST", self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self._head(answer.status, len(content) + fault.longer)
        self._trickle(content if fault.cut is None else content[: fault.cut], fault.drip)

    def _send(self, status: int, content: bytes, retry_after: str = "") -> None:
        self._head(status, len(content), retry_after)
        self._trickle(content, 0.0)

    def _head(self, status: int, length: int, retry_after: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()

    def _trickle(self, content: bytes, drip: float) -> None:
        if not drip:
            self.wfile.write(content)
            return
        for byte in content:
            self.wfile.write(bytes([byte]))
            time.sleep(1 / drip)


def _reset(connection: socket.socket) -> None:
    """End a connection so that the other side sees a reset."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())
