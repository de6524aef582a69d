"""All files of a job as one ZIP file that is made while it is sent, without a copy on disk or in memory."""

import io
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

READ_BYTES = 1 << 20
"""Bytes read at once; the most that the archive holds in memory."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive: its name there, and where its bytes are."""

    name: str
    content: Path | bytes


class _Outlet:
    """A file to write to that cannot be wound back; what was written is taken out again."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, content: bytes) -> int:
        self._written += content
        return len(content)

    def flush(self) -> None:
        """There is nothing beneath."""

    def take(self) -> bytes:
        content = bytes(self._written)
        self._written.clear()
        return content


def zip_stream(entries: Sequence[Entry]) -> Iterator[bytes]:
    """The bytes of an archive; clips are packed already, so nothing is compressed.

    A file that is gone when its turn comes is left out; one that is replaced while it is read is sent as it
    was when it was opened.
    """
    outlet = _Outlet()
    with zipfile.ZipFile(cast(BinaryIO, outlet), "w", zipfile.ZIP_STORED) as archive:
        for entry in entries:
            source = _opened(entry)
            if source is not None:
                with source:
                    yield from _packed(archive, entry.name, source, outlet)
    yield outlet.take()


def _opened(entry: Entry) -> BinaryIO | None:
    if isinstance(entry.content, bytes):
        return io.BytesIO(entry.content)
    try:
        return entry.content.open("rb")
    except FileNotFoundError:
        return None


def _packed(archive: zipfile.ZipFile, name: str, source: BinaryIO, outlet: _Outlet) -> Iterator[bytes]:
    """One file of the archive, piece by piece."""
    head = zipfile.ZipInfo(name, time.gmtime()[:6])
    head.external_attr = 0o644 << 16
    with archive.open(head, "w", force_zip64=True) as target:
        while chunk := source.read(READ_BYTES):
            target.write(chunk)
            yield outlet.take()
    yield outlet.take()
