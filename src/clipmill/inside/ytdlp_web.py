"""Requests that go on where they broke off and never join what does not belong together.

A file that is half here is asked for from its last few kilobytes on, and only while it is the same file: by
the server's own mark (If-Range), by its size, and by those bytes. What was changed is fetched anew.
"""

import hashlib
import io
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from yt_dlp.networking import Request, Response
from yt_dlp.networking.exceptions import HTTPError

from clipmill.errors import ClipmillError, OutageError, RemoteError
from clipmill.inside.ytdlp_faults import INCOMPLETE, LIVE, of_status
from clipmill.inside.ytdlp_known import (
    Known,
    asked_part,
    begin_at,
    begins_with,
    known_of,
    length_of,
    sent_part,
)
from clipmill.inside.ytdlp_pace import Body, Pace, page_too_large, too_large

OVERLAP = 4096
"""Bytes before the place where a download goes on that are fetched again and compared."""

RESTARTS = 3
FRUITLESS = 8
"""So often in a row a site may break off before it sends a byte; each try waits longer, up to 5 s."""

ANSWERS = "answers.json"
Send = Callable[[Request], Response]


class LinkFailed(Exception):  # noqa: N818 (it may only have run out)
    """A site does not know its own link (any more); ``whole`` when it was that of the whole file."""

    def __init__(self, status: int, *, whole: bool) -> None:
        super().__init__(f"HTTP Error {status}")
        self.status = status
        self.whole = whole

    def error(self) -> ClipmillError:
        """What it means when a fresh link does not work either."""
        missing = not self.whole and self.status in (404, 410)
        return (INCOMPLETE if missing else of_status(self.status)).error()


