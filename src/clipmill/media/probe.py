"""A file's facts: what it is, whether it can be used, and exactly when its frames are shown."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from clipmill.errors import SourceError
from clipmill.media.asking import ask
from clipmill.media.ffmpeg import CODECS, FORMATS, MAX_PIXELS, MAX_STREAMS
from clipmill.media.launcher import Limits
from clipmill.model import Media, Recording

MAX_DURATION_S = 4 * 3600.0
"""The longest source taken unless the caller says otherwise."""

_MEDIA = TypeAdapter(Media)
_RECORDING = TypeAdapter(Recording)


def probe(source: Path, *, cwd: Path, max_duration_s: float = MAX_DURATION_S) -> Media:
    """The facts of a source, found by opening it in a child; raises SourceError when it cannot be used.

    Codes: ``source-missing``, ``empty-file``, ``not-a-media-file``, ``container-not-allowed``,
    ``truncated-media``, ``corrupt-media``, ``encrypted-media``, ``codec-not-supported``, ``no-video-stream``,
    ``frame-too-large``, ``frame-too-small``, ``duration-too-long``, ``too-many-streams``.
    Warnings: ``no-audio-stream``, ``truncated-media``, ``corrupt-media``, ``duration-mismatch``.
    """
    request = _request(source) | {"max_duration_s": max_duration_s}
    return _MEDIA.validate_python(_asked(source, request, cwd))


def probe_sound(source: Path, *, cwd: Path, max_duration_s: float = MAX_DURATION_S) -> Recording:
    """The facts of a video or sound file that is only listened to; raises SourceError as ``probe`` does.

    A file without sound is a recording whose ``audio`` is None.
    """
    request = _request(source) | {"max_duration_s": max_duration_s, "listen": True}
    return _RECORDING.validate_python(_asked(source, request, cwd))


def snap_to_frame(source: Path, media: Media, time: float, *, cwd: Path) -> float:
    """When the last source frame at or before ``time`` is shown, in seconds from ``media.start``."""
    return snap_to_frames(source, media, (time,), cwd=cwd)[0]


def snap_to_frames(source: Path, media: Media, times: Iterable[float], *, cwd: Path) -> tuple[float, ...]:
    """When the last source frame at or before each time is shown; a time before the first frame is left."""
    request = _request(source) | {"index": media.video.index, "start": media.start, "snap": list(times)}
    return tuple(float(time) for time in _asked(source, request, cwd))


def _request(source: Path) -> dict[str, Any]:
    return {
        "source": str(source.absolute()),
        "format": sniff(source),
        "formats": FORMATS,
        "codecs": CODECS,
        "max_pixels": MAX_PIXELS,
        "max_streams": MAX_STREAMS,
    }


def _asked(source: Path, request: dict[str, Any], cwd: Path) -> Any:
    # Reading a file of an hour without an index, and its hash, takes a second a gigabyte.
    seconds = 60 + source.stat().st_size / 50e6
    limits = Limits(wall_s=seconds, cpu_s=int(seconds), memory_mb=1024)
    return ask("probe", request, cwd=cwd, reads=(source.absolute(),), limits=limits)


# --- first bytes ----------------------------------------------------------------------------------

SNIFFED_BYTES = 65_536

_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot", b"uuid")
_STARTS = (
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"FLV\x01", "flv"),
    (b"OggS", "ogg"),
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"fLaC", "flac"),
    (b"ID3", "mp3"),
)
_KNOWN_BUT_REFUSED = (
    b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"\x30\x26\xb2\x75", b".RMF",
    b"\x06\x0e\x2b\x34", b"YUV4MPEG2", b"\x00\x00\x01\xb3", b"\x00\x00\x00\x01", b"MThd", b"wvpk",
    b"ffconcat", b"v=0", b"[Script Info]", b"WEBVTT", b"#EXTM3U", b"RTSP", b"[playlist]", b";FFMETADATA",
)  # fmt: skip


def sniff(source: Path) -> str:
    """The demuxer that a file's first bytes ask for; its name does not count.

    Raises SourceError: playlists, scripts, pictures and other things that a demuxer would open are
    ``container-not-allowed``, what is no media at all is ``not-a-media-file``.
    """
    try:
        with source.open("rb") as file:
            head = file.read(SNIFFED_BYTES)
    except OSError as error:
        raise SourceError(
            f"The video cannot be read ({error.strerror}): {source}.", code="source-missing"
        ) from error
    if not head:
        raise SourceError("The file is empty; copy or download it again.", code="empty-file")
    found = _family(head)
    if found:
        return found
    if _is_refused(head):
        raise SourceError(
            "This kind of file is not taken: it is a playlist, a picture or a format that is not opened. "
            "Give an MP4, MOV, MKV, WebM, AVI, FLV or MPEG file.",
            code="container-not-allowed",
        )
    raise SourceError(
        "The file is not a video, whatever its name says. Check that the download worked.",
        code="not-a-media-file",
    )


def _family(head: bytes) -> str:
    if head[4:8] in _MP4_BOXES:
        return "mov"
    if head[:4] in (b"RIFF", b"RF64"):  # the second is for WAV files of over 4 GiB
        return {b"AVI ": "avi", b"WAVE": "wav"}.get(head[8:12], "")
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    if _every(head, 0x47, first=0, step=188) or _every(head, 0x47, first=4, step=192):
        return "mpegts"
    if head[0] == 0xFF and len(head) > 1 and head[1] & 0xE0 == 0xE0 and head[:3] != b"\xff\xd8\xff":
        return "aac" if head[1] & 0x06 == 0 else "mp3"
    return ""


def _every(head: bytes, byte: int, *, first: int, step: int) -> bool:
    """Whether the byte stands at every step; three in a row are no accident."""
    places = head[first : first + 20 * step : step]
    return len(places) >= 3 and set(places) == {byte}


def _is_refused(head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return (
        head.startswith(_KNOWN_BUT_REFUSED)
        or text.startswith(_KNOWN_BUT_REFUSED)
        or head[:4] == b"RIFF"
        or b"<MPD" in head
        or b"<SmoothStreamingMedia" in head
    )
