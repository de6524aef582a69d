"""What stands still in a frame: fine detail as of letters, and straight borders from top to bottom."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]

BLOCK = 8
EDGE = 24
"""Levels of brightness between neighbouring pixels that make a sharp edge."""

STILL = 6
"""Levels of change within which a pixel counts as still."""

SEAM_ROWS = 0.85
"""Share of the rows in which a seam must show."""


@dataclass(frozen=True, slots=True)
class Structure:
    """What stands still in a frame: the share with fine detail, and the places of straight edges."""

    detail: float
    seams: list[float]


def structure_of(picture: Rgb, before: Rgb | None) -> Structure:
    """The structure of one frame, still against the one sampled before. Green stands for brightness."""
    green = picture[..., 1].astype(np.int16)
    still = np.abs(green - before[..., 1]) < STILL if before is not None else np.ones(green.shape, np.bool_)
    return Structure(_detail(green, still), _seams(green))


def _detail(green: NDArray[np.int16], still: NDArray[np.bool_]) -> float:
    """The share of blocks with many sharp still edges, as letters make them."""
    edges = (np.abs(np.diff(green, axis=1)) > EDGE) & still[:, 1:]
    high, wide = edges.shape[0] // BLOCK, edges.shape[1] // BLOCK
    blocks = edges[: high * BLOCK, : wide * BLOCK].reshape(high, BLOCK, wide, BLOCK).mean((1, 3))
    return round(float((blocks > 0.2).mean()), 4)


def _seams(green: NDArray[np.int16]) -> list[float]:
    """The places of straight edges that run through the whole height."""
    strong = (np.abs(green[:, 2:] - green[:, :-2]) > EDGE / 2).mean(0)
    places = np.flatnonzero(strong > SEAM_ROWS)
    groups = np.split(places, np.flatnonzero(np.diff(places) > 4) + 1)
    return [round(float((group.mean() + 1.5) / green.shape[1]), 4) for group in groups if len(group)]
