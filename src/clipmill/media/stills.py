"""A still picture of a finished clip: the sharpest of some moments, as JPEG."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clipmill.media.ffmpeg import run_ffmpeg
from clipmill.media.launcher import Limits

_WIDE, _HIGH = 180, 320
_LOOK_S = 0.12  # no longer: eyes that were open at the time stay so
_LIMITS = Limits(wall_s=120, cpu_s=60)


def thumbnail(ffmpeg: Path, clip: Path, at: Sequence[float], target: Path, *, cwd: Path) -> float:
    """Write the sharpest picture at the few times ``at`` (seconds of the clip) to ``target``; its time.

    Sharp means the most fine detail: a blink of motion blur or a fade loses. ``target`` lies in ``cwd``, a
    scratch folder, and may be half written when this fails. Raises ToolError.
    """
    best, sharpness = 0.0, -1.0
    for time in at or (0.0,):
        for moment, value in _sharpness(ffmpeg, clip, max(0.0, time - _LOOK_S / 2), cwd):
            if value > sharpness:
                best, sharpness = moment, value
    arguments = (
        *("-y", "-ss", f"{best:.4f}", "-i", f"file:{clip}", "-frames:v", "1", "-an"),
        *("-vf", "scale=out_range=pc,format=yuvj420p", "-q:v", "3"),
        *("-f", "image2", "-update", "1", target.name),
    )
    run_ffmpeg(ffmpeg, arguments, cwd=cwd, reads=(clip,), limits=_LIMITS)
    return best


def _sharpness(ffmpeg: Path, clip: Path, start: float, cwd: Path) -> list[tuple[float, float]]:
    arguments = (
        *("-ss", f"{start:.4f}", "-t", str(_LOOK_S), "-i", f"file:{clip}", "-an"),
        *("-vf", f"fps=10,scale={_WIDE}:{_HIGH}:flags=area,format=gray", "-f", "rawvideo", "pipe:1"),
    )
    with tempfile.TemporaryFile(dir=cwd) as raw:
        run_ffmpeg(ffmpeg, arguments, cwd=cwd, reads=(clip,), stdout=raw.fileno(), limits=_LIMITS)
        raw.seek(0)
        frames = np.frombuffer(raw.read(), np.uint8).reshape(-1, _HIGH, _WIDE)
    return [(start + number / 10, _detail(frame)) for number, frame in enumerate(frames)]


def _detail(frame: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of a gray picture."""
    light = frame.astype(np.float64)
    edges = light[:-2, 1:-1] + light[2:, 1:-1] + light[1:-1, :-2] + light[1:-1, 2:] - 4 * light[1:-1, 1:-1]
    return float(edges.var())
