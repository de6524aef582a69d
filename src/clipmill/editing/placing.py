"""How high captions stand in a clip: as the style wants, but off mouth and eyes where room exists."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from clipmill.editing.safe_areas import safe_box
from clipmill.editing.styles import Style
from clipmill.editing.typesetting import Page, zoom
from clipmill.model import Box, Canvas, CropPath, Frame, Framing, Layout

NOSE = 0.55
"""From here down a face speaks: the share of a face box's height above the mouth with its room to open."""

BROWS, CHEEKS = 0.22, 0.5
"""Between these shares of a face box's height a face looks at the viewer."""

EYES = 0.8
"""What covered eyes cost, against a covered mouth (1): off the mouth must not mean onto the eyes."""

STEP = 0.005
"""How finely places are tried, as a share of the frame's height."""

FAR = 0.5
"""What a whole frame height away from the style's place costs, against a mouth that is always covered (1)."""


def caption_place(
    frames: Sequence[Frame],
    framing: Framing,
    *,
    style: Style,
    page: Page,
    picture: Fraction,
) -> float:
    """The height of the captions' centre, as a share of the frame.

    ``frames`` are those that the framing was made from; ``picture`` is the source's width over its
    height. Of the places inside the safe area the one wins that covers mouths and eyes for the least time
    and is near the style's own.
    """
    canvas = page.canvas
    half = style.lines * style.size * style.pitch * zoom(canvas) / canvas.height / 2
    free = safe_box(page.safe, canvas)
    highest, lowest = free.y + half, free.y + free.height - half
    faces = [(box.y, box.height) for box in _largest(frames, framing, canvas, picture)]
    wanted = min(max(style.place, highest), lowest)
    if not faces or highest >= lowest:
        return wanted
    tops, heights = np.array(faces).T
    places = [wanted, *(highest + STEP * n for n in range(int((lowest - highest) / STEP) + 1))]

    def cost(place: float) -> float:
        def share(first: float, last: float) -> float:
            """The share of frames in which captions cover this part of the face."""
            return float(
                np.mean((place + half > tops + first * heights) & (place - half < tops + last * heights))
            )

        return share(NOSE, 1.0) + EYES * share(BROWS, CHEEKS) + FAR * abs(place - wanted)

    return min(places, key=cost)


def _largest(frames: Sequence[Frame], framing: Framing, canvas: Canvas, picture: Fraction) -> Iterator[Box]:
    """The largest face of each frame where the clip shows it."""
    for frame in frames:
        faces = [_shown(face.box, frame.time, framing, canvas, picture) for face in frame.faces]
        seen = [box for box in faces if 0 < box.centre_x < 1]
        if seen:
            yield max(seen, key=lambda box: box.area)


def _shown(box: Box, time: float, framing: Framing, canvas: Canvas, picture: Fraction) -> Box:
    """Where a box of the source is seen in the clip."""
    scene = next((scene for scene in reversed(framing.scenes) if scene.span.start <= time), None)
    if scene and scene.layout is Layout.FIT:
        view = scene.view or Box(0.0, 0.0, 1.0, 1.0)
        wider = float(picture) * view.width / view.height / (canvas.width / canvas.height)
        width, height = min(1.0, wider) / view.width, min(1.0, 1 / wider) / view.height
        left = (1 - width * view.width) / 2 - view.x * width
        top = (1 - height * view.height) / 2 - view.y * height
        return Box(left + box.x * width, top + box.y * height, box.width * width, box.height * height)
    width, height = framing.path.width, framing.path.height
    x, y = _centre(framing.path, time)
    left, top = x - width / 2, y - height / 2
    return Box((box.x - left) / width, (box.y - top) / height, box.width / width, box.height / height)


def _centre(path: CropPath, time: float) -> tuple[float, float]:
    """The window's centre at a time."""
    before = next((key for key in reversed(path.keys) if key.time <= time), path.keys[0])
    after = next((key for key in path.keys if key.time > time), None)
    if after is None or after.cut or after.time <= before.time:
        return before.x, before.y
    share = max(0.0, (time - before.time) / (after.time - before.time))
    return before.x + share * (after.x - before.x), before.y + share * (after.y - before.y)
