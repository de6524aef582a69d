"""What requests and answers say about the file that they are of: which part of it, and whether the same."""

import re
from dataclasses import dataclass

from yt_dlp.networking import Request, Response
from yt_dlp.networking.exceptions import TransportError


@dataclass(frozen=True, slots=True)
class Known:
    """What tells one state of a file at an address from another; empty and None where it was not said."""

    etag: str = ""
    modified: str = ""
    total: int | None = None
    packed: bool = False

    @property
    def mark(self) -> str:
        """What If-Range may ask by; a weak ETag is none."""
        return self.etag if self.etag.startswith('"') else self.modified

    def agrees(self, other: "Known") -> bool:
        """Whether both may be the same file."""
        pairs = ((self.etag, other.etag), (self.modified, other.modified), (self.total, other.total))
        return not other.packed and all(one == two for one, two in pairs if one and two)


def asked_part(request: Request) -> tuple[int, int | None] | None:
    """The first and last byte that a request asks for."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range") or "")
    return (int(found[1]), int(found[2]) if found[2] else None) if found else None


def sent_part(answer: Response) -> tuple[int, int | None] | None:
    """The first byte of a part, and the size of the whole."""
    found = re.match(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range") or "")
    return (int(found[1]), int(found[2]) if found[2] != "*" else None) if found else None


def known_of(answer: Response) -> Known:
    part = sent_part(answer)
    return Known(
        etag=answer.headers.get("ETag") or "",
        modified=answer.headers.get("Last-Modified") or "",
        total=part[1] if part else length_of(answer),
        packed=(answer.headers.get("Content-Encoding") or "identity").lower() != "identity",
    )


def length_of(answer: Response) -> int | None:
    text = answer.headers.get("Content-Length") or ""
    return int(text) if text.isascii() and text.isdecimal() else None


def begins_with(answer: Response, tail: bytes) -> bool:
    """Whether an answer begins with the bytes that are here; they are taken from it."""
    got = b""
    while len(got) < len(tail):
        block = answer.read(len(tail) - len(got))
        if not block:
            raise TransportError("the connection broke off")
        got += block
    return got == tail


def begin_at(answer: Response, start: int, skipped: int) -> None:
    """Let an answer's headers speak of what is left of it."""
    length, said = length_of(answer), answer.headers["Content-Range"]
    del answer.headers["Content-Range"], answer.headers["Content-Length"]
    answer.headers["Content-Range"] = re.sub(r"\d+", str(start), said, count=1)
    if length is not None:
        answer.headers["Content-Length"] = str(length - skipped)
