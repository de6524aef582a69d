"""The only way out: a proxy on loopback that connects to public addresses and to nothing else."""

import asyncio
import atexit
import os
import secrets
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from clipmill.addresses import NOWHERE, Place
from clipmill.errors import BusyError
from clipmill.media.dialing import Dialer, Resolve, look_up, upstream_of
from clipmill.media.gateway import Gateway, Guest

START_S = 10.0
END_S = 3.0


@dataclass(slots=True)
class Pass:
    """One child's leave to use the proxy, and what it did with it.

    ``proxy`` is the proxy's address with the name and word of this pass, ``port`` its port. ``refused`` are
    the addresses that it was kept from (the first 100), ``received`` the bytes that came in from outside.
    """

    proxy: str
    port: int
    refused: list[str] = field(default_factory=list)
    received: int = 0

    def add(self, count: int) -> None:
        """Count bytes that came in."""
        self.received += count


@contextmanager
def way_out(
    *, allow: frozenset[Place] = NOWHERE, upstream: str = "", resolve: Resolve = look_up
) -> Iterator[Pass]:
    """A pass for one child, until the end of the block; the proxy is started when it is needed first.

    ``allow`` are places that may be connected to although they are not public. ``upstream`` is the proxy
    that the user of this machine goes through, empty for none. The proxy answers 403 to what is not public,
    502 and 504 to what cannot be reached, each with the reason in its first line.

    Raises SettingsError ``proxy-wrong`` for an upstream that is none.
    """
    way = _kept(Dialer(allow, upstream_of(upstream), resolve))
    name, word = secrets.token_hex(8), secrets.token_urlsafe(24)
    leave = Pass(f"http://{name}:{word}@127.0.0.1:{way.port}", way.port)
    guest = Guest(name, word, leave.refused.append, leave.add)
    way.admit(guest)
    try:
        yield leave
    finally:
        way.dismiss(guest)


class Way:
    """A gateway in a thread of its own."""

    def __init__(self, dialer: Dialer) -> None:
        self.port = 0
        self._gateway = Gateway(dialer)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="clipmill-egress")
        self._thread.start()
        if not self._ready.wait(START_S) or not self.port:
            raise BusyError("The proxy to the network did not start.", code="egress-down", retry_after=5.0)

    @property
    def alive(self) -> bool:
        """Whether it still takes connections."""
        return self._thread.is_alive()

    def admit(self, guest: Guest) -> None:
        """Let a guest in from now on."""
        self._loop.call_soon_threadsafe(self._gateway.admit, guest)

    def dismiss(self, guest: Guest) -> None:
        """Let a guest in no more; its connections have ended when this returns."""
        self._done(self._gateway.dismiss(guest))

    def close(self) -> None:
        """End it, with all connections."""
        self._done(self._gateway.close())
        with suppress(RuntimeError):  # it has ended before
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(END_S)

    def _done(self, what: Coroutine[Any, Any, None]) -> None:
        if not self.alive:
            what.close()
            return
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(what, self._loop).result(END_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self.port = self._loop.run_until_complete(self._gateway.open())
            self._ready.set()
            self._loop.run_forever()
        finally:
            self._ready.set()
            self._loop.close()


_ways: dict[tuple[int, Dialer], Way] = {}
_lock = threading.Lock()


def _kept(dialer: Dialer) -> Way:
    """The way for a dialer: one in each process, started when it is needed first."""
    with _lock:
        key = os.getpid(), dialer
        way = _ways.get(key)
        if way is None or not way.alive:
            way = _ways[key] = Way(dialer)
        return way


def close_ways() -> None:
    """End all ways out of this process."""
    with _lock:
        ours = [key for key in _ways if key[0] == os.getpid()]
        for key in ours:
            _ways.pop(key).close()


atexit.register(close_ways)
