"""The times of packets: how long a source lasts, how even its frames come, which frame is shown when."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

HEAD_PACKETS = 300
"""Pictures looked at for the frame rate: ten seconds at 30 a second."""

NO_INDEX = ("mpegts", "mpeg", "flv", "aac", "mp3")
"""Containers without an index: their end is found by reading all of it, which is quick without decoding."""

NICE_RATES = tuple(
    Fraction(rate)
    for rate in ("24000/1001", 24, 25, "30000/1001", 30, 48, 50, "60000/1001", 60, 120, 10, 12, 15, 20)
)
TOP_RATE = 240
"""No camera for talks is faster; containers that count in milliseconds claim 1,000."""


TOUCH_S = 0.0005
"""A frame half a millisecond after a time counts as shown at it: times are often rounded to that."""


@dataclass(slots=True)
class Times:
    """What was seen of one stream's packets, in seconds on the container's clock."""

    first: float | None = None
    last: float = float("-inf")
    last_length: float = 0.0
    head: list[float] = field(default_factory=list)
    tail: list[float] = field(default_factory=list)

    def add(self, packet: Any) -> None:
        """Take in one packet."""
        if packet.pts is None or packet.is_discard:
            return
        time = float(packet.pts * packet.time_base)
        self.first = time if self.first is None else min(self.first, time)
        if time >= self.last:
            self.last, self.last_length = time, float((packet.duration or 0) * packet.time_base)
        if len(self.head) < HEAD_PACKETS:
            self.head.append(time)
        else:
            self.tail.append(time)
            del self.tail[:-HEAD_PACKETS]

    def end(self, rate: Fraction | None = None) -> float:
        """When the last packet ends; one without a length lasts as long as the rate says, 1 s at most."""
        return self.last + (self.last_length or (min(1.0, float(1 / rate)) if rate else 0.0))


def measure(container: Any, streams: list[Any]) -> dict[int, Times]:
    """The times of each stream by its index: its head and its end, or all of it where there is no index."""
    times = {stream.index: Times() for stream in streams}
    kind = container.format.name.split(",")[0]
    claimed = (container.start_time or 0) + (container.duration or 0)
    whole = kind in NO_INDEX or not container.duration
    _read(container.demux(streams), times, None if whole else HEAD_PACKETS)
    if whole:
        return times
    ends = {stream.index: Times() for stream in streams}
    if seek(container, claimed):
        _read(container.demux(streams), ends, None)
    found = max((end.end() for end in ends.values()), default=float("-inf"))
    if found < claimed / 1e6 - max(1.0, 0.02 * container.duration / 1e6):
        seek(container, container.start_time or 0)
        times = {stream.index: Times() for stream in streams}
        _read(container.demux(streams), times, None)
        return times
    for index, end in ends.items():
        if end.last >= times[index].last:
            times[index].last, times[index].last_length = end.last, end.last_length
        times[index].tail = [*end.head, *end.tail][-HEAD_PACKETS:]
    return times


def seek(container: Any, microseconds: int) -> bool:
    """Go to the key frame at or before a time of the container's clock; False where that is not possible."""
    try:
        container.seek(microseconds, backward=True)
    except OSError:
        return False
    return True


def _read(packets: Iterable[Any], times: dict[int, Times], enough: int | None) -> None:
    """Read packets to the end, or until one stream gave ``enough``."""
    seen = dict.fromkeys(times, 0)
    for packet in _whole(packets):
        index = packet.stream.index
        if packet.dts is None and packet.pts is None:
            continue
        times[index].add(packet)
        seen[index] += 1
        if enough and seen[index] >= enough:
            return


def _whole(packets: Iterable[Any]) -> Iterator[Any]:
    """Packets up to where the container breaks off."""
    try:
        yield from packets
    except (OSError, ValueError):
        return


def frame_rate(times: Times, claimed: Fraction | None) -> Fraction:
    """The average rate: the claim where the packets' times do not belie it, else theirs."""
    head = sorted(set(times.head))
    seen = (len(head) - 1) / (head[-1] - head[0]) if len(head) > 1 and head[-1] > head[0] else None
    if claimed and 0 < claimed <= TOP_RATE and (seen is None or 0.5 < claimed / seen < 2):
        return _nice(Fraction(claimed))
    rate = min(seen or 25.0, TOP_RATE)
    return _nice(Fraction(rate).limit_denominator(1001) if rate > 0.01 else Fraction(1, round(1 / rate)))


def _nice(rate: Fraction) -> Fraction:
    """The usual rate within a thousandth of it, since containers round."""
    best = min(NICE_RATES, key=lambda nice: abs(nice - rate))
    return best if abs(best - rate) <= rate / 1000 else rate


def is_variable(times: Times) -> bool:
    """Whether frames come at unequal steps: more than one in fifty is off by over a tenth.

    Containers that count in milliseconds put frames up to 1 ms off, so that much is let pass.
    """
    steps = []
    for stretch in (times.head, times.tail):
        ordered = sorted(set(stretch))
        steps += [late - early for early, late in pairwise(ordered)]
    if len(steps) < 2:
        return False
    usual = sorted(steps)[len(steps) // 2]
    odd = sum(abs(step - usual) > max(0.0015, 0.1 * usual) for step in steps)
    return odd * 50 > len(steps)


def shown_at(container: Any, stream: Any, wanted: float) -> float | None:
    """The time of the last frame shown at or before ``wanted``, both on the container's clock.

    None where no frame is, or where the container cannot be wound to a place before it.
    """
    base = float(stream.time_base)
    for back in (0.0, 5.0, 30.0, 1e9):  # a container without an index may land too late
        if _wind(container, stream, int(max(wanted - back, -1e9) / base)):
            best = last_before(container.demux(stream), wanted, base)
            if best is not None:
                return best
    return None


def _wind(container: Any, stream: Any, ticks: int) -> bool:
    try:
        container.seek(ticks, stream=stream, backward=True)
    except OSError:
        return False
    return True


def last_before(packets: Iterable[Any], wanted: float, base: float) -> float | None:
    """The latest time up to ``wanted``, or None where no key frame came first and frames may be missing."""
    best = None
    for packet in _whole(packets):
        if packet.pts is None or packet.is_discard:
            continue
        time = packet.pts * base
        if time <= wanted + TOUCH_S and (packet.is_keyframe if best is None else time > best):
            best = time
        if packet.dts is not None and packet.dts * base > wanted + TOUCH_S:
            break
    return best
