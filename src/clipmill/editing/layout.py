"""Fill or fit, and where the window stands: the framing of one clip."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from clipmill.editing.crop import calm_path, room_across, room_down, window_size
from clipmill.editing.focus import COMPARABLE, Focus, find_focus
from clipmill.editing.scenes import Laid, close_view, lay_scenes, layout_at
from clipmill.editing.tracks import frames_of, join_faces, shots
from clipmill.model import Box, CropKey, CropPath, Frame, Framing, Layout, Scene, Sighting, Span, Track

SMALL_FACE = 0.15
"""Beside a slide or a screen a face below this share of the height is not what the picture is about."""

MUCH_DETAIL = 0.12
"""From this share of fine still structure on, a picture without a large face is a slide or a screen."""

CROWD = 4
"""This many faces of like size that fit in no window are a crowd."""

CONCENTRATED = 0.6
"""Share of all motion that a window must hold to be chosen for it."""

CLOSE_UP_SHARE = 0.1
"""A face wider than the window in more than this share of a shot needs the whole picture."""

OFTEN_LOST, CUT_FACE = 0.25, 0.08
"""A shot in which the window cuts more than the second share off the face for more than the first share of
the time cannot be followed: it is shown whole."""

SHORTEST_EMPTY_S = 1.0
"""A shot without a face that is shorter than this leaves the window where it is."""

NEAR_SWITCH = 0.6
"""Subjects nearer to each other than this many window widths are panned between; others are cut between."""


def frame_clip(
    sighting: Sighting, *, picture: tuple[int, int], aspect: Fraction, layout: str, frame_rate: Fraction
) -> Framing:
    """Where to look during the clip ``sighting.span``.

    ``picture`` is the source's size in pixels as shown, ``aspect`` the clip's width over height, ``layout``
    one of ``auto``, ``fill`` and ``fit``, ``frame_rate`` the clip's. A jump of the window has the time of
    the source's first frame after the cut, a move's keys lie on frames of the clip.
    """
    if not sighting.frames:
        return centre(sighting.span, picture=picture, aspect=aspect, layout=layout)
    window = window_size(picture, aspect)
    seen = [_see(shot, sighting, window, frame_rate) for shot in shots(sighting)]
    scenes = lay_scenes([shot.laid for shot in seen], window, layout)
    keys: list[CropKey] = []
    for shot in _standing_on(seen):
        fits = layout_at(scenes, shot.laid.span.start) is Layout.FIT
        keys += [CropKey(shot.laid.span.start, 0.5, 0.5, cut=True)] if fits else shot.keys
    return Framing(scenes, CropPath(*window, _merged(keys)))


def centre(span: Span, *, picture: tuple[int, int], aspect: Fraction, layout: str = "fill") -> Framing:
    """A window that stands still in the middle: for clips whose picture could not be looked at."""
    width, height = window_size(picture, aspect)
    path = CropPath(width, height, (CropKey(span.start, 0.5, 0.5),))
    return Framing((Scene(span, Layout.FIT if layout == "fit" else Layout.FILL),), path)


# --- shots ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shot:
    """One shot: where the window stands in it, the first time by a jump, and how it fills best.

    ``empty`` says that it shows no face.
    """

    keys: tuple[CropKey, ...]
    laid: Laid
    empty: bool


def _see(shot: Span, sighting: Sighting, window: tuple[float, float], rate: Fraction) -> _Shot:
    frames = frames_of(shot, sighting.frames)
    tracks = join_faces(frames)
    subjects = find_focus(frames, tracks, window=window)
    if not subjects:
        return _see_nobody(shot, sighting, window)
    keys: list[CropKey] = []
    lost = []
    for span, focus in _stretches(shot, subjects, window):
        part = _keys(span, focus, window, (rate, sighting.span.start))
        lost += _lost(focus, part, window)
        keys += part
    slide = _much_detail(frames) and max(subject.box.height for subject in subjects) < SMALL_FACE
    if slide or _crowd(tracks, subjects):
        laid = Laid(shot, Layout.FIT)
    else:
        slips = sum(lost) > OFTEN_LOST * len(lost) or _too_wide(subjects, window)
        laid = Laid(shot, Layout.FIT if slips else Layout.FILL, close_view(subjects, window))
    return _Shot(tuple(keys), laid, empty=False)


def _see_nobody(shot: Span, sighting: Sighting, window: tuple[float, float]) -> _Shot:
    frames = frames_of(shot, sighting.frames)
    rows = [
        row for frame, row in zip(sighting.frames, sighting.motion, strict=False)
        if shot.start <= frame.time < shot.end
    ]  # fmt: skip
    place, held = liveliest(rows, window[0])
    plain = Layout.FIT if held < CONCENTRATED or _much_detail(frames) else Layout.FILL
    return _Shot((CropKey(shot.start, place, 0.5, cut=True),), Laid(shot, plain), empty=True)


def _standing_on(seen: Sequence[_Shot]) -> list[_Shot]:
    """The shots, of which one that is short and empty keeps the window where its neighbour has it."""
    found: list[_Shot] = []
    for number, shot in enumerate(seen):
        span = shot.laid.span
        if shot.empty and span.length < SHORTEST_EMPTY_S and len(seen) > 1:
            place = found[-1].keys[-1] if found else seen[number + 1].keys[0]
            shot = replace(shot, keys=(replace(place, time=span.start, cut=True),))
        found.append(shot)
    return found


def _stretches(
    shot: Span, subjects: Sequence[Focus], window: tuple[float, float]
) -> tuple[tuple[Span, Focus], ...]:
    """The shot divided where the window jumps from one subject to another; near ones are joined."""
    joined: list[Focus] = []
    for subject in subjects:
        if joined and _near(joined[-1], subject, window):
            joined[-1] = replace(joined[-1], targets=joined[-1].targets + subject.targets)
        else:
            joined.append(subject)
    starts = [shot.start, *(subject.targets[0].time for subject in joined[1:])]
    ends = [*starts[1:], shot.end]
    return tuple(zip(map(Span, starts, ends), joined, strict=True))


def _near(one: Focus, other: Focus, window: tuple[float, float]) -> bool:
    """Whether the window may pan from the end of one subject to the start of the other."""
    before, after = one.targets[-1].box, other.targets[0].box
    across = abs(before.centre_x - after.centre_x) / window[0]
    down = abs(before.centre_y - after.centre_y) / window[1]
    moving = across if window[0] < 1 else down
    return one.panel == other.panel and moving < NEAR_SWITCH


def liveliest(motion: Sequence[Sequence[float]], width: float) -> tuple[float, float]:
    """The centre of the window of this width that holds most motion, and what share of all it holds."""
    if not motion or width >= 1:
        return 0.5, 1.0
    columns = np.clip(np.asarray(motion).mean(0) - 0.01, 0, None)
    if columns.sum() < 0.01:
        return 0.5, 0.0
    summed = np.concatenate([[0.0], np.cumsum(columns)]) / columns.sum()
    edges = np.linspace(0, 1, len(summed))
    starts = np.linspace(0, 1 - width, 101)
    held = np.interp(starts + width, edges, summed) - np.interp(starts, edges, summed)
    most = np.flatnonzero(held > held.max() - 0.01)
    return float(starts[most].mean() + width / 2), float(held.max())


# --- keys -----------------------------------------------------------------------------------------


def _keys(
    span: Span, focus: Focus, window: tuple[float, float], clock: tuple[Fraction, float]
) -> list[CropKey]:
    """The keys of one stretch; its first one is a jump."""
    if window[0] < 1:
        places = calm_path(room_across(focus, window[0]), span, *clock)
        keys = [CropKey(time, round(place, 5), 0.5) for time, place in places]
    elif window[1] < 1:
        places = calm_path(room_down(focus, window[1]), span, *clock)
        keys = [CropKey(time, 0.5, round(place, 5)) for time, place in places]
    else:
        keys = [CropKey(span.start, 0.5, 0.5)]
    return [replace(keys[0], time=span.start, cut=True), *keys[1:]]


def _lost(focus: Focus, keys: Sequence[CropKey], window: tuple[float, float]) -> list[bool]:
    """For each time at which the subject was seen, whether the window cuts it."""
    seen = [target for target in focus.targets if target.sure == 1]
    times, at = [target.time for target in seen], [key.time for key in keys]
    xs, ys = np.interp(times, at, [key.x for key in keys]), np.interp(times, at, [key.y for key in keys])
    return [
        bool(
            max(
                x - window[0] / 2 - target.box.x,
                target.box.x + target.box.width - x - window[0] / 2,
                y - window[1] / 2 - target.box.y,
                target.box.y + target.box.height - y - window[1] / 2,
            )
            > CUT_FACE * target.box.width
        )
        for target, x, y in zip(seen, xs, ys, strict=True)
        if window[0] < 1 or window[1] < 1
    ]


def _merged(keys: Sequence[CropKey]) -> tuple[CropKey, ...]:
    """The keys without jumps to where the window stands already; the first is no jump."""
    merged = [replace(keys[0], cut=False)]
    for number, key in enumerate(keys[1:], start=1):
        last = merged[-1]
        goes_on = number + 1 < len(keys) and not keys[number + 1].cut
        if not (key.cut and not goes_on and (key.x, key.y) == (last.x, last.y)):
            merged.append(key)
    return tuple(merged)


# --- layouts --------------------------------------------------------------------------------------


def _much_detail(frames: Sequence[Frame]) -> bool:
    return bool(frames) and float(np.median([frame.detail for frame in frames])) >= MUCH_DETAIL


def _too_wide(subjects: Sequence[Focus], window: tuple[float, float]) -> bool:
    """Whether the window would often cut through the face itself, as in a close-up."""
    widths = [target.box.width for subject in subjects for target in subject.targets if target.sure > 0]
    return float(np.mean(np.array(widths) > window[0])) > CLOSE_UP_SHARE


def _crowd(tracks: Sequence[Track], subjects: Sequence[Focus]) -> bool:
    """Whether there are many faces alike, of which the window would show less than half."""
    longest_seen = max(len(track.faces) for track in tracks)
    boxes = [_mean_box(track) for track in tracks if len(track.faces) >= longest_seen / 2]
    largest = max(box.height for box in boxes)
    alike = [box for box in boxes if box.height > COMPARABLE * largest]
    longest = max(subjects, key=lambda subject: len(subject.targets)).box
    shown = [box for box in alike if longest.x <= box.centre_x <= longest.x + longest.width]
    return len(alike) >= CROWD and len(shown) < len(alike) / 2


def _mean_box(track: Track) -> Box:
    boxes = [face.box for _, face in track.faces]
    x, y, width, height = np.mean([(box.x, box.y, box.width, box.height) for box in boxes], axis=0)
    return Box(float(x), float(y), float(width), float(height))
