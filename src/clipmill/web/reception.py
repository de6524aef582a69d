"""Bodies of uploads as they come: taken in pieces, written by threads, cut off where they are too slow."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import TypeVar

from starlette.types import Message, Receive

from clipmill.errors import BusyError, ClipmillError, StateError
from clipmill.jobs.receiving import Receiving
from clipmill.jobs.upload_rows import Upload
from clipmill.jobs.uploads import Uploads
from clipmill.web.problems import Refused
from clipmill.web.tus import Checksum, new_hash

AT_ONCE = 64
"""Bodies that come in at once in one process; each holds up to twice ``PIECE_BYTES``."""

THREADS = 8
"""Threads that write; more than one disk can keep busy."""

PIECE_BYTES = 1 << 20
"""Bytes that are written at once: a message of the server brings at most 64 KiB and each hop costs time."""

FLUSH_BYTES = 8 << 20
"""So much is written before it is brought to the disk: the most that a crash takes of a fast upload."""

FLUSH_S = 5.0
"""And this is the longest that something waits for it: the most that a crash takes of a slow one."""

LOOK_S = 1.0
"""How often a body that does not come is looked at; nothing is lost by looking."""

TURN_S = 3 * LOOK_S
"""A request that was cut is over after this, and the one that goes on need not be sent away for it."""

Answer = TypeVar("Answer")


class Cut(Exception):  # noqa: N818 (it is an outcome)
    """The sender is gone before the end of the body."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a sender may be: seconds without a byte, and bytes a second over a window of seconds.

    One of whom nothing came for ``quiet_s`` gives way to the next: most likely it is the same, come again.
    """

    idle_s: float = 30.0
    quiet_s: float = 5.0
    window_s: float = 60.0
    least: float = 10_000.0


USUAL = Pace()
"""A sender may be slower than any line that a video is worth sending over."""


class Watch:
    """Whether a sender keeps the pace; only the time in which we waited for it counts."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._waited = self._idle = 0.0
        self._total = 0
        self._marks = deque([(0.0, 0)])

    def note(self, waited_s: float, count: int) -> None:
        """So many bytes came after a wait of so long; raises Refused ``body-slow``."""
        pace = self._pace
        self._waited += waited_s
        self._total += count
        self._idle = 0.0 if count else self._idle + waited_s
        if self._waited - self._marks[-1][0] >= pace.window_s / 6:
            self._marks.append((self._waited, self._total))
        while len(self._marks) > 1 and self._waited - self._marks[1][0] >= pace.window_s:
            self._marks.popleft()
        began, before = self._marks[0]
        slow = self._waited - began >= pace.window_s and self._total - before < pace.least * pace.window_s
        if slow or self._idle >= pace.idle_s:
            raise Refused("The body came too slowly: go on where it was cut.", code="body-slow")


class Line:
    """The line on which a body comes in: whether it goes on, seen from outside."""

    def __init__(self, stopping: threading.Event, quiet_s: float) -> None:
        self._stopping = stopping
        self._quiet_s = quiet_s
        self._heard = time.monotonic()
        self._left = False

    def heard(self) -> None:
        """Something came."""
        self._heard = time.monotonic()

    def give_way(self) -> None:
        """Let somebody else go on, if nothing came for long."""
        self._left = self._left or time.monotonic() - self._heard > self._quiet_s

    def demand(self) -> None:
        """Raise BusyError or StateError when the line is not wanted any more."""
        if self._stopping.is_set():
            raise BusyError("The server is about to end: go on soon.", code="stopping", retry_after=5.0)
        if self._left:
            raise StateError("Somebody else goes on with this upload.", code="upload-locked")


@dataclass(frozen=True, slots=True)
class Coming:
    """What a request says of its body: where it goes, None for wherever the upload is, and its checksum."""

    offset: int | None = None
    checksum: Checksum | None = None


