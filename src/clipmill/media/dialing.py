"""Connect to a place: its name is looked up once, every answer is judged, and only those are connected to."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from clipmill.addresses import NOWHERE, Place, is_number, public
from clipmill.errors import SettingsError
from clipmill.media.heads import basic_word, read_status

LOOK_UP_S = 8.0
CONNECT_S = 10.0
"""For all addresses of a place together."""
TRIED = 4
"""Addresses of one name that are tried, in turn of both kinds."""
HEAD_BYTES = 64 << 10
"""Longest head of an answer; sites with many cookies send 20 KiB."""

Resolve = Callable[[str, int], Iterable[str]]
"""The numbers of a name; may take its time, raises OSError when there are none."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NoWay(Exception):  # noqa: N818 (an answer to the child, not a fault of ours)
    """A place is not connected to; ``status`` and ``text`` are what the child is answered."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Upstream:
    """The proxy that this machine's user goes through, with the word for it."""

    place: Place
    word: str


def look_up(name: str, port: int) -> tuple[str, ...]:
    """All numbers of a name, as the system knows them."""
    return tuple(str(found[4][0]) for found in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))


def upstream_of(address: str) -> Upstream | None:
    """The proxy at an address such as ``http://name:word@host:3128``, None for no address.

    Raises SettingsError ``proxy-wrong``.
    """
    if not address:
        return None
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        place = Place(parts.hostname or "", parts.port or 80)
    except ValueError:
        raise _unusable_proxy() from None
    if parts.scheme != "http" or not place.host:
        raise _unusable_proxy()
    word = basic_word(unquote(parts.username), unquote(parts.password or "")) if parts.username else ""
    return Upstream(place, word)


def _unusable_proxy() -> SettingsError:
    return SettingsError(
        "The proxy that the environment names cannot be used: give an address such as http://host:3128.",
        code="proxy-wrong",
    )


@dataclass(frozen=True, slots=True)
class Dialer:
    """How places are connected to.

    Those of ``allow`` are whatever they are, and directly. All others must be public, and go through
    ``upstream`` where there is one.
    """

    allow: frozenset[Place] = NOWHERE
    upstream: Upstream | None = None
    resolve: Resolve = look_up

    def through(self, place: Place) -> Upstream | None:
        """The proxy by which a place is reached."""
        return None if place in self.allow else self.upstream

    async def connect(self, place: Place) -> Streams:
        """A connection to a place, or to the proxy that is asked for it next. Raises NoWay."""
        upstream = self.through(place)
        if upstream is None:
            return await _connected(await self._judged(place), place.port)
        try:
            await self._judged(place)
        except NoWay as none:
            if none.status == 403:  # that the name is not known here says nothing: the proxy may know it
                raise
        return await _connected(await self._numbers(upstream.place), upstream.place.port)

    async def tunnel(self, place: Place) -> Streams:
        """A connection on which bytes go to and fro, through the proxy too. Raises NoWay."""
        reader, writer = await self.connect(place)
        if upstream := self.through(place):
            try:
                await _asked(reader, writer, place, upstream.word)
            except BaseException:
                writer.transport.abort()
                raise
        return reader, writer

    async def _judged(self, place: Place) -> tuple[str, ...]:
        numbers = await self._numbers(place)
        if place not in self.allow and not all(map(public, numbers)):
            raise NoWay(403, "Not a public address")
        return numbers

    async def _numbers(self, place: Place) -> tuple[str, ...]:
        if is_number(place.host):
            return (place.host,)
        return await _looked_up(self.resolve, place)


# --- names ------------------------------------------------------------------------------------------

_look_ups = threading.BoundedSemaphore(16)


async def _looked_up(resolve: Resolve, place: Place) -> tuple[str, ...]:
    """The numbers of a name, by a thread of its own that nobody waits for at the end of the program."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def give(numbers: tuple[str, ...]) -> None:
        if not answer.done():
            answer.set_result(numbers)

    def look() -> None:
        found: tuple[str, ...] = ()
        try:
            with contextlib.suppress(OSError, UnicodeError):
                found = tuple(dict.fromkeys(resolve(place.host, place.port)))
        finally:
            _look_ups.release()
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(give, found)

    if not _look_ups.acquire(blocking=False):
        raise NoWay(503, "Too many names at once")
    threading.Thread(target=look, daemon=True, name="clipmill-look-up").start()
    try:
        async with asyncio.timeout(LOOK_UP_S):
            numbers = await answer
    except TimeoutError:
        raise NoWay(504, "Name not found in time") from None
    if not numbers:
        raise NoWay(502, "No such name")
    return numbers


# --- connections ------------------------------------------------------------------------------------


async def _connected(numbers: tuple[str, ...], port: int) -> Streams:
    tried = _in_turn(numbers)[:TRIED]
    for number in tried:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CONNECT_S / len(tried)):
                return await asyncio.open_connection(number, port, limit=HEAD_BYTES)
    raise NoWay(502, "Not reachable")


def _in_turn(numbers: tuple[str, ...]) -> tuple[str, ...]:
    """First one of each kind: where IPv6 leads nowhere the second is IPv4, or the other way round."""
    first = ":" in numbers[0]
    same = [number for number in numbers if (":" in number) is first]
    other = [number for number in numbers if (":" in number) is not first]
    return (*same[:1], *other[:1], *same[1:], *other[1:])


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: Place, word: str) -> None:
    """Have the proxy of this machine connect to a place."""
    shown = f"Proxy-Authorization: {word}\r\n" if word else ""
    target = authority(place)
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{shown}\r\n".encode())
    try:
        async with asyncio.timeout(CONNECT_S):
            status = read_status(await reader.readuntil(b"\r\n\r\n"))
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise NoWay(502, "The proxy of this machine gave no answer") from None
    if not 200 <= status < 300:
        raise NoWay(502, f"The proxy of this machine answered {status}")


def authority(place: Place) -> str:
    """A place as it is written in a request."""
    return f"[{place.host}]:{place.port}" if ":" in place.host else f"{place.host}:{place.port}"
