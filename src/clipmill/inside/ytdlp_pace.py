"""How fast it comes in, and how much of it: answers that are counted while they are read."""

import time
from collections import deque
from collections.abc import Callable
from email.message import Message

from yt_dlp.networking import Response

from clipmill.errors import RemoteError, SourceError

BLOCK = 16_384
"""Bytes taken at once; what is taken when a connection breaks off is lost."""


class Pace:
    """How fast it comes in, while we wait for it."""

    def __init__(self, seconds: float, bytes_a_second: float) -> None:
        self.received = 0
        self._seconds, self._least = seconds, bytes_a_second
        self._waited, self._since = 0.0, 0.0
        self._marks: deque[tuple[float, int]] = deque([(0.0, 0)])

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._waited += time.monotonic() - self._since
        self._since = 0.0

    def check(self) -> None:
        """Raise RemoteError ``download-slow`` when too little came in over the last seconds of waiting."""
        waited = self._waited + (time.monotonic() - self._since if self._since else 0.0)
        while len(self._marks) > 1 and self._marks[1][0] <= waited - self._seconds:
            self._marks.popleft()
        then, before = self._marks[0]
        self._marks.append((waited, self.received))
        if waited - then >= self._seconds and self.received - before < self._least * (waited - then):
            raise RemoteError(
                f"The site sends less than {self._least / 1024:g} KiB a second: try again later.",
                code="download-slow",
            )


class Body(Response):  # type: ignore[misc]  # yt-dlp has no types
    """An answer whose bytes are counted, and are at most so many."""

    def __init__(
        self, answer: Response, pace: Pace, most: int, refusal: Callable[[int], SourceError]
    ) -> None:
        super().__init__(answer, url=answer.url, headers={}, status=answer.status, reason=answer.reason)
        self.headers: Message = answer.headers
        self.extensions = answer.extensions
        self._pace, self._left, self._refusal, self._most = pace, most, refusal, most

    def read(self, amt: int | None = None) -> bytes:
        """At most ``amt`` bytes, or all; raises SourceError ``source-too-large``."""
        if amt is None or amt < 0:
            return b"".join(iter(lambda: self.read(BLOCK), b""))
        with self._pace:
            block = bytes(self.fp.read(min(amt, BLOCK)))
        self._pace.received += len(block)
        self._left -= len(block)
        if self._left < 0:
            raise self._refusal(self._most)
        return block


def page_too_large(most: int) -> SourceError:
    """What to say of a page that is longer than any."""
    return SourceError(
        f"The page at this address goes on for more than {most / 1e6:.0f} MB: give the address of the video's"
        " own page.",
        code="source-too-large",
    )


def too_large(most: int) -> SourceError:
    """What to say of what is larger than may be fetched."""
    return SourceError(
        f"The site sends more than {most / 1e6:.0f} MB, which is the most that is fetched: raise"
        " CLIPMILL_DOWNLOAD_MB, or lower CLIPMILL_DOWNLOAD_HEIGHT.",
        code="source-too-large",
    )
