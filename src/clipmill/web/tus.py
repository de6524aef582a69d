"""The headers of tus 1.0.0, the protocol of uploads that go on after a cut: read strictly, and written."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate

from starlette.datastructures import Headers

from clipmill.jobs.upload_rows import Upload
from clipmill.web.problems import Refused

VERSION = "1.0.0"

EXTENSIONS = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination"

CHECKSUMS: Mapping[str, int] = {"sha1": 20, "sha256": 32}
"""The algorithms of checksums, and how many bytes one has."""

BODY_TYPE = "application/offset+octet-stream"
"""What a piece of an upload says that it is."""

MOST_NAME = 255
"""Longest file name in characters, as file systems have it."""


NAMING = f"may name the file with at most {MOST_NAME} characters that can be printed"
"""What is said of other names."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of a request must come to."""

    algorithm: str
    digest: bytes


def demand_version(headers: Headers, *, needed: bool = True) -> None:
    """Refuse a request of another version of the protocol; without ``needed`` it may say none."""
    said = headers.get("tus-resumable")
    if said != VERSION and (needed or said is not None):
        raise Refused(
            f"This server speaks version {VERSION} of tus: send the header Tus-Resumable: {VERSION}.",
            code="tus-version-wrong",
            headers={"Tus-Version": VERSION},
        )


def demand_type(headers: Headers) -> None:
    """Refuse a body that does not say that it is a piece of an upload."""
    said = headers.get("content-type", "").partition(";")[0].strip().lower()
    if said != BODY_TYPE:
        raise Refused(
            f"A piece of an upload must say so: Content-Type: {BODY_TYPE}.", code="content-type-wrong"
        )


def number_in(headers: Headers, name: str) -> int | None:
    """A whole number from 0 in a header, None when the header is not there."""
    text = headers.get(name)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,15}", text):
        raise _wrong(name, "must be a whole number of bytes")
    return int(text)


def length_in(headers: Headers) -> int | None:
    """How long a new upload will be; None when that is to be said later."""
    length, deferred = number_in(headers, "Upload-Length"), headers.get("upload-defer-length")
    if deferred not in (None, "1"):
        raise _wrong("Upload-Defer-Length", "must be 1 where it is sent")
    if (length is None) == (deferred is None):
        raise _wrong("Upload-Length", "or Upload-Defer-Length: 1 must be sent, and not both")
    return length


def offset_in(headers: Headers) -> int:
    """Where the bytes of a request go."""
    offset = number_in(headers, "Upload-Offset")
    if offset is None:
        raise _wrong("Upload-Offset", "must be sent")
    return offset


def name_in(headers: Headers) -> str:
    """The name of the file that is sent; empty when nobody said it. All of Upload-Metadata must be right."""
    found: dict[str, bytes] = {}
    for pair in filter(None, (part.strip() for part in headers.get("upload-metadata", "").split(","))):
        key, _, value = pair.partition(" ")
        if not key.isascii() or not key.isprintable() or key in found:
            raise _wrong("Upload-Metadata", "must be pairs of a key and a value, each key once")
        found[key] = _from_base64(value.strip(), "Upload-Metadata")
    try:
        name = (found.get("filename") or found.get("name") or b"").decode("utf-8")
    except UnicodeDecodeError:
        raise _wrong("Upload-Metadata", "must have the file's name in UTF-8") from None
    if not is_name(name):
        raise _wrong("Upload-Metadata", NAMING)
    return name


def is_name(name: str) -> bool:
    """Whether a file's name is fit to be shown to people; it is never used as a path."""
    return len(name) <= MOST_NAME and name.isprintable()


def checksum_in(headers: Headers) -> Checksum | None:
    """What the body must come to; None when nobody said."""
    said = headers.get("upload-checksum")
    if said is None:
        return None
    algorithm, _, text = said.partition(" ")
    if algorithm not in CHECKSUMS:
        raise _wrong("Upload-Checksum", f"knows {', '.join(CHECKSUMS)}")
    digest = _from_base64(text.strip(), "Upload-Checksum")
    if len(digest) != CHECKSUMS[algorithm]:
        raise _wrong("Upload-Checksum", f"of {algorithm} has {CHECKSUMS[algorithm]} bytes")
    return Checksum(algorithm, digest)


def new_hash(checksum: Checksum) -> "hashlib._Hash":
    """An empty hash of a checksum's algorithm."""
    return hashlib.new(checksum.algorithm, usedforsecurity=False)


def abilities(most_bytes: int) -> dict[str, str]:
    """What this server can do, as headers."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(most_bytes),
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
    }


def upload_headers(upload: Upload, expires: float) -> dict[str, str]:
    """How far an upload is, and until when; a finished one has no end that is known."""
    headers = {"Upload-Offset": str(upload.received)}
    if not upload.done:
        headers["Upload-Expires"] = formatdate(expires, usegmt=True)
    return headers


def whole_headers(upload: Upload, expires: float) -> dict[str, str]:
    """All about an upload."""
    length = {"Upload-Defer-Length": "1"} if upload.length is None else {"Upload-Length": str(upload.length)}
    metadata = {"Upload-Metadata": upload.metadata} if upload.metadata else {}
    return {**upload_headers(upload, expires), **length, **metadata, "Cache-Control": "no-store"}


def _from_base64(text: str, header: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _wrong(header, "must be in Base64") from None


def _wrong(header: str, what: str) -> Refused:
    return Refused(f"The header {header} {what}.", code="upload-header-wrong")