class Reception:
    """Takes bodies in for the uploads of one server."""

    def __init__(self, uploads: Uploads, pace: Pace, stopping: threading.Event) -> None:
        self._uploads = uploads
        self._pace = pace
        self._stopping = stopping
        self._lines: dict[tuple[str, str], Line] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="uploads")

    async def ask(self, question: Callable[[Uploads], Answer]) -> Answer:
        """What the uploads answer, found on a thread."""
        return await self._run(lambda: question(self._uploads))

    async def settled(self, upload: str, owner: str) -> Upload:
        """An upload when what came of it is told, unless somebody sends more just now."""
        self._clear(upload, owner)
        return await self.ask(lambda uploads: uploads.settled(upload, owner, wait_s=TURN_S))

    async def take(self, upload: Upload, receive: Receive, coming: Coming) -> Upload:
        """Write a body to the end of an upload; the upload as it is then.

        What came before a cut, or before the sender was cut off, stays, unless there is a checksum for it.
        Raises Cut, Refused ``body-slow``, ``upload-offset-wrong``, ``upload-too-large``, ``checksum-wrong``,
        StateError ``upload-locked``, BusyError, BudgetError ``disk-full``.
        """
        self._demand_place()
        self._clear(upload.id, upload.owner)
        line = Line(self._stopping, self._pace.quiet_s)
        with ExitStack() as opened:
            receiving = self._uploads.receiving(upload, wait_s=TURN_S)
            try:
                file = await self._run(lambda: opened.enter_context(receiving))
                demand_offset(file.offset, coming)
                self._lines[upload.id, upload.owner] = line
                await self._pour(_Pouring(self._uploads, upload, file, coming.checksum), receive, line)
                return await self._run(lambda: self._uploads.ended(upload, file))
            finally:
                if self._lines.get((upload.id, upload.owner)) is line:
                    del self._lines[upload.id, upload.owner]
                await self._run(opened.close)

    async def close(self) -> None:
        """Wait for what is being written."""
        await asyncio.to_thread(self._threads.shutdown)

    def _clear(self, upload: str, owner: str) -> None:
        """End the line on which an upload came, when nothing comes on it."""
        if line := self._lines.get((upload, owner)):
            line.give_way()

    async def _pour(self, pouring: "_Pouring", receive: Receive, line: Line) -> None:
        try:
            async with aclosing(pieces(receive, Watch(self._pace), line)) as coming:
                async for piece in coming:
                    await self._run(lambda piece=piece: pouring.take(piece))  # type: ignore[misc]
        except (Cut, ClipmillError):
            await self._run(pouring.leave)
            raise
        await self._run(pouring.end)

    def _demand_place(self) -> None:
        if len(self._lines) >= AT_ONCE:
            raise BusyError(
                "Too many uploads come in just now: try again in a moment.",
                code="too-many-requests",
                retry_after=5.0,
            )

    async def _run(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class _Pouring:
    """One body on its way into the file; all methods block."""

    def __init__(self, uploads: Uploads, upload: Upload, file: Receiving, checksum: Checksum | None) -> None:
        self._uploads = uploads
        self._upload = upload
        self._file = file
        self._checksum = checksum
        self._sum = new_hash(checksum) if checksum else None
        self._most = uploads.rules.most_bytes if upload.length is None else upload.length
        self._flushed = time.monotonic()

    def take(self, piece: bytes) -> None:
        """Write a piece."""
        if self._file.offset + len(piece) > self._most:
            raise too_long(self._most)
        self._file.write(piece)
        if self._sum:
            self._sum.update(piece)
        large = self._file.offset - self._file.flushed >= FLUSH_BYTES
        if self._sum is None and (large or time.monotonic() - self._flushed > FLUSH_S):
            self._keep()
            self._uploads.demand_reserve()

    def leave(self) -> None:
        """Keep what came, which is not all; what cannot be checked is not kept."""
        if self._sum:
            self._file.roll_back()
        else:
            self._keep()

    def end(self) -> None:
        """Keep what came; raises Refused ``checksum-wrong``."""
        if self._checksum and self._sum and self._sum.digest() != self._checksum.digest:
            self._file.roll_back()
            raise Refused(
                "The bytes that came are not those that were sent: send them again.", code="checksum-wrong"
            )
        self._keep()

    def _keep(self) -> None:
        self._uploads.commit(self._upload, self._file)
        self._flushed = time.monotonic()


async def pieces(receive: Receive, watch: Watch, line: Line) -> AsyncGenerator[bytes]:
    """A body in pieces of ``PIECE_BYTES``, or less where it comes slowly.

    What came is always given out before it ends: raises Cut, Refused ``body-slow``, and as ``Line.demand``.
    """
    held = bytearray()
    more, fault = True, None
    while more and fault is None:
        begun = time.monotonic()
        message = await _within(receive, LOOK_S)
        body = message.get("body", b"") if message else b""
        held += body
        more = message is None or message.get("more_body", False)
        try:
            _demand_sender(message)
            line.demand()
            if more:
                watch.note(time.monotonic() - begun, len(body))
        except (Cut, ClipmillError) as error:
            fault = error
        if body:
            line.heard()
        if held and (len(held) >= PIECE_BYTES or not body or not more or fault):
            yield bytes(held)
            held.clear()
    if fault:
        raise fault


def _demand_sender(message: Message | None) -> None:
    if message and message["type"] == "http.disconnect":
        raise Cut


async def _within(receive: Receive, seconds: float) -> Message | None:
    """The next message, None when none comes in time."""
    try:
        async with asyncio.timeout(seconds):
            return await receive()
    except TimeoutError:
        return None


def demand_offset(offset: int, coming: Coming) -> None:
    """Refuse bytes that do not go where an upload goes on."""
    if coming.offset not in (None, offset):
        raise Refused(
            f"This upload goes on at byte {offset}, not at {coming.offset}.",
            code="upload-offset-wrong",
            headers={"Upload-Offset": str(offset)},
        )


def too_long(most: int) -> Refused:
    """The refusal of more bytes than an upload may have."""
    return Refused(
        f"More bytes were sent than this upload may have, which are {most}.", code="upload-too-large"
    )
