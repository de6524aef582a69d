"""How high captions stand in a clip: as the style wants, but off mouth and eyes where room exists."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from clipmill.editing.safe_areas import safe_box
from clipmill.editing.styles import Style
from clipmill.editing.typesetting import Page, zoom
from clipmill.model import WHOLE, Box, Canvas, CropPath, Frame, Framing, Layout, Sighting

NOSE, CHIN = 0.58, 0.92
"""Between these shares of a face box's height a face speaks: the mouth with its room to open. The tip of the
chin may be covered: below a face captions look better than on its hair."""

BROWS, CHEEKS = 0.22, 0.5
"""Between these shares of a face box's height a face looks at the viewer."""

EYES = 0.8
"""What covered eyes cost, against a covered mouth (1): off the mouth must not mean onto the eyes."""

STEP = 0.005
"""How finely places are tried, as a share of the frame's height."""

FAR = 0.5
"""What a whole frame height away from the style's place costs, against a mouth that is always covered (1)."""


WORTH = 0.15
"""How much less of a shot must be covered for captions to stand elsewhere in it than in the rest."""

Places = Callable[[float], float]
"""The height of the captions' centre, as a share of the frame, at a time of the clip in seconds."""


def caption_places(
    sighting: Sighting, framing: Framing, *, style: Style, page: Page, picture: Fraction
) -> Places:
    """Where captions stand: at one height, and at another in shots where that would cover a face.

    ``sighting`` is what the framing was made from; ``picture`` is the source's width over its height. Of
    the heights inside the safe area the one wins that covers mouths and eyes for the least time and is
    near the style's own.
    """
    tried = _heights(style, page)
    jumps = {key.time for key in framing.path.keys if key.cut}
    begins = sorted({sighting.span.start, *sighting.cuts, *jumps})
    shots: list[list[Box]] = [[] for _ in begins]
    for time, box in _largest(sighting.frames, framing, page.canvas, picture):
        shots[max(0, bisect_right(begins, time) - 1)].append(box)
    everywhere = _best(tried, [box for shot in shots for box in shot])
    chosen = [_best_in_shot(tried, shot, everywhere) for shot in shots]
    return lambda time: chosen[max(0, bisect_right(begins, sighting.span.start + time) - 1)]


@dataclass(frozen=True, slots=True)
class _Heights:
    """Heights to try, the first being the style's own, and half the height of the captions."""

    places: tuple[float, ...]
    half: float

    def covered(self, place: float, faces: Sequence[Box]) -> float:
        """What covering mouths and eyes costs at this height: 1 for every mouth, more with the eyes."""
        if not faces:
            return 0.0
        low, high = place + self.half, place - self.half

        def share(first: float, last: float) -> float:
            hit = sum(low > f.y + first * f.height and high < f.y + last * f.height for f in faces)
            return hit / len(faces)

        return share(NOSE, CHIN) + EYES * share(BROWS, CHEEKS)


def _heights(style: Style, page: Page) -> _Heights:
    """All heights inside the safe area."""
    half = style.lines * style.size * style.pitch * zoom(page.canvas) / page.canvas.height / 2
    free = safe_box(page.safe, page.canvas)
    highest, lowest = free.y + half, free.y + free.height - half
    wanted = min(max(style.place, highest), lowest)
    steps = max(0, int((lowest - highest) / STEP) + 1)
    return _Heights((wanted, *(highest + STEP * n for n in range(steps))), half)


def _best(tried: _Heights, faces: Sequence[Box]) -> float:
    """The height that covers the least and is near the style's own."""
    wanted = tried.places[0]
    return min(tried.places, key=lambda place: tried.covered(place, faces) + FAR * abs(place - wanted))


def _best_in_shot(tried: _Heights, faces: Sequence[Box], everywhere: float) -> float:
    """The clip's height, unless another covers so much less of this shot that a change is worth it."""
    other = min(tried.places, key=lambda place: tried.covered(place, faces) + FAR * abs(place - everywhere))
    gain = tried.covered(everywhere, faces) - tried.covered(other, faces)
    return other if gain > WORTH else everywhere


def _largest(
    frames: Sequence[Frame], framing: Framing, canvas: Canvas, picture: Fraction
) -> Iterator[tuple[float, Box]]:
    """The time of each frame with a face, and where the clip shows the largest."""
    for frame in frames:
        faces = [_shown(face.box, frame.time, framing, canvas, picture) for face in frame.faces]
        seen = [box for box in faces if 0 < box.centre_x < 1]
        if seen:
            yield frame.time, max(seen, key=lambda box: box.area)


def _shown(box: Box, time: float, framing: Framing, canvas: Canvas, picture: Fraction) -> Box:
    """Where a box of the source is seen in the clip."""
    scene = next((scene for scene in reversed(framing.scenes) if scene.span.start <= time), None)
    if scene and scene.layout is Layout.FIT:
        view = scene.view or WHOLE
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
