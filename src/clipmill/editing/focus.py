"""Whom or what to look at, shot by shot."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

import numpy as np
from numpy.typing import NDArray

from clipmill.model import Box, Face, Frame, Track

Floats = NDArray[np.float64]

SWITCH_S = 1.0
"""What it costs to look at another face, in seconds of seeing the best one: a face must be the better one by
half for four seconds before the window goes to it and back."""

DWELL_S = 1.5
"""Least time on one face."""

MEMORY_S = 1.0
"""How long a face that is lost (turned away, hidden) still counts, a little less each moment."""

COMPARABLE = 0.5
"""A face belongs beside another when it is at least this much of its size."""

MOST_TRACKS = 6
ROOM = 1.12
"""Faces are taken together when the window is this much wider than they are."""

SEAM_SHARE = 0.8
"""Share of a shot's frames in which a seam must show to be a border and not a passing edge."""


@dataclass(frozen=True, slots=True)
class Target:
    """What to keep inside the window at one time. ``sure`` is 1 when it was seen then, less in between."""

    time: float
    box: Box
    sure: float


@dataclass(frozen=True, slots=True)
class Focus:
    """One subject over a stretch of a shot, with the panel (left, right) it must stay in."""

    targets: tuple[Target, ...]
    panel: tuple[float, float] = (0.0, 1.0)

    @property
    def box(self) -> Box:
        """The mean box of the subject."""
        boxes = [target.box for target in self.targets]
        x, y, width, height = np.mean([(box.x, box.y, box.width, box.height) for box in boxes], axis=0)
        return Box(float(x), float(y), float(width), float(height))


def find_focus(
    frames: Sequence[Frame], tracks: Sequence[Track], *, window: tuple[float, float]
) -> tuple[Focus, ...]:
    """The subjects of one shot in order of time: none when it has no face.

    ``window`` is the window's width and height in shares of the frame. The largest and most central face is
    the subject until another is better for long; faces of like size that fit in one window are shown
    together.
    """
    times = [frame.time for frame in frames]
    if not tracks or not times:
        return ()
    tracks = sorted(tracks, key=_mean_area, reverse=True)[:MOST_TRACKS]
    seams = lasting_seams(frames, tracks)
    subjects = _subjects(tracks, times, window, seams)
    values = np.array([subject.values for subject in subjects])
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.2
    values /= max(1e-9, values.max())
    order = steady_choice(values, switch=SWITCH_S / step, dwell=round(DWELL_S / step))
    found = []
    for number, places in groupby(range(len(times)), key=lambda at: order[at]):
        targets = tuple(subjects[number].targets[at] for at in places)
        found.append(Focus(targets, _panel(targets, seams)))
    return tuple(found)


def _mean_area(track: Track) -> float:
    """Size times how long it is there."""
    return sum(face.box.area for _, face in track.faces)


# --- subjects -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Subject:
    """One face or several, over all samples of the shot: where, and how much worth looking at."""

    targets: tuple[Target, ...]
    values: Floats


def _subjects(
    tracks: Sequence[Track], times: Sequence[float], window: tuple[float, float], seams: Sequence[float]
) -> list[_Subject]:
    singles = [_single(track, times) for track in tracks]
    groups = []
    for size in range(2, len(singles) + 1):
        for members in combinations(singles, size):
            group = _together(members, window, seams)
            if group.values.any():
                groups.append(group)
    return [*singles, *groups]


def _single(track: Track, times: Sequence[float]) -> _Subject:
    seen = np.array([time for time, _ in track.faces])
    boxes = np.array([_sides(face) for _, face in track.faces])
    sides = np.stack([np.interp(times, seen, boxes[:, side]) for side in range(4)], axis=1)
    away = np.abs(np.asarray(times)[:, None] - seen[None]).min(1)
    sure = np.clip(1 - away / MEMORY_S, 0, 1)
    central = 1 - 0.3 * np.abs(sides[:, 0] + sides[:, 2] / 2 - 0.5) / 0.5
    share = len(seen) / len(times)
    values = sides[:, 3] * central * (0.85 + 0.15 * share) * sure
    targets = tuple(
        Target(time, Box(*map(float, row)), float(certain))
        for time, row, certain in zip(times, sides, sure, strict=True)
    )
    return _Subject(targets, values)


