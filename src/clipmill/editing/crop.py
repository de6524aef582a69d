"""A calm path of the window that keeps the focus inside."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np
from numpy.typing import NDArray

from clipmill.editing.focus import Focus, Target
from clipmill.model import Span

Floats = NDArray[np.float64]

STEP_S = 0.2
"""The path is planned 5 times a second."""

GRID = 0.005
"""Places of the window that are tried lie this share of the frame apart."""

FASTEST = 24
"""Grid steps in 0.2 s: 60 % of the frame a second, faster than which a pan looks like a mistake."""

SHARPEST = 7
"""Change of speed in 0.2 s, in grid steps: a move of a fifth of the frame takes about 0.8 s."""

MISS = 3.5
"""Cost of a second in which the focus is not whole inside."""

MISS_EDGE, MISS_DEPTH = 0.025, 0.04
"""A miss counts in full from the first depth on, as boxes tremble, and twice at the second."""

OFF_CENTRE = 0.45
"""Cost of a second with the focus a quarter of the window away from its middle; it grows with the square."""

START = 1.6
"""Cost of starting to move."""

MOVING = 1.6
"""Cost of a second of moving."""

BENDING = 0.012
"""Cost of changing speed by one grid step."""

MARGIN = 0.08
"""Air that is kept on each side of a face, as a share of its own size, where the window has room for it."""

LEAST_SLACK = 0.7
"""Share of the room beside a face that is left for it to move in before air is kept."""

EYE_LINE = 0.4
"""Height of the face's centre in the window where the window can move up and down."""

SLACK_OF_LARGE = 0.05
"""How far from its middle a face may be that is larger than the window, as a share of its own size."""

SEAM_MARGIN = 0.004


def window_size(picture: tuple[int, int], aspect: Fraction) -> tuple[float, float]:
    """The largest window of this aspect (width over height) in the picture, in shares of it."""
    share = float(aspect * picture[1] / picture[0])
    return (share, 1.0) if share <= 1 else (1.0, 1 / share)


@dataclass(frozen=True, slots=True)
class Room:
    """Where the window's centre should be along one axis, at each of ``times``.

    From ``low`` to ``high`` the focus is whole inside, ``best`` looks best, ``sure`` is how far the focus
    was really seen, 0 to 1. ``bounds`` are the places that are allowed at all, ``size`` is the window's.
    """

    times: Floats
    low: Floats
    high: Floats
    best: Floats
    sure: Floats
    bounds: tuple[float, float]
    size: float


def room_across(focus: Focus, width: float) -> Room:
    """The room from left to right of a window of this width."""
    left, right = focus.panel
    return _room(focus.targets, _within(left, right, width), size=width, across=True)


def room_down(focus: Focus, height: float) -> Room:
    """The room from top to bottom of a window of this height."""
    return _room(focus.targets, _within(0.0, 1.0, height), size=height, across=False)


def _within(first: float, last: float, size: float) -> tuple[float, float]:
    """The centres at which the window stays between two borders; the middle when it is larger than that."""
    first += SEAM_MARGIN if first > 0 else 0
    last -= SEAM_MARGIN if last < 1 else 0
    if last - first < size:
        middle = min(max((first + last) / 2, size / 2), 1 - size / 2)
        return middle, middle
    return first + size / 2, last - size / 2


def _room(targets: Sequence[Target], bounds: tuple[float, float], *, size: float, across: bool) -> Room:
    boxes = [target.box for target in targets]
    start = np.array([box.x if across else box.y for box in boxes])
    length = np.array([box.width if across else box.height for box in boxes])
    air = np.clip((size - length) / 2 * (1 - LEAST_SLACK), 0, MARGIN * length)
    low, high = start + length + air - size / 2, start - air + size / 2
    middle = start + length / 2
    best = middle if across else middle + (0.5 - EYE_LINE) * size
    # A face larger than the window is as good as it can be near its middle.
    slack = SLACK_OF_LARGE * length
    low, high = np.minimum(low, middle - slack), np.maximum(high, middle + slack)
    return Room(
        np.array([target.time for target in targets]),
        np.clip(low, *bounds),
        np.clip(high, *bounds),
        np.clip(np.clip(best, low, high), *bounds),
        np.array([target.sure for target in targets]),
        bounds,
        size,
    )


# --- the plan -------------------------------------------------------------------------------------


def calm_path(room: Room, span: Span, rate: Fraction, origin: float) -> tuple[tuple[float, float], ...]:
    """Times and places of the window during ``span``: standing, with few smooth moves in between.

    Between two of them it moves straight. Moves lie on the frames at ``origin`` + n / ``rate``. The whole
    stretch is planned at once (dynamic programming over place and speed), so that the window moves before
    the focus leaves it; in the spirit of Grundmann et al. 2011.
    """
    times = _plan_times(span)
    rows = (room.low, room.high, room.best, room.sure)
    low, high, best, sure = (np.interp(times, room.times, row) for row in rows)
    grid = _grid(low, high, room.bounds)
    cost = _place_costs(grid, (low, high, best), room.size) * (0.05 + 0.95 * sure[:, None]) * STEP_S
    places = grid[_cheapest(cost)]
    return _sampled(times, places, span, rate, origin)


def _plan_times(span: Span) -> Floats:
    count = max(2, round(span.length / STEP_S) + 1)
    return np.linspace(span.start, span.end, count)


