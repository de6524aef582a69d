"""Files over HTTP: opened once, so that what is sent is one whole version, in one piece or in ranges."""

import os
import re
import secrets
import stat
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import Header
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from clipmill.web.problems import Refused

MOST_RANGES = 5
"""More ranges in one request are refused: players ask for one, attackers for thousands."""

READ_BYTES = 256 << 10
"""Bytes read at once: large enough to keep a fast line busy, small enough for hundreds of readers."""

Piece = bytes | range
"""What a body is made of: bytes as they are, or a stretch of the file."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request's headers say about the part and the version of a file that it wants."""

    ranges: str | None = None
    if_range: str | None = None
    if_none_match: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """How a file is sent: its type, its name for the one who saves it, and whether it is shown or saved."""

    media_type: str
    name: str
    save: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file; ``number`` is its descriptor."""

    number: int
    facts: os.stat_result

    @property
    def etag(self) -> str:
        """The name of this version of the file."""
        facts = self.facts
        return f'"{facts.st_mtime_ns:x}-{facts.st_size:x}-{facts.st_ino:x}"'


class FileAnswer(StreamingResponse):
    """Pieces of an open file, which is closed in the end whatever happens."""

    def __init__(self, file: int, pieces: Sequence[Piece], status: int, headers: dict[str, str]) -> None:
        self._file = file
        length = sum(len(piece) for piece in pieces)
        super().__init__(_chunks(file, pieces), status, {**headers, "Content-Length": str(length)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; to a HEAD request only its head."""
        try:
            if scope["method"] == "HEAD":
                await Response(None, self.status_code, dict(self.headers))(scope, receive, send)
            else:
                await super().__call__(scope, receive, send)
        finally:
            os.close(self._file)


def wanted_part(
    range_: Annotated[
        str | None, Header(alias="range", description="Which bytes, such as `bytes=0-99`; at most 5 ranges.")
    ] = None,
    if_range: Annotated[
        str | None, Header(description="Only when the file has this ETag; else all of it.")
    ] = None,
    if_none_match: Annotated[str | None, Header(description="The ETag that is known already.")] = None,
) -> Wanted:
    """The headers of a request for a file."""
    return Wanted(range_, if_range, if_none_match)


def opened_file(path: Path) -> Opened:
    """Open a file to send it; raises FileNotFoundError when there is none. ``file_answer`` closes it."""
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    facts = os.fstat(number)
    if not stat.S_ISREG(facts.st_mode):
        os.close(number)
        raise FileNotFoundError(path)
    return Opened(number, facts)


def file_answer(file: Opened, wanted: Wanted, sent: Sent) -> Response:
    """An open file, or the part of it that is wanted (RFC 9110); it is closed whatever happens.

    Raises Refused ``range-not-satisfiable``.
    """
    try:
        return _answer(file, wanted, sent)
    except Refused:
        os.close(file.number)
        raise


def _answer(file: Opened, wanted: Wanted, sent: Sent) -> Response:
    headers, size = _headers(file, sent), file.facts.st_size
    if named_etag(wanted.if_none_match, file.etag):
        os.close(file.number)
        return Response(status_code=304, headers={key: headers[key] for key in ("ETag", "Cache-Control")})
    same = wanted.if_range in (None, file.etag, headers["Last-Modified"])
    ranges = asked_ranges(wanted.ranges, size) if wanted.ranges and same else []
    if not ranges:
        return FileAnswer(file.number, [range(size)], 200, headers)
    if len(ranges) == 1:
        headers["Content-Range"] = _content_range(ranges[0], size)
        return FileAnswer(file.number, ranges, 206, headers)
    boundary = secrets.token_hex(12)
    headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    return FileAnswer(file.number, _parts(ranges, size, boundary, sent.media_type), 206, headers)


def _headers(file: Opened, sent: Sent) -> dict[str, str]:
    return {
        "Content-Type": sent.media_type,
        "ETag": file.etag,
        "Last-Modified": formatdate(file.facts.st_mtime, usegmt=True),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": disposition(sent),
    }


def disposition(sent: Sent) -> str:
    """The header that names a file for the one who saves it, in plain letters and in full (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\%]', "_", sent.name)
    way = "attachment" if sent.save else "inline"
    return f"{way}; filename=\"{plain}\"; filename*=UTF-8''{quote(sent.name, safe='')}"


def named_etag(asked: str | None, etag: str) -> bool:
    """Whether a list of ETags from a header names this one, weakly compared (RFC 9110, 13.1.2)."""
    named = [each.strip().removeprefix("W/") for each in (asked or "").split(",")]
    return etag in named or "*" in named


def asked_ranges(header: str, size: int) -> list[range]:
    """The stretches of a file of ``size`` bytes that a Range header asks for.

    Empty when it says nothing that we know. Raises Refused ``range-not-satisfiable`` when none is in the
    file, or more than five are asked for.
    """
    unit, _, text = header.partition("=")
    if unit.strip().lower() != "bytes":
        return []
    if text.count(",") >= MOST_RANGES:
        raise _not_satisfiable(size)
    found = [_one_range(part.strip(), size) for part in text.split(",")]
    if None in found:
        return []
    ranges = [each for each in found if each]
    if not ranges:
        raise _not_satisfiable(size)
    return ranges


def _one_range(text: str, size: int) -> range | None:
    """One stretch, empty when it is outside the file, None when it cannot be read."""
    match = re.fullmatch(r"(\d{0,18})-(\d{0,18})", text, re.ASCII)
    if match is None or text == "-":
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last) + 1) if last else size)


def _not_satisfiable(size: int) -> Refused:
    return Refused(
        f"The file has {size} bytes: ask for a range inside it, and for at most {MOST_RANGES} at once.",
        code="range-not-satisfiable",
        headers={"Content-Range": f"bytes */{size}"},
    )


def _content_range(part: range, size: int) -> str:
    return f"bytes {part.start}-{part.stop - 1}/{size}"


def _parts(ranges: Sequence[range], size: int, boundary: str, media_type: str) -> list[Piece]:
    """A body of several stretches, each with its own head."""
    pieces: list[Piece] = []
    for part in ranges:
        place = f"Content-Type: {media_type}\r\nContent-Range: {_content_range(part, size)}"
        pieces += [f"\r\n--{boundary}\r\n{place}\r\n\r\n".encode(), part]
    return [*pieces, f"\r\n--{boundary}--\r\n".encode()]


async def _chunks(file: int, pieces: Sequence[Piece]) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        for at in range(piece.start, piece.stop, READ_BYTES):
            wanted = min(READ_BYTES, piece.stop - at)
            chunk = await run_in_threadpool(os.pread, file, wanted, at)
            if len(chunk) != wanted:
                raise ConnectionResetError("a file was cut off while it was sent")
            yield chunk
