"""Coarse cuts, and where it moves, from small frames that come one after the other."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Floats = NDArray[np.float32]

COLUMNS = 32
"""The motion is given for so many strips from left to right."""

CUT_CHANGE = 10.0
"""Least change at a cut, in levels of brightness plus colour."""

CUT_OVER_MEAN = 2.5
"""How many times the mean change around it a cut's change has."""

CUT_SHIFT = 0.12
"""Least change of the brightness histogram at a cut, 0 to 2: motion leaves it nearly alone."""

CLEAR_SHIFT, CLEAR_OVER_MEAN = 0.4, 1.5
"""With a histogram that changes this much, twice as much as around it, less change of the pixels will do: a
cut between two shots full of motion."""


class Cuts:
    """Where neighbouring frames have little in common: all cuts, and a few that are none."""

    def __init__(self) -> None:
        self._tiny: deque[Floats] = deque(maxlen=3)
        self._last: Floats | None = None
        self._histogram: NDArray[np.float64] | None = None
        self._change: list[float] = []
        self._lasting: list[float] = []
        self._shift: list[float] = []

    def add(self, picture: Rgb) -> Floats:
        """Look at the next frame; returns it small."""
        tiny = _tiny(picture)
        histogram = np.histogram(tiny[..., 0], 32, (0, 255))[0] / tiny[..., 0].size
        before = self._histogram if self._histogram is not None else histogram
        self._change.append(_difference(tiny, self._tiny[-1]) if self._tiny else 0.0)
        self._lasting.append(_difference(tiny, self._tiny[0]) if self._tiny else 0.0)
        self._shift.append(float(np.abs(histogram - before).sum()))
        self._histogram = histogram
        self._tiny.append(tiny)
        return tiny

    def motion(self, tiny: Floats) -> Floats:
        """How much moved in each column since the motion was asked for last, 0 to 1."""
        last, self._last = self._last, tiny
        return _columns(np.abs(tiny[..., 0] - (tiny if last is None else last)[..., 0]))

    def found(self) -> list[int]:
        """The numbers of the frames that seem to be the first after a cut."""
        change = np.array(self._change)
        return [number for number in range(1, len(change)) if self._is_cut(number, change)]

    def _is_cut(self, number: int, change: NDArray[np.float64]) -> bool:
        here, shift = change[number], self._shift[number]
        mean = _mean_around(change, number)
        clear = shift > max(CLEAR_SHIFT, 2 * _mean_around(np.array(self._shift), number))
        # Two frames on, a flash has gone and a cut is still there.
        lasting = self._lasting[number + 1] if number + 1 < len(change) else here
        return bool(
            here > CUT_CHANGE
            and here > (CLEAR_OVER_MEAN if clear else CUT_OVER_MEAN) * mean + 4
            and here >= change[max(1, number - 2) : number + 3].max()
            and lasting > 0.6 * here
            and shift > CUT_SHIFT
        )


def _mean_around(values: NDArray[np.float64], number: int) -> float:
    near = values[max(1, number - 6) : number + 7]
    return float((near.sum() - values[number]) / max(1, len(near) - 1))


_YUV = np.array([[0.299, -0.169, 0.5], [0.587, -0.331, -0.419], [0.114, 0.5, -0.081]], np.float32)


def _tiny(picture: Rgb) -> Floats:
    """About 60 columns of brightness and two colour differences."""
    few = picture[1::4, 1::4].astype(np.float32)
    high, wide = few.shape[0] // 2 * 2, few.shape[1] // 2 * 2
    few = few[:high, :wide]
    means: Floats = (few[::2, ::2] + few[1::2, ::2] + few[::2, 1::2] + few[1::2, 1::2]) / np.float32(4)
    small: Floats = means @ _YUV
    return small


def _difference(one: Floats, other: Floats) -> float:
    change: Floats = np.abs(one - other).mean((0, 1))
    return float(0.6 * change[0] + change[1] + change[2])


def _columns(change: Floats) -> Floats:
    edges = np.linspace(0, change.shape[1], COLUMNS + 1).astype(int)
    sums = np.concatenate([[0.0], np.cumsum(change.mean(0))])
    means = np.diff(sums[edges]) / np.maximum(1, np.diff(edges))
    clipped: Floats = np.clip(means / 64, 0, 1).astype(np.float32)
    return clipped
