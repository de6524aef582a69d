"""The quality card of a clip, from what was seen and heard in the finished clip."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from clipmill.model import Box, Canvas, Face, Frame, SafeArea

Picture = NDArray[np.uint8]
"""One small picture: rows, columns, and for colour 3 channels."""

_INK = 40  # of 255: captions differ by 100 and more, the encoder has not touched the taps at all


@dataclass(frozen=True, slots=True)
class Calm:
    """How the window behaved: moves begun in a minute, and the share of samples in which it stood still."""

    moves_per_minute: float
    still: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in the finished clip: LUFS, dB true peak, and whether its edges are quiet."""

    loudness_lufs: float | None
    true_peak_db: float | None
    start_clean: bool | None
    end_clean: bool | None


EYE_ACROSS, EYE_DOWN = 0.13, 0.08
"""Half the width and height of the patch that holds an eye without its brow, in widths of the face."""

# --- faces ----------------------------------------------------------------------------------------


def face_shares(frames: Sequence[Frame]) -> tuple[float | None, float | None]:
    """Share of frames with a face, and of those the share in which the largest is whole."""
    if not frames:
        return None, None
    largest = [max(frame.faces, key=lambda face: face.box.area) for frame in frames if frame.faces]
    if not largest:
        return 0.0, None
    return len(largest) / len(frames), sum(whole(face.box) for face in largest) / len(largest)


