"""Which streams of a file are used, and what is said of a file in which none can be."""

from typing import Any

from av.stream import Disposition

from clipmill.errors import SourceError
from clipmill.inside.boxes import Claims
from clipmill.inside.damage import Damage

SMALLEST_PX = 16
"""A picture with a shorter side holds nothing to look at."""


def picture(container: Any, said: Claims, request: dict[str, Any]) -> Any:
    """The largest moving picture that can be decoded; SourceError with the reason where there is none."""
    refuse_many(container, request)
    refuse_encrypted(said)
    pictures = [
        stream
        for stream in container.streams
        if stream.type == "video" and not int(stream.disposition) & int(Disposition.attached_pic)
    ]
    if not pictures:
        raise SourceError("The file has no picture, only sound; clips need a video.", code="no-video-stream")
    for stream in pictures:
        refuse_size(*_claimed_size(stream), request)
    known = [stream for stream in pictures if codec(stream) in request["codecs"].split(",")]
    if not known:
        raise SourceError(
            f"The picture's format, {codec(pictures[0])}, is not supported; convert the video to H.264.",
            code="codec-not-supported",
        )
    return max(known, key=lambda stream: (_has_packets(stream), _area(stream), -stream.index))


def sound(container: Any, request: dict[str, Any]) -> Any:
    """The sound marked as default, else the first that can be decoded; None without."""
    sounds = [
        stream
        for stream in container.streams
        if stream.type == "audio" and codec(stream) in request["codecs"].split(",")
    ]
    by_default = sorted(
        sounds, key=lambda stream: (not int(stream.disposition) & int(Disposition.default), stream.index)
    )
    return next(iter(by_default), None)


def codec(stream: Any) -> str:
    """The decoder's name of a stream."""
    return str(stream.codec_context.name) if stream.codec_context else "unknown"


def _area(stream: Any) -> int:
    return int(stream.codec_context.width * stream.codec_context.height)


def _claimed_size(stream: Any) -> tuple[int, int]:
    """Width and height that the container claims; the smallest taken where it claims nothing."""
    context = stream.codec_context
    return (context.width, context.height) if context and context.width else (SMALLEST_PX, SMALLEST_PX)


def _has_packets(stream: Any) -> bool:
    return bool(stream.frames or len(stream.index_entries)) or stream.duration is None


# --- refusing -------------------------------------------------------------------------------------


def unreadable(said: Claims) -> SourceError:
    """What to say of a file that cannot be opened."""
    if not said.index and not said.complete:
        return truncated()
    return corrupt()


def truncated() -> SourceError:
    """What to say of a file whose end, or index, is missing."""
    return SourceError(
        "The file is cut off: its picture or its index is missing. Copy or download it again.",
        code="truncated-media",
    )


def corrupt() -> SourceError:
    """What to say of a file from which nothing can be read."""
    return SourceError(
        "The file is damaged: no picture can be read from it. Copy or download it again.",
        code="corrupt-media",
    )


def refuse_many(container: Any, request: dict[str, Any]) -> None:
    """Raise SourceError for more streams than any camera makes."""
    if len(container.streams) > request["max_streams"]:
        raise SourceError(
            f"The file holds more than {request['max_streams']} streams; save it with one of each.",
            code="too-many-streams",
        )


def refuse_encrypted(said: Claims) -> None:
    """Raise SourceError for a protected file."""
    if said.encrypted:
        raise SourceError(
            "The file is encrypted (DRM); use a copy without protection.", code="encrypted-media"
        )


def refuse_length(seconds: float, request: dict[str, Any]) -> None:
    """Raise SourceError for a source that is too long."""
    if seconds > request["max_duration_s"]:
        raise SourceError(
            f"The source lasts {seconds / 3600:.1f} hours, more than {request['max_duration_s'] / 3600:g}.",
            code="duration-too-long",
        )


def refuse_damaged(damage: Damage, said: Claims) -> None:
    """Raise SourceError for a picture of which no frame can be decoded."""
    if not damage.frames:
        raise truncated() if said.index and not damage.packets else corrupt()


def refuse_size(width: int, height: int, request: dict[str, Any]) -> None:
    """Raise SourceError for a picture too large to decode safely, or too small to show."""
    if width * height > request["max_pixels"]:
        raise SourceError(
            f"The picture is {width}x{height}; at most {request['max_pixels'] / 1e6:g} megapixels are taken.",
            code="frame-too-large",
        )
    if min(width, height) < SMALLEST_PX:
        raise SourceError(
            f"The picture is {width}x{height}; it must be at least {SMALLEST_PX} pixels each way.",
            code="frame-too-small",
        )
