"""What the index of an MP4 file claims, read from its bytes: libraries correct lies without a word."""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

INDEX_BYTES = 64 << 20
"""How much of an index is read; four hours of picture and sound make about 20 MB."""

_ENTRY = re.compile(rb"stsd.{12}(....).{24}(..)(..)", re.DOTALL)
_ENCRYPTED = (b"encv", b"enca")


@dataclass(frozen=True, slots=True)
class Claims:
    """What an index says of its file. ``index`` is whether there is one; 0 stands for nothing said."""

    index: bool = False
    complete: bool = True
    duration: float = 0.0
    width: int = 0
    height: int = 0
    encrypted: bool = False
    undescribed: bool = False


def claims(source: Path) -> Claims:
    """What the ``moov`` box says: duration, largest picture, encryption, streams without description.

    ``complete`` is whether every box ends inside the file. ISO/IEC 14496-12.
    """
    index, complete = _index(source)
    if index is None:
        return Claims(complete=complete)
    entries = [(kind, *struct.unpack(">HH", width + height)) for kind, width, height in _ENTRY.findall(index)]
    pictures = [(width, height) for kind, width, height in entries if _is_picture(kind)]
    width, height = max(pictures, key=lambda size: size[0] * size[1], default=(0, 0))
    return Claims(
        index=True,
        complete=complete,
        duration=_duration(index),
        width=width,
        height=height,
        encrypted=any(kind in _ENCRYPTED for kind, *_ in entries),
        undescribed=index.count(b"stsd") < index.count(b"trak"),
    )


def _is_picture(kind: bytes) -> bool:
    return kind in (b"avc1", b"avc3", b"hvc1", b"hev1", b"mp4v", b"av01", b"vp09", b"dvh1", b"dvhe", b"encv")


def _index(source: Path) -> tuple[bytes | None, bool]:
    """The content of the ``moov`` box if there is one, and whether all top boxes end inside the file."""
    size, at, index = source.stat().st_size, 0, None
    with source.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length, kind = struct.unpack(">I4s", head[:8])
            if length == 1 and len(head) == 16:
                length = struct.unpack(">Q", head[8:])[0]
            if length == 0:
                length = size - at
            if kind == b"moov":
                file.seek(at + 8)
                index = file.read(min(length, INDEX_BYTES))
            at += max(8, length)
    return index, at <= size


def _duration(index: bytes) -> float:
    at = index.find(b"mvhd")
    if at < 0 or at + 36 > len(index):
        return 0.0
    if index[at + 4] == 1:
        scale, length = struct.unpack(">IQ", index[at + 24 : at + 36])
    else:
        scale, length = struct.unpack(">II", index[at + 16 : at + 24])
    unknown = length in (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
    return 0.0 if unknown or not scale else float(length) / float(scale)
