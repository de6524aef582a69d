"""Decode a little of a source, at its start, along its way and at its end, to see whether it is whole."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from av.error import FFmpegError

from clipmill.inside.packets import seek

FIRST_LOOK, LATER_LOOK = 100_000_000, 20_000_000
"""Pixels decoded at the start, and at each later place: 48 and 10 frames of 1080p, 0.4 and 0.1 s."""

LOOKS = (0.25, 0.5, 0.75)
"""Where to look between the start and the end of a long source, as shares of its length."""

LISTENED = 500
"""Packets of sound: ten seconds of AAC."""

PIXELS_A_FAILURE = 1_000_000

UNSPECIFIED = 2  # ITU-T H.273, matrix coefficients


@dataclass(slots=True)
class Damage:
    """What decoding showed. ``errors`` counts frames after the first good one that failed or were patched."""

    packets: int = 0
    frames: int = 0
    errors: int = 0
    width: int = 0
    height: int = 0
    rotation: int = 0
    interlaced: bool = False
    transfer: int = 0
    matrix: int = UNSPECIFIED
    pixel_format: str = ""
    audible: bool = False

    def see(self, frame: Any) -> None:
        """Take in one decoded frame."""
        if not self.frames:
            self.width, self.height = frame.width, frame.height
            self.rotation = _rotation(frame)
            self.transfer = int(frame.color_trc or 0)
            self.matrix = int(frame.colorspace)
            self.pixel_format = frame.format.name
        self.frames += 1
        self.interlaced = self.interlaced or bool(frame.interlaced_frame)
        self.errors += bool(frame.is_corrupt)


def inspect(container: Any, video: Any, audio: Any, end: float) -> Damage:
    """Decode the start of picture and sound, then places along the way, then the end.

    ``container`` is freshly opened, ``end`` the source's length in seconds. A source short enough is decoded
    whole.
    """
    damage = Damage()
    start = container.start_time or 0
    if _look(container, [stream for stream in (video, audio) if stream], damage, FIRST_LOOK):
        return damage
    for share in (*LOOKS, 1.0):
        if seek(container, int(start + share * max(0.0, end - 0.5) * 1e6)):
            _look(container, [video], damage, LATER_LOOK)
    return damage


def is_audible(container: Any, audio: Any) -> bool:
    """Whether any of the first packets of a sound stream can be decoded."""
    return any(_is_audible(packet) for packet in islice(_packets(container, [audio], Damage()), LISTENED))


def _look(container: Any, streams: list[Any], damage: Damage, pixels: int) -> bool:
    """Decode from here for one look; True when the streams ended within it."""
    left, keyed = pixels, False
    for packet in _packets(container, streams, damage):
        if packet.stream.type == "audio":
            damage.audible = damage.audible or _is_audible(packet)
            continue
        keyed = keyed or packet.is_keyframe
        damage.packets += packet.size > 0
        try:
            frames = packet.decode()
        except (FFmpegError, ValueError):
            # A recording may start in the middle of a picture; that is no damage.
            damage.errors += keyed and damage.frames > 0
            left -= PIXELS_A_FAILURE
            continue
        for frame in frames:
            damage.see(frame)
            left -= frame.width * frame.height
        if left <= 0:
            return False
    return True


def _packets(container: Any, streams: list[Any], damage: Damage) -> Iterator[Any]:
    """Packets to the end; a container that breaks off counts as damage."""
    try:
        yield from container.demux(streams)
    except (OSError, ValueError):
        damage.errors += 1


def _is_audible(packet: Any) -> bool:
    try:
        return bool(packet.decode())
    except (FFmpegError, ValueError):
        return False


def _rotation(frame: Any) -> int:
    """Clockwise quarter turns in degrees that show the frame upright; 0 where the matrix is nonsense."""
    degrees = float(frame.rotation or 0)
    if not math.isfinite(degrees) or abs(degrees) > 360:
        return 0
    return round(-degrees / 90) * 90 % 360
