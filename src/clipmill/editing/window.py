"""Where the window stands, frame by frame, in pixels; and which frames have which layout."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from math import ceil, floor

from clipmill.model import Box, CropPath, Edit, Layout, Scene, VideoStream

SEEK_EARLY = 0.002
"""Seconds before its first frame at which a clip is sought: rounding can then never skip that frame."""

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the source that a path ever shows, scaled so that the window has the canvas's size.

    ``left`` to ``height`` are pixels of the upright coded picture, ``wide`` and ``high`` what that part is
    scaled to; ``places`` is the window's upper left corner in the scaled picture, frame by frame.
    """

    left: int
    top: int
    width: int
    height: int
    wide: int
    high: int
    places: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames ``first`` to ``last`` (not included) of a clip in one layout, with its view of the picture."""

    layout: Layout
    first: int
    last: int
    view: Box | None = None


def upright(video: VideoStream) -> Point:
    """Pixels of the coded picture after its rotation, before pixel aspect."""
    if video.rotation % 180:
        return video.height, video.width
    return video.width, video.height


def stretches(edit: Edit) -> tuple[Stretch, ...]:
    """The layouts of a clip in frames; neighbours of one layout are one stretch."""
    scenes = sorted(edit.framing.scenes, key=lambda scene: scene.span.start)
    runs = [next(run) for _, run in groupby(scenes, key=lambda scene: (scene.layout, scene.view))]
    edges = [0, *(min(first_frame(run.span.start, edit), edit.frames) for run in runs[1:]), edit.frames]
    found = (
        Stretch(run.layout, first, last, run.view)
        for run, first, last in zip(runs or [Scene(edit.span, Layout.FILL)], edges, edges[1:], strict=False)
        if last > first
    )
    return tuple(found)


def first_frame(time: float, edit: Edit) -> int:
    """The first frame of the clip that shows the source's frame of ``time`` (or one after it)."""
    return max(0, floor((time - edit.span.start + SEEK_EARLY) * edit.canvas.frame_rate + 0.5))


def window_of(edit: Edit, video: VideoStream) -> Window:
    """Where the path goes, in pixels: cut out once, scaled once, moved in steps of one pixel of the clip.

    Scaling before moving keeps slow moves calm: a step is one pixel of the clip, not one of the source
    blown up. Cutting out what the path ever shows first keeps that cheap.
    """
    across, down = upright(video)
    path, canvas = edit.framing.path, edit.canvas
    spots = path_places(edit)
    left, width, wide = _reach([x for x, _ in spots], path.width, across, canvas.width)
    top, height, high = _reach([y for _, y in spots], path.height, down, canvas.height)
    columns = _pixels(
        [x * across - left for x, _ in spots], canvas.width / (path.width * across), wide - canvas.width
    )
    rows = _pixels(
        [y * down - top for _, y in spots], canvas.height / (path.height * down), high - canvas.height
    )
    return Window(left, top, width, height, wide, high, tuple(zip(columns, rows, strict=True)))


def _reach(starts: list[float], share: float, size: int, wanted: int) -> tuple[int, int, int]:
    """First pixel, pixels, and scaled pixels of all that windows of ``share`` starting there show."""
    length = min(size - size % 2, max(2, 2 * round(share * size / 2)))
    if max(starts) - min(starts) < 1 / size:
        left = min(max(0, 2 * round(starts[0] * size / 2)), size - length)
        return left, length, wanted
    left = 2 * floor(min(starts) * size / 2)
    right = min(size, 2 * ceil((max(starts) + share) * size / 2))
    reach = (right - left) - (right - left) % 2
    scaled = 2 * ceil(reach * wanted / (share * size) / 2)
    return left, reach, max(wanted, scaled)


def _pixels(offsets: list[float], scale: float, most: int) -> list[int]:
    """Whole pixels; even ones where the window rests, so that colour is in register with light there."""
    found = []
    for number, offset in enumerate(offsets):
        rests = offset in (offsets[max(0, number - 1)] if number else None, *offsets[number + 1 : number + 2])
        pixel = 2 * round(offset * scale / 2) if rests else round(offset * scale)
        found.append(min(max(0, pixel), most))
    return found


def path_places(edit: Edit) -> list[tuple[float, float]]:
    """The window's upper left corner in shares of the frame, for every frame of the clip."""
    path = edit.framing.path
    width, height = min(1.0, path.width), min(1.0, path.height)
    return [
        (
            min(max(0.0, x - width / 2), 1 - width),
            min(max(0.0, y - height / 2), 1 - height),
        )
        for x, y in _centres(path, edit)
    ]


def _centres(path: CropPath, edit: Edit) -> list[tuple[float, float]]:
    keys = sorted(path.keys, key=lambda key: key.time)
    starts = [_key_frame(key.time, edit, cut=key.cut) for key in keys]
    found, at = [], 0
    for frame in range(edit.frames):
        while at + 1 < len(keys) and starts[at + 1] <= frame:
            at += 1
        here = keys[at]
        share = 0.0
        if at + 1 < len(keys) and not keys[at + 1].cut and starts[at] <= frame:
            share = (frame - starts[at]) / (starts[at + 1] - starts[at])
        there = keys[min(at + 1, len(keys) - 1)]
        found.append((here.x + share * (there.x - here.x), here.y + share * (there.y - here.y)))
    return found


def _key_frame(time: float, edit: Edit, *, cut: bool) -> float:
    if cut:
        exact = (time - edit.span.start + SEEK_EARLY) * float(edit.canvas.frame_rate)
        return floor(exact + 0.5)
    return (time - edit.span.start) * float(edit.canvas.frame_rate)


def crop_commands(window: Window, part: Stretch, target: str, rate: Fraction) -> str:
    """The window's moves within a stretch as text for ``sendcmd``, each half a frame before its frame."""
    lines = []
    if part.layout is Layout.FIT:
        return ""
    for frame in range(part.first + 1, part.last):
        changes = [
            f"{target} {axis} {new}"
            for axis, new, old in zip("xy", window.places[frame], window.places[frame - 1], strict=True)
            if new != old
        ]
        if changes:
            lines.append(f"{float((frame - Fraction(1, 2)) / rate):.5f} {', '.join(changes)};\n")
    return "".join(lines)
