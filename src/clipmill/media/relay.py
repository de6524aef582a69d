"""Bytes on their way through the proxy: carried piece by piece, and cut when nothing moves."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterator

from clipmill.media.dialing import NoWay, Streams
from clipmill.media.heads import answer_onward, read_status

PIECE_BYTES = 64 << 10
IDLE_S = 60.0
"""A connection on which nothing moves for so long is ended."""
LINGER_S = 1.0
NO_LINGER = struct.pack("ii", 1, 0)


def reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection off, so that what was cut looks cut where no length was told."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    writer.transport.abort()


async def hung_up(child: Streams) -> None:
    """End a connection with all that was said on it: bytes of the child that nobody read would reset it."""
    reader, writer = child
    writer.write_eof()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while await reader.read(PIECE_BYTES):
                pass
    writer.close()
    async with asyncio.timeout(IDLE_S):
        await writer.wait_closed()


async def carried(child: Streams, far: Streams, received: Callable[[int], None]) -> None:
    """Carry bytes to and fro until the far side has no more, or nothing moves."""
    async with asyncio.timeout(IDLE_S) as clock:
        sending = asyncio.create_task(_sent(child[0], far[1], clock))
        try:
            await _poured(far[0], child[1], clock, received)
        finally:
            await ended({sending})


async def _sent(source: asyncio.StreamReader, sink: asyncio.StreamWriter, clock: asyncio.Timeout) -> None:
    """Carry to the far side what the child has to say; when the child breaks off, so does the far side."""
    try:
        await _poured(source, sink, clock)
        sink.write_eof()
    except OSError:
        sink.transport.abort()


async def exchanged(child: Streams, far: Streams, length: int, received: Callable[[int], None]) -> None:
    """Carry a body of ``length`` bytes to the far side and its answer back."""
    async with asyncio.timeout(IDLE_S) as clock:
        sending = asyncio.create_task(_body(child[0], far[1], length, clock))
        try:
            head = await _answer_head(far[0])
            received(len(head))
            child[1].write(answer_onward(head))
            await _poured(far[0], child[1], clock, received)
        finally:
            await ended({sending})


async def _body(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, length: int, clock: asyncio.Timeout
) -> None:
    """Carry the body; then, when the child hangs up before the answer is whole, hang up too."""
    with contextlib.suppress(OSError):
        while length and (piece := await source.read(min(length, PIECE_BYTES))):
            length -= len(piece)
            await _given(piece, sink, clock)
        while await source.read(PIECE_BYTES):
            pass
    sink.transport.abort()


async def _answer_head(reader: asyncio.StreamReader) -> bytes:
    """The head of the answer that counts, after those that only announce it."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            status = read_status(head)
            if status == 407:
                raise NoWay(502, "The proxy of this machine answered 407")
            if status >= 200:
                return head
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise NoWay(502, "No HTTP answer") from None


async def _poured(
    source: asyncio.StreamReader,
    sink: asyncio.StreamWriter,
    clock: asyncio.Timeout,
    count: Callable[[int], None] = lambda _: None,
) -> None:
    while piece := await source.read(PIECE_BYTES):
        count(len(piece))
        await _given(piece, sink, clock)


async def _given(piece: bytes, sink: asyncio.StreamWriter, clock: asyncio.Timeout) -> None:
    clock.reschedule(asyncio.get_running_loop().time() + IDLE_S)
    sink.write(piece)
    await sink.drain()


@contextlib.contextmanager
def closing(far: Streams) -> Iterator[None]:
    """Hang up on the far side at the end, and at once: nobody reads what it would still say."""
    try:
        yield
    finally:
        far[1].transport.abort()


async def ended(visits: set[asyncio.Task[None]]) -> None:
    """Stop tasks, and wait until they have ended."""
    for visit in tuple(visits):
        visit.cancel()
    await asyncio.gather(*visits, return_exceptions=True)
