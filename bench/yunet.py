"""YuNet, a face detector that clipmill itself does not use: the judge of its framing."""

from pathlib import Path

import numpy as np
import onnxruntime

SIDE = 640
STEPS = (8, 16, 32)


class Yunet:
    """The judge, from its ONNX file (Wu et al. 2023, Machine Intelligence Research 20)."""

    def __init__(self, model: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def find(self, picture: np.ndarray, *, least: float = 0.7) -> np.ndarray:
        """Rows of x, y, width, height, score in shares of the picture, the best first.

        ``picture`` is RGB, at most 640 pixels on each side.
        """
        high, wide = picture.shape[:2]
        canvas = np.zeros((SIDE, SIDE, 3), np.float32)
        canvas[:high, :wide] = picture[..., ::-1]
        outputs = self._session.run(None, {"input": canvas.transpose(2, 0, 1)[None]})
        named = {info.name: out[0] for info, out in zip(self._session.get_outputs(), outputs, strict=True)}
        rows = np.concatenate([_decoded(named, step) for step in STEPS])
        rows = _distinct(rows[rows[:, 4] > least])
        return rows / np.array([wide, high, wide, high, 1])


def _decoded(named: dict[str, np.ndarray], step: int) -> np.ndarray:
    cells = SIDE // step
    y, x = (axis.ravel() for axis in np.mgrid[:cells, :cells])
    score = np.sqrt(np.clip(named[f"cls_{step}"][:, 0], 0, 1) * np.clip(named[f"obj_{step}"][:, 0], 0, 1))
    box = named[f"bbox_{step}"]
    width, height = np.exp(box[:, 2]) * step, np.exp(box[:, 3]) * step
    left, top = (x + box[:, 0]) * step - width / 2, (y + box[:, 1]) * step - height / 2
    return np.c_[left, top, width, height, score]


def _distinct(rows: np.ndarray, overlap: float = 0.3) -> np.ndarray:
    rows, kept = rows[np.argsort(-rows[:, 4])], []
    for row in rows:
        if all(_shared(row, other) <= overlap for other in kept):
            kept.append(row)
    return np.array(kept).reshape(-1, 5)


def _shared(one: np.ndarray, other: np.ndarray) -> float:
    sides = np.minimum(one[:2] + one[2:4], other[:2] + other[2:4]) - np.maximum(one[:2], other[:2])
    common = float(np.prod(np.clip(sides, 0, None)))
    return common / (one[2] * one[3] + other[2] * other[3] - common)
