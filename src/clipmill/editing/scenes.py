"""Which stretches of a clip are filled and which fitted, and what of the picture a fitted one shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from clipmill.editing.focus import Focus
from clipmill.model import Box, Layout, Scene, Span

SHORTEST_SCENE_S = 2.0
"""A layout that would last less than this takes that of its neighbour."""

LITTLE_LOST = 0.9
"""A window with this share of the picture shows nearly all of it: nothing to gain by fitting."""

VIEWS = (16 / 9, 64 / 27)
"""Widths of a close view, in windows: in a 9:16 clip a square and a 4:3 picture. Few sizes, so that the
picture does not change its height at every cut."""

AIR = 0.1
"""Air beside a face in a close view, as a share of its width."""

SELDOM = 2
"""Per cent of the time for which a close view may lose one side of a face."""


@dataclass(frozen=True, slots=True)
class Laid:
    """How one shot fills the clip best, and the close view that it has when it is fitted."""

    span: Span
    layout: Layout
    view: Box | None = None


def close_view(subjects: Sequence[Focus], window: tuple[float, float]) -> Box | None:
    """The part of the picture that holds the subjects of a shot, wider than the window; None for all of it.

    A close-up that no window holds would be small and off the middle in the whole of a wide picture.
    """
    boxes = [target.box for subject in subjects for target in subject.targets if target.sure > 0]
    if not boxes or window[0] >= 1:
        return None
    panel = max(subject.panel[0] for subject in subjects), min(subject.panel[1] for subject in subjects)
    left = float(np.percentile([box.x - AIR * box.width for box in boxes], SELDOM))
    right = float(np.percentile([box.x + (1 + AIR) * box.width for box in boxes], 100 - SELDOM))
    left, right = max(panel[0], left), min(panel[1], right)
    for width in (size * window[0] for size in VIEWS):
        if right - left <= width < LITTLE_LOST and width <= panel[1] - panel[0]:
            start = min(max(panel[0], (left + right - width) / 2), panel[1] - width)
            return Box(round(start, 5), 0.0, round(width, 5), 1.0)
    return None


def lay_scenes(shots: Sequence[Laid], window: tuple[float, float], layout: str) -> tuple[Scene, ...]:
    """The scenes of a clip: ``layout`` throughout, or with ``auto`` as suits each shot, for a while each."""
    whole = Span(shots[0].span.start, shots[-1].span.end)
    if layout != "auto" or min(window) >= LITTLE_LOST:
        return (Scene(whole, Layout.FIT if layout == "fit" else Layout.FILL),)
    scenes = _joined([Scene(shot.span, shot.layout) for shot in shots])
    while len(scenes) > 1 and min(scene.span.length for scene in scenes) < SHORTEST_SCENE_S:
        short = min(range(len(scenes)), key=lambda at: scenes[at].span.length)
        near = scenes[short - 1] if short else scenes[1]
        scenes[short] = replace(scenes[short], layout=near.layout)
        scenes = _joined(scenes)
    return tuple(_joined([_viewed(shot, layout_at(scenes, shot.span.start)) for shot in shots]))


def layout_at(scenes: Sequence[Scene], time: float) -> Layout:
    """The layout at a time."""
    return next(scene.layout for scene in reversed(scenes) if scene.span.start <= time)


def _viewed(shot: Laid, layout: Layout) -> Scene:
    return Scene(shot.span, layout, shot.view if layout is Layout.FIT else None)


def _joined(scenes: Sequence[Scene]) -> list[Scene]:
    joined: list[Scene] = []
    for scene in scenes:
        if joined and (joined[-1].layout, joined[-1].view) == (scene.layout, scene.view):
            joined[-1] = replace(joined[-1], span=Span(joined[-1].span.start, scene.span.end))
        else:
            joined.append(scene)
    return joined
