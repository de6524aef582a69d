"""The server that the application runs in: what it binds to, what it bears, and how it ends."""

import asyncio
import contextlib
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from clipmill.addresses import loopback
from clipmill.errors import SettingsError
from clipmill.web.events import SERVER_OPTIONS
from clipmill.web.floor import Floor
from clipmill.web.problems import Refused, problem_response

HEAD_BYTES = 32 << 10
"""The largest head of a request; browsers send up to 16 KiB."""

HEAD_S = 15.0
"""The head of a request must have come within this time."""

LINGER_S = 5.0
"""What still comes of a body that was answered before its end is thrown away for so long.

Long enough for the sender to see the answer, which it would lose if the connection were closed at once.
"""

IDLE_S = 60
"""A connection on which nothing is asked is closed after this."""

CONNECTIONS = 2048
"""Open connections; the guard and the streams have lower bounds of their own, so this one is never seen."""

FILES = 4096
"""Files that the process may have open, where the system lets us."""

DRAIN_S = 1.0
"""How long the server still answers after it was told to end: time to see that it is not ready."""

GRACE_S = 10
"""How long answers that are under way may still take."""


def serve_app(
    app: FastAPI,
    host: str = "127.0.0.1",
    port: int = 8420,
    *,
    started: Callable[[str], None] = lambda _: None,
    drain_s: float = DRAIN_S,
) -> None:
    """Serve an application until SIGTERM or SIGINT; then be not ready at once, close the streams, and return.

    ``started`` is told the address when requests are answered; a port of 0 takes a free one. Raises
    SettingsError ``keys-required`` for a host that others can reach, ``address-taken`` when another
    program has the port.
    """
    Server(app, started=started, drain_s=drain_s).serve_on(host, port)


class Server(uvicorn.Server):
    """uvicorn, but with an end in two steps, and no more said than is asked for."""

    def __init__(
        self, app: FastAPI, *, started: Callable[[str], None] = lambda _: None, drain_s: float = DRAIN_S
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS,
                backlog=1024,
                timeout_keep_alive=IDLE_S,
                timeout_graceful_shutdown=GRACE_S,
                h11_max_incomplete_event_size=HEAD_BYTES,
                **SERVER_OPTIONS,
            )
        )
        self._floor: Floor = app.state.floor
        self._watch = app.state.watch
        self._watch.connections = self.server_state.connections
        self._started = started
        self._drain_s = drain_s
        self._ends_at = 0.0

    def serve_on(self, host: str, port: int) -> None:
        """Serve until ``end`` or a signal; raises SettingsError as ``serve_app`` does."""
        demand_loopback(host)
        _allow_files()
        with contextlib.closing(_bound(host, port)) as listener:
            self.run([listener])

    def end(self) -> None:
        """Be not ready from now on, and end a little later; for any thread, and for signals."""
        self._ends_at = self._ends_at or time.monotonic() + self._drain_s
        self._floor.stopping.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal ends in peace, the second at once."""
        del frame
        if self._ends_at:
            self.should_exit = True
            self.force_exit = sig == signal.SIGINT
        self.end()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Answer signals while serving; unlike uvicorn's own way, do not die of them in the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell where."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            self._started(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether it is time to end."""
        if self._ends_at and time.monotonic() >= self._ends_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the streams, which would go on, then wait for the rest."""
        self._watch.stop()
        await super().shutdown(sockets)


class Protocol(H11Protocol):
    """HTTP as h11 reads it; what cannot be read gets a problem, what does not come is not waited for."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head."""
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nothing to wait for any more."""
        super().connection_lost(exc)
        self._watch_head()

    def on_response_complete(self) -> None:
        """Go on with the next request, but do not take in for ever what nobody reads."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self.loop.call_later(LINGER_S, self._end_body, self.cycle)

    def _end_body(self, cycle: object) -> None:
        if self.cycle is cycle and self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()

    def _watch_head(self) -> None:
        waiting = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if waiting and self._late is None:
            self._late = self.loop.call_later(HEAD_S, self.transport.abort)
        elif not waiting and self._late is not None:
            self._late.cancel()
            self._late = None

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read."""
        del msg
        large = len(self.conn.trailing_data[0]) > HEAD_BYTES
        code = "header-too-large" if large else "request-unreadable"
        too_large = f"The head of a request takes at most {HEAD_BYTES >> 10} KiB."
        answer = problem_response(Refused(too_large if large else "This is no HTTP request.", code=code))
        headers = [*answer.raw_headers, (b"connection", b"close")]
        events = (
            h11.Response(status_code=answer.status_code, headers=headers),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        )
        self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self.transport.close()


def demand_loopback(host: str) -> None:
    """Raise SettingsError unless only this machine can reach a server on ``host``."""
    if loopback(host):
        return
    raise SettingsError(
        f"Others could reach a server on {host}, and there are no keys yet to tell them apart:"
        " use 127.0.0.1, and a tunnel or a proxy that asks who is there.",
        code="keys-required",
    )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        why = error.strerror if isinstance(error, OSError) else "no such port"
        raise SettingsError(
            f"The address {host}:{port} cannot be had ({why}): end the other program, or choose --port.",
            code="address-taken",
        ) from None
    return listener


def _allow_files() -> None:
    """Each connection takes a file; let there be enough of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