class Web:
    """The requests of one look-up or fetch. ``most`` is how many bytes one answer may have."""

    def __init__(self, folder: Path, pace: Pace, most: int) -> None:
        self.pace, self.most = pace, most
        self._file = folder / ANSWERS
        self._known = self._remembered()
        self._seen: dict[str, Known] = {}
        self._part: Path | None = None
        self._playlist = ""
        self._loading = self._chunks = False
        self._heeded = True
        self._restarts = self._fruitless = self._gained = 0

    def pause(self, n: int) -> float:  # noqa: ARG002 (yt-dlp counts all tries)
        """Seconds until the next try: few while each brings something, else twice as many each time."""
        gained = self.pace.received > self._gained
        return 0.2 if gained else min(5.0, 0.2 * 2.0**self._fruitless)

    def begin(self, part: Path, address: str, *, playlist: bool, whole: bool, chunks: bool) -> None:
        """From now on a download is made into ``part``: of one whole file, or of a playlist's pieces."""
        self._part = part if whole else None
        self._playlist = address if playlist else ""
        self._pieces, self._loading, self._chunks = part, True, chunks
        self._restarts = self._fruitless = 0

    def end(self) -> None:
        """The download is over."""
        self._loading, self._part, self._playlist = False, None, ""

    def size_of(self, address: str) -> int | None:
        """Bytes of what lies at an address that was asked before, where the site said so."""
        known = self._seen.get(address)
        return known.total if known and not known.packed else None

    def open(self, request: Request, send: Send) -> Body:
        """The answer to a request; in a download one that may be joined to what is here."""
        if not self._loading:
            return self._body(request, self._sent(request, send))
        self._count_tries()
        asked = asked_part(request)
        if asked is None or (asked[0] == 0 and (asked[1] is None or self._chunks)):
            return self._begun(request, send)
        if asked[1] is not None and not self._chunks:
            return self._piece(request, asked[0], send)
        return self._resumed(request, asked[0], send)

    # --- three kinds of requests ---

    def _begun(self, request: Request, send: Send) -> Body:
        """A file, or a playlist, from its beginning."""
        answer = self._sent(request, send)
        if answer.status == 206 and not (asked_part(request) and (sent_part(answer) or (1,))[0] == 0):
            raise INCOMPLETE.error()
        self._learn(request, answer)
        if request.url == self._playlist:
            return self._same_playlist(answer)
        return self._body(request, answer)

    def _piece(self, request: Request, start: int, send: Send) -> Body:
        """A part of a file that a playlist names."""
        known = self._seen.get(request.url, Known())
        if known.mark:
            request.headers["If-Range"] = known.mark
        answer = self._sent(request, send)
        if answer.status != 206 or not self._fits(answer, start, known):
            raise INCOMPLETE.error()
        self._learn(request, answer)
        return self._body(request, answer)

    def _resumed(self, request: Request, start: int, send: Send) -> Body:
        """The rest of a file of which ``start`` bytes are here; all of it where that cannot be had."""
        known, tail = self._known_of(request), self._tail(start)
        if known.packed or not (known.mark or tail):
            return self._again(request, send)
        request.headers["Range"] = re.sub(r"\d+", str(start - len(tail)), request.headers["Range"], count=1)
        try:
            answer = self._rest(request, known, send)
        except HTTPError as error:
            if error.status != 416 or known.total == start:
                raise
            return self._again(request, send)
        if answer.status != 206:
            return self._renewed(request, answer)
        if self._fits(answer, start - len(tail), known) and begins_with(answer, tail):
            self._learn(request, answer)
            begin_at(answer, start, len(tail))
            return self._body(request, answer, at=start)
        answer.close()
        return self._again(request, send)

    def _rest(self, request: Request, known: Known, send: Send) -> Response:
        """The answer to a request for a part, if it is still the same file."""
        if known.mark and self._heeded:
            request.headers["If-Range"] = known.mark
        answer = self._sent(request, send)
        if answer.status == 200 and self._heeded and known.mark and known.mark == known_of(answer).mark:
            # All of the same file: some servers do not understand the condition. We compare ourselves, too.
            self._heeded = False
            answer.close()
            del request.headers["If-Range"]
            answer = self._sent(request, send)
        return answer

    def _again(self, request: Request, send: Send) -> Body:
        """The whole file; what is here is not gone on with."""
        for name in ("Range", "If-Range"):
            request.headers.pop(name, None)
        return self._renewed(request, self._sent(request, send))

    def _renewed(self, request: Request, answer: Response) -> Body:
        self._restarts += 1
        if self._restarts > RESTARTS or answer.status == 206:
            raise RemoteError(
                "The site does not send the rest of the video, or changes it all the time: try again later.",
                code="download-incomplete",
            )
        self._learn(request, answer)
        return self._body(request, answer)

    # --- what they have in common ---

    def _sent(self, request: Request, send: Send) -> Response:
        try:
            with self.pace:
                return send(request)
        except HTTPError as error:
            if self._loading and error.status not in (408, 416, 425) and error.status < 500:
                raise LinkFailed(error.status, whole=self._part is not None) from error
            raise

    def _body(self, request: Request, answer: Response, at: int = 0) -> Body:
        size = length_of(answer)
        if not self._loading:
            self._seen[request.url] = known_of(answer)
        elif size and at + size > self.most:
            answer.close()
            raise too_large(self.most)
        return Body(answer, self.pace, self.most - at, too_large if self._loading else page_too_large)

    def _fits(self, answer: Response, start: int, known: Known) -> bool:
        found = sent_part(answer)
        return found is not None and found[0] == start and known.agrees(known_of(answer))

    def _tail(self, start: int) -> bytes:
        """The last bytes that are here, when they end where it is gone on."""
        with suppress(OSError):
            if self._part and self._part.stat().st_size == start:
                with self._part.open("rb") as file:
                    file.seek(max(0, start - OVERLAP))
                    return file.read()
        return b""

    def _count_tries(self) -> None:
        gained, self._gained = self.pace.received - self._gained, self.pace.received
        self._fruitless = 0 if gained else self._fruitless + 1
        if self._fruitless > FRUITLESS:
            raise OutageError(
                "The site breaks off again and again before it sends anything: try again later.",
                code="site-down",
            )

    # --- what is remembered ---

    def _known_of(self, request: Request) -> Known:
        if self._part:
            return self._known.get(self._part.name, Known())
        return self._seen.get(request.url, Known())

    def _learn(self, request: Request, answer: Response) -> None:
        self._seen[request.url] = known_of(answer)
        if self._part:
            self._remember(self._part.name, known_of(answer))

    def _remember(self, name: str, known: Known) -> None:
        if self._known.get(name) != known:
            self._known[name] = known
            part = self._file.with_suffix(".new")
            part.write_text(json.dumps({name: asdict(one) for name, one in self._known.items()}))
            part.replace(self._file)

    def _remembered(self) -> dict[str, Known]:
        try:
            return {name: Known(**one) for name, one in json.loads(self._file.read_text()).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _same_playlist(self, answer: Response) -> Body:
        """A playlist's text; what is here of another state of it is thrown away."""
        text = Body(answer, self.pace, self.most, page_too_large).read()
        if b"#EXTINF" in text and not re.search(rb"#EXT-X-(ENDLIST|PLAYLIST-TYPE:\s*VOD)", text):
            raise LIVE.error()  # it would end where the broadcast is now
        plain = re.sub(rb"\?\S*", b"", text)
        known = Known(etag=hashlib.sha256(plain).hexdigest(), total=len(plain))
        if self._known.get(self._pieces.name, known) != known:
            for file in self._pieces.parent.glob(f"{self._pieces.name.removesuffix('.part')}.*"):
                file.unlink()
        self._remember(self._pieces.name, known)
        copy = Response(io.BytesIO(text), url=answer.url, headers=dict(answer.headers))
        return Body(copy, Pace(1e9, 0), self.most, page_too_large)