def _sides(face: Face) -> tuple[float, float, float, float]:
    return face.box.x, face.box.y, face.box.width, face.box.height


def _together(members: Iterable[_Subject], window: tuple[float, float], seams: Sequence[float]) -> _Subject:
    """The members as one subject, worth their sum wherever they are alike in size and fit in one window."""
    members = tuple(members)
    targets, values = [], []
    for at, single in enumerate(zip(*(member.targets for member in members), strict=True)):
        box = _union([target.box for target in single])
        each = [float(member.values[at]) for member in members]
        fits = box.width * ROOM <= window[0] and box.height * ROOM <= window[1]
        parted = any(box.x < seam < box.x + box.width for seam in seams)
        alike = min(each) >= COMPARABLE * max(each)
        targets.append(Target(single[0].time, box, min(target.sure for target in single)))
        values.append(max(each) * (1 + 0.25 * (len(each) - 1)) if fits and alike and not parted else 0.0)
    return _Subject(tuple(targets), np.array(values))


def _union(boxes: Sequence[Box]) -> Box:
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right = max(box.x + box.width for box in boxes)
    bottom = max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


def steady_choice(values: Floats, *, switch: float, dwell: int) -> list[int]:
    """For each column the row to choose: the largest sum of values, less ``switch`` for each change of row.

    No row is chosen for less than ``dwell`` columns, unless there are fewer. Dynamic programming.
    """
    rows, columns = values.shape
    sums = np.concatenate([np.zeros((rows, 1)), np.cumsum(values, axis=1)], axis=1)
    dwell = max(1, min(dwell, columns))
    best = np.full((columns + 1, rows), -np.inf)
    came = np.full((columns + 1, rows), -1)  # the row before the current stay began here, or -1: it goes on
    best[dwell] = sums[:, dwell]
    for at in range(dwell + 1, columns + 1):
        best[at] = best[at - 1] + values[:, at - 1]
        if at >= 2 * dwell:
            from_row = int(best[at - dwell].argmax())
            entering = best[at - dwell].max() - switch + sums[:, at] - sums[:, at - dwell]
            better = entering > best[at]
            best[at][better] = entering[better]
            came[at][better] = from_row
    return _traced(best, came, dwell)


def _traced(best: Floats, came: NDArray[np.int_], dwell: int) -> list[int]:
    at, row = len(best) - 1, int(best[-1].argmax())
    order: list[int] = []
    while at > 0:
        back = came[at, row]
        length = dwell if back >= 0 or at == dwell else 1
        order += [row] * length
        at -= length
        row = int(back) if back >= 0 else row
    return order[::-1]


# --- borders --------------------------------------------------------------------------------------


def lasting_seams(frames: Sequence[Frame], tracks: Sequence[Track]) -> tuple[float, ...]:
    """The seams that stand through the shot and that no face crosses: the borders of a split picture."""
    places = sorted(seam for frame in frames for seam in frame.seams)
    found = []
    while places:
        near = [place for place in places if place - places[0] < 0.01]
        places = places[len(near) :]
        middle = float(np.median(near))
        if len(near) >= SEAM_SHARE * len(frames) and not any(_crosses(track, middle) for track in tracks):
            found.append(middle)
    return tuple(found)


def _crosses(track: Track, seam: float) -> bool:
    boxes = [face.box for _, face in track.faces]
    inside = [abs(box.centre_x - seam) < 0.4 * box.width for box in boxes]
    return sum(inside) > 0.1 * len(inside)


def _panel(targets: Sequence[Target], seams: Sequence[float]) -> tuple[float, float]:
    middle = float(np.median([target.box.centre_x for target in targets]))
    left = max((seam for seam in seams if seam <= middle), default=0.0)
    right = min((seam for seam in seams if seam > middle), default=1.0)
    return left, right
