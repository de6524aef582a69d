"""The proxy itself: lets in who shows a pass, and has each request dialed anew."""

import asyncio
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from clipmill.addresses import Place, place_of
from clipmill.errors import SourceError
from clipmill.media.dialing import Dialer, NoWay, Streams, authority
from clipmill.media.heads import Request, answer_of_ours, read_request, request_onward
from clipmill.media.relay import carried, closing, ended, exchanged, hung_up, reset

REQUEST_BYTES = 32 << 10
HEAD_S = 15.0
"""For the head of a request; who connects is on this machine."""
AT_ONCE = 32
"""Connections of one guest; yt-dlp opens one for each fragment that it fetches at once."""
AT_ONCE_IN_ALL = 256
REFUSALS = 100
"""Refusals that are remembered of one guest: a list of segments may hold thousands."""


@dataclass(slots=True, eq=False)
class Guest:
    """Who has a pass, and what became of it."""

    name: str
    word: str
    refused: Callable[[str], None]
    received: Callable[[int], None]
    refusals: int = 0
    visits: set[asyncio.Task[None]] = field(default_factory=set)

    def refuse(self, target: str) -> None:
        """Remember what it was kept from."""
        self.refusals += 1
        if self.refusals <= REFUSALS:
            self.refused(target.partition("?")[0][:200])


class Gateway:
    """An HTTP proxy on loopback for guests with a pass; all its methods run on its own loop."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._guests: dict[str, Guest] = {}
        self._visits: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        """Begin to listen on a port that the system chooses, and return it."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0, limit=REQUEST_BYTES)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """End it with all connections."""
        if self._server:
            self._server.close()
        await ended(self._visits)

    def admit(self, guest: Guest) -> None:
        """Let a guest in from now on."""
        self._guests[guest.name] = guest

    async def dismiss(self, guest: Guest) -> None:
        """Let a guest in no more, and end the connections that it has."""
        self._guests.pop(guest.name, None)
        await ended(guest.visits)

    # --- one connection ---

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.current_task()
        assert visit is not None
        if len(self._visits) >= AT_ONCE_IN_ALL:
            writer.transport.abort()
            return
        self._visits.add(visit)
        try:
            await self._serve(visit, (reader, writer))
        except NoWay as none:
            await _answered((reader, writer), none)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            reset(writer)
        finally:
            self._visits.discard(visit)

    async def _serve(self, visit: asyncio.Task[None], child: Streams) -> None:
        request = await _request(child[0])
        guest = self._known(request)
        if len(guest.visits) >= AT_ONCE:
            raise NoWay(503, "Too many connections at once")
        guest.visits.add(visit)
        try:
            await self._carried_out(request, guest, child)
            await hung_up(child)
        except NoWay as none:
            if none.status == 403:
                guest.refuse(request.target)
            raise
        finally:
            guest.visits.discard(visit)

    def _known(self, request: Request) -> Guest:
        name, word = request.shown_word()
        guest = self._guests.get(name)
        if guest is None or not hmac.compare_digest(guest.word, word):
            raise NoWay(407, "Only for who has a pass")
        return guest

    async def _carried_out(self, request: Request, guest: Guest, child: Streams) -> None:
        if request.method == "CONNECT":
            await self._tunnel(request, guest, child)
        elif request.method in ("GET", "HEAD", "POST"):
            await self._forward(request, guest, child)
        else:
            raise NoWay(405, "Only CONNECT, GET, HEAD and POST")

    async def _tunnel(self, request: Request, guest: Guest, child: Streams) -> None:
        asked = re.fullmatch(r"\[?([^/?#@\[\]]+)\]?:([0-9]{1,5})", request.target)
        if asked is None:
            raise NoWay(400, "No host and port")
        host, port = asked.groups()  # Python's own client leaves out the brackets of IPv6
        far = await self._dialer.tunnel(self._place(f"https://{authority(Place(host, int(port)))}"))
        with closing(far):
            child[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await carried(child, far, guest.received)

    async def _forward(self, request: Request, guest: Guest, child: Streams) -> None:
        asked = re.fullmatch(r"http://[^/?#]*([^#]*)(?:#.*)?", request.target, re.IGNORECASE)
        if asked is None:
            raise NoWay(400, "No address that begins with http")
        place, length = self._place(request.target), _length(request)
        host = authority(place).removesuffix(":80")
        path = asked[1] if asked[1].startswith("/") else f"/{asked[1]}"
        through = self._dialer.through(place)
        head = request_onward(
            request,
            target=f"http://{host}{path}" if through else path,
            host=host,
            word=through.word if through else "",
        )
        far = await self._dialer.connect(place)
        with closing(far):
            far[1].write(head)
            await exchanged(child, far, length, guest.received)

    def _place(self, address: str) -> Place:
        try:
            return place_of(address, allow=self._dialer.allow)
        except SourceError as error:
            if error.code == "address-refused":
                raise NoWay(403, "Not a public address") from None
            raise NoWay(400, "No address") from None


# --- heads ------------------------------------------------------------------------------------------


async def _request(reader: asyncio.StreamReader) -> Request:
    try:
        async with asyncio.timeout(HEAD_S):
            return read_request(await reader.readuntil(b"\r\n\r\n"))
    except ValueError:
        raise NoWay(400, "No HTTP request") from None
    except asyncio.LimitOverrunError:
        raise NoWay(431, "Too long a head") from None
    except TimeoutError:
        raise NoWay(408, "No request in time") from None


def _length(request: Request) -> int:
    try:
        return request.length()
    except ValueError:
        raise NoWay(411, "A body needs its length") from None


async def _answered(child: Streams, none: NoWay) -> None:
    """Say why nothing comes, and hang up."""
    try:
        child[1].write(answer_of_ours(none.status, none.text))
        await hung_up(child)
    except (OSError, TimeoutError, asyncio.CancelledError):
        reset(child[1])