def _grid(low: Floats, high: Floats, bounds: tuple[float, float]) -> Floats:
    first = max(bounds[0], min(low.min(), high.min()) - 4 * GRID)
    last = min(bounds[1], max(low.max(), high.max()) + 4 * GRID)
    count = max(1, floor((last - first) / GRID) + 1)
    return np.linspace(first, last, count) if count > 1 else np.array([(first + last) / 2])


def _place_costs(grid: Floats, room: tuple[Floats, Floats, Floats], size: float) -> Floats:
    """What each second at each place (column) costs at each time (row)."""
    low, high, best = (row[:, None] for row in room)
    miss = np.maximum(0, np.maximum(low - grid, grid - high))
    off = (grid - best) / (size / 4)
    cost: Floats = OFF_CENTRE * off**2 + MISS * (np.minimum(miss / MISS_EDGE, 1) + miss / MISS_DEPTH)
    return cost


def _cheapest(cost: Floats) -> NDArray[np.int_]:
    """The place at each time that costs least in all, over every way to move between places."""
    count, places = cost.shape
    fastest = min(FASTEST, places - 1)
    speeds = np.arange(-fastest, fastest + 1)
    price = _speed_price(speeds)
    total = cost[0] + np.where(speeds == 0, 0, START)[:, None]
    came = np.zeros((count, len(speeds), places), np.int16)
    for at in range(1, count):
        total, came[at] = _stepped(total, price, speeds)
        total += cost[at]
    return _followed(total, came, speeds)


def _speed_price(speeds: NDArray[np.int_]) -> Floats:
    """The price of going from one speed (row) to another (column) in one step."""
    bend = np.abs(speeds[:, None] - speeds[None])
    starts = (speeds[:, None] == 0) & (speeds[None] != 0)
    turns = speeds[:, None] * speeds[None] < 0
    price = BENDING * bend + START * (starts | turns) + MOVING * STEP_S * (speeds[None] != 0)
    return np.where(bend > SHARPEST, np.inf, price)


def _stepped(total: Floats, price: Floats, speeds: NDArray[np.int_]) -> tuple[Floats, NDArray[np.int_]]:
    """The least costs (speed by place) one step on, and the speed before that led there."""
    stepped = np.full_like(total, np.inf)
    came = np.zeros(total.shape, np.int_)
    places = total.shape[1]
    for column, speed in enumerate(speeds):
        near = np.flatnonzero(np.isfinite(price[:, column]))
        ways = total[near] + price[near, column][:, None]
        best = ways.argmin(0)
        least = ways[best, np.arange(places)]
        there = slice(max(0, speed), places + min(0, speed))
        here = slice(max(0, -speed), places - max(0, speed))
        stepped[column, there] = least[here]
        came[column, there] = near[best[here]]
    return stepped, came


def _followed(total: Floats, came: NDArray[np.int16], speeds: NDArray[np.int_]) -> NDArray[np.int_]:
    column, place = np.unravel_index(int(total.argmin()), total.shape)
    found = [int(place)]
    for at in range(len(came) - 1, 0, -1):
        before = came[at, column, found[-1]]
        found.append(found[-1] - int(speeds[column]))
        column = before
    return np.array(found[::-1])


# --- the path -------------------------------------------------------------------------------------

STRAIGHT = 0.0004
"""A frame needs no key of its own when it lies this near to the line between its neighbours."""


def _sampled(
    times: Floats, places: Floats, span: Span, rate: Fraction, origin: float
) -> tuple[tuple[float, float], ...]:
    """The plan at every frame, smooth, then thinned to the frames that make a difference."""
    first = int(np.ceil((span.start - origin) * float(rate) - 1e-6))
    last = max(first, int(np.ceil((span.end - origin) * float(rate) - 1e-6)) - 1)
    frames = origin + np.arange(first, last + 1) / float(rate)
    path = _smooth(np.clip(frames, span.start, span.end), times, places)
    kept = _corners(path)
    return tuple((float(frames[at]), float(path[at])) for at in kept)


def _smooth(at: Floats, times: Floats, places: Floats) -> Floats:
    """Cubic Hermite interpolation that stands exactly still wherever the plan does.

    Tangents of at most three times the lesser slope beside them keep it from going past the plan's places
    (Fritsch and Carlson 1980), and so inside the picture.
    """
    slopes = np.diff(places) / np.diff(times)
    before, after = slopes[:-1], slopes[1:]
    most = 3 * np.minimum(np.abs(before), np.abs(after))
    inner = np.where(before * after > 0, np.clip((before + after) / 2, -most, most), 0)
    ends = (slopes[:1], slopes[-1:])
    tangents = np.concatenate([ends[0], inner, ends[1]])
    piece = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    step = times[piece + 1] - times[piece]
    u = (at - times[piece]) / step
    smooth: Floats = (
        (2 * u**3 - 3 * u**2 + 1) * places[piece]
        + (u**3 - 2 * u**2 + u) * step * tangents[piece]
        + (3 * u**2 - 2 * u**3) * places[piece + 1]
        + (u**3 - u**2) * step * tangents[piece + 1]
    )
    return smooth


def _corners(path: Floats) -> list[int]:
    """The places of the path that no straight line between others replaces."""
    kept, start = [0], 0
    for end in range(2, len(path)):
        line = np.linspace(path[start], path[end], end - start + 1)
        if np.abs(path[start : end + 1] - line).max() > STRAIGHT:
            start = end - 1
            kept.append(start)
    if len(path) > 1 and path[-1] != path[kept[-1]]:
        kept.append(len(path) - 1)
    return kept