def good_times(frames: Sequence[Frame], lights: Iterable[Picture], most: int = 5) -> tuple[float, ...]:
    """Up to ``most`` times for a still picture, the best first: a large whole face with open eyes.

    ``lights`` are the pictures that ``frames`` were seen in. Without a whole face some times are given that
    lie evenly over the clip.
    """
    merits = []
    for frame, light in zip(frames, lights, strict=False):
        largest = max(frame.faces, key=lambda face: face.box.area, default=None)
        if largest and whole(largest.box, margin=0):
            merits.append((eye_contrast(light, largest) * largest.box.height**0.5, frame.time))
    if merits:
        return tuple(time for _, time in sorted(merits, reverse=True)[:most])
    return tuple(frames[len(frames) * (2 * at + 1) // (2 * most)].time for at in range(most) if frames)


def eye_contrast(light: Picture, face: Face) -> float:
    """How much light and dark there is at the eyes: open ones have whites and pupils, closed ones are skin.

    Of the two eyes the lesser counts, so that a face in front view is better than a profile.
    """
    high, wide = light.shape
    across, down = EYE_ACROSS * face.box.width * wide, EYE_DOWN * face.box.width * wide
    patches = [
        light[max(0, int(y * high - down)) : int(y * high + down) + 1,
              max(0, int(x * wide - across)) : int(x * wide + across) + 1]
        for x, y in face.landmarks[:2]
    ]  # fmt: skip
    return min((float(patch.std()) if patch.size else 0.0 for patch in patches), default=0.0)


def whole(box: Box, margin: float = 0.02) -> bool:
    """Whether a face's box lies inside the picture, ``margin`` of its width being the detector's own blur."""
    return (
        box.x >= -margin
        and box.y >= -margin
        and box.x + box.width <= 1 + margin
        and box.y + box.height <= 1 + margin
    )


# --- captions -------------------------------------------------------------------------------------


def ink_box(before: Picture, after: Picture) -> Box | None:
    """Where captions changed the picture, in shares of the frame."""
    changed = np.abs(before.astype(np.int16) - after.astype(np.int16)) > _INK
    if not changed.any():
        return None
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    high, wide = changed.shape
    return Box(
        float(columns[0] / wide),
        float(rows[0] / high),
        float((columns[-1] + 1 - columns[0]) / wide),
        float((rows[-1] + 1 - rows[0]) / high),
    )


def around(boxes: Sequence[Box]) -> Box | None:
    """The smallest box around all."""
    if not boxes:
        return None
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right = max(box.x + box.width for box in boxes)
    bottom = max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


def inside_safe_area(ink: Box, area: SafeArea, canvas: Canvas) -> bool:
    """Whether all ink is clear of what apps cover, to one pixel of the small pictures.

    The area is given for 1080x1920 and goes with the width on other canvases.
    """
    unit = canvas.width / 1080
    blur = 1 / 180
    return (
        ink.x >= area.left * unit / canvas.width - blur
        and ink.y >= area.top * unit / canvas.height - blur
        and ink.x + ink.width <= 1 - area.right * unit / canvas.width + blur
        and ink.y + ink.height <= 1 - area.bottom * unit / canvas.height + blur
    )


# --- calm -----------------------------------------------------------------------------------------

_MOVES = 0.004
"""Share of the width between two samples that counts as a move: 0.7 of 180 pixels, what a still picture
with a talking face never reached."""

_MOVE_SAMPLES = 2
"""Samples one way that make a move: the shortest move lasts 0.5 s, a nod of a large face one sample."""

_ROWS, _COLUMNS = 4, 3
_REACH = 60  # pixels that a block is looked for to each side: the fastest moves make 45 between two samples
_SPREAD = 1.5  # pixels by which blocks may differ that move with the window
_SURE = 0.7  # correlation below which a block has not been found again
_TEXTURE = 1.0  # levels of slope without which a block could be anywhere


def calm(shifts: Sequence[float | None], *, per_second: float) -> Calm | None:
    """The behaviour of the window from sideways shifts between samples (None: a cut), shares of the width."""
    known = [shift for shift in shifts if shift is not None]
    if not known:
        return None
    ways = [0 if shift is None or abs(shift) <= _MOVES else (1 if shift > 0 else -1) for shift in shifts]
    runs = [(way, len(list(run))) for way, run in groupby(ways)]
    moves = [length for way, length in runs if way and length >= _MOVE_SAMPLES]
    return Calm(len(moves) / (len(shifts) / per_second / 60), 1 - sum(moves) / len(known))


def shift_between(before: Picture, after: Picture) -> float | None:
    """How far the background moved sideways, as a share of the width; None when it is another picture.

    Blocks of the old picture are looked for in the new one. When the window moves, most move by the same;
    where three or more in ten stand still, or each goes its own way, it is people who move.
    """
    found = list(_block_shifts(before, after))
    sure = [shift for shift in found if shift is not None]
    if len(sure) < max(1, len(found) / 4):
        return None if found else 0.0
    still = sum(abs(shift) <= _MOVES * before.shape[1] for shift in sure)
    common = float(np.median(sure))
    alike = sum(abs(shift - common) <= _SPREAD for shift in sure)
    moves = still < 0.3 * len(sure) and alike >= 0.6 * len(sure)
    return common / before.shape[1] if moves else 0.0


def _block_shifts(before: Picture, after: Picture) -> Iterator[float | None]:
    """Pixels that each block with texture moved; None for one that is not there any more."""
    high, wide = before.shape[0] // _ROWS, before.shape[1] // _COLUMNS
    for row in range(_ROWS):
        rows = slice(row * high, (row + 1) * high)
        old, new = (np.diff(picture[rows].mean(axis=0)) for picture in (before, after))
        for column in range(_COLUMNS):
            block = old[column * wide : (column + 1) * wide - 1]
            if block.std() >= _TEXTURE:
                yield _found_at(block, new, column * wide)


def _found_at(block: NDArray[np.float64], strip: NDArray[np.float64], place: int) -> float | None:
    """How far from ``place`` in the strip the block is found, to a part of a pixel."""
    first, last = max(0, place - _REACH), min(len(strip) - len(block), place + _REACH)
    views = np.lib.stride_tricks.sliding_window_view(strip, len(block))[first : last + 1]
    flat = views - views.mean(axis=1, keepdims=True)
    sizes = np.sqrt((flat * flat).sum(axis=1)) * len(block) ** 0.5 * block.std()
    scores = flat @ (block - block.mean()) / np.maximum(sizes, 1e-9)
    best = int(scores.argmax())
    if scores[best] < _SURE:
        return None
    return first + best + _peak(scores[best - 1 : best + 2]) - place


def _peak(three: NDArray[np.float64]) -> float:
    """Where between its neighbours a maximum lies, by the parabola through the three."""
    if len(three) < 3:
        return 0.0
    bend = three[0] - 2 * three[1] + three[2]
    return float((three[0] - three[2]) / (2 * bend)) if bend < 0 else 0.0


# --- sound ----------------------------------------------------------------------------------------


def edges_quiet(samples: NDArray[np.float32], rate: int) -> tuple[bool | None, bool | None]:
    """Whether the first and the last 60 ms are quiet against the speech between; None without sound."""
    block = rate // 50
    count = len(samples) // block
    if count < 10:
        return None, None
    loud = np.sqrt((samples[: count * block].reshape(count, block).astype(np.float64) ** 2).mean(axis=1))
    speech = float(np.percentile(loud, 90))
    if speech < 1e-4:
        return None, None
    bound = max(speech / 8, 0.004)
    return bool(loud[:3].max() <= bound), bool(loud[-3:].max() <= bound)
