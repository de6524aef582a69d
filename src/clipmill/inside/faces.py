"""Finds faces, coarse cuts, motion and fine detail in small raw frames that come in on stdin."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from clipmill.inside import serve, tell
from clipmill.inside.cuts import Cuts
from clipmill.inside.detector import Detector, Floats, Rgb, sample_is_seen
from clipmill.inside.structure import Structure, structure_of

STRUCTURE_EVERY = 5
"""Structure is looked for in every fifth frame: it is about what does not change."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What is seen in the frames on stdin, or in the known sample alone when ``check`` is asked for."""
    detector = Detector(request["width"], request["height"])
    sample_is_seen(Path(request["sample"]))
    if request.get("check"):
        return {}
    size = (request["height"], request["width"], 3)
    return _watch(sys.stdin.buffer, detector, size, request)


def _watch(
    stream: BinaryIO, detector: Detector, size: tuple[int, ...], request: dict[str, Any]
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


if __name__ == "__main__":
    serve(answer)
