"""Measure a finished clip: the small pictures tapped from its render, and its sound."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from clipmill.editing import quality
from clipmill.editing.command import clip_length
from clipmill.editing.filters import Graph, tap_step
from clipmill.editing.quality import Calm, Heard, Picture
from clipmill.editing.window import path_places, stretches
from clipmill.errors import MissingError, ToolError
from clipmill.media.asking import ask
from clipmill.media.ffmpeg import run_ffmpeg
from clipmill.media.kit import Kit
from clipmill.media.launcher import Limits, Tick
from clipmill.media.look import SAMPLE, face_from
from clipmill.media.loudness import parse_loudness
from clipmill.model import Box, Edit, Frame, Layout, QualityCard

FACE_EVERY = 2
"""Every second small picture is searched for faces: 2.5 a second."""

_RATE = 16000
_LIMITS = Limits(wall_s=600, cpu_s=300)


@dataclass(frozen=True, slots=True)
class Taps:
    """The small pictures of one render: the graph that gave them, and the file they are in, as yuv420p."""

    drawing: Graph
    file: BinaryIO


@dataclass(frozen=True, slots=True)
class Seen:
    """The quality card, the best times for a still (seconds of the clip), and what could not be measured."""

    card: QualityCard
    good_times: tuple[float, ...]
    degraded: tuple[str, ...]


def measure_card(clip: Path, edit: Edit, taps: Taps, *, kit: Kit, tick: Tick) -> Seen:
    """What a viewer would see and hear in ``clip``.

    From the decisions that led to it is taken only when the window was to move: how far is measured.
    A face model that dies leaves its figures ``None`` and the code ``faces-not-measured``.
    """
    per_second = float(edit.canvas.frame_rate / tap_step(edit.canvas.frame_rate))
    calm, ink = _look(taps, per_second, _told_to_move(edit))
    tick(0.3)
    heard = listen_to(clip, kit=kit)
    tick(0.5)
    frames, degraded = _find_faces(taps, per_second, kit)
    card = _card(clip, edit, kit, (calm, ink, heard, frames))
    lights = (_halves(picture, taps.drawing)[0] for picture in islice(_pictures(taps), 0, None, FACE_EVERY))
    return Seen(card, quality.good_times(frames, lights), degraded)


def _card(
    clip: Path, edit: Edit, kit: Kit, measured: tuple[Calm | None, Box | None, Heard, tuple[Frame, ...]]
) -> QualityCard:
    calm, ink, heard, frames = measured
    area = kit.encoding.safe_area
    seen, inside = quality.face_shares(frames)
    return QualityCard(
        face_seen=seen,
        face_inside=inside,
        moves_per_minute=calm.moves_per_minute if calm else None,
        still=calm.still if calm else None,
        loudness_lufs=heard.loudness_lufs,
        true_peak_db=heard.true_peak_db,
        caption_box=ink,
        caption_safe=quality.inside_safe_area(ink, area, edit.canvas) if ink and area else None,
        start_clean=heard.start_clean,
        end_clean=heard.end_clean,
        duration=clip_length(edit),
        frames=edit.frames,
        size_bytes=clip.stat().st_size,
    )


# --- pictures -------------------------------------------------------------------------------------


def _told_to_move(edit: Edit) -> list[bool]:
    """For each small picture, whether the window stands elsewhere than at the one before.

    Where it was not to move it is the camera that moved, or a person who fills the picture.
    """
    step, places = tap_step(edit.canvas.frame_rate), path_places(edit)
    fitted = [part for part in stretches(edit) if part.layout is Layout.FIT]
    return [
        at >= step
        and places[at - step] != places[at]
        and not any(part.first <= at < part.last for part in fitted)
        for at in range(0, edit.frames, step)
    ]


def _look(taps: Taps, per_second: float, moving: list[bool]) -> tuple[Calm | None, Box | None]:
    """How the window behaved, and the box around all caption ink."""
    shifts: list[float | None] = []
    boxes: list[Box] = []
    before: Picture | None = None
    for picture, moves in zip(_pictures(taps), moving, strict=False):
        plain, drawn = _halves(picture, taps.drawing)
        if before is not None:
            shifts.append(quality.shift_between(before, plain) if moves else 0.0)
        box = quality.ink_box(plain, drawn)
        boxes.extend([box] if box else [])
        before = plain
    return quality.calm(shifts, per_second=per_second), quality.around(boxes)


def _pictures(taps: Taps) -> Iterator[NDArray[np.uint8]]:
    size = 2 * taps.drawing.tap_width * taps.drawing.tap_height * 3 // 2
    taps.file.seek(0)
    while len(raw := taps.file.read(size)) == size:
        yield np.frombuffer(raw, np.uint8)


def _halves(picture: NDArray[np.uint8], drawing: Graph) -> tuple[Picture, Picture]:
    """The light without and with captions."""
    wide, high = drawing.tap_width, drawing.tap_height
    light = picture[: 2 * wide * high].reshape(high, 2 * wide)
    return light[:, :wide], light[:, wide:]


def _find_faces(taps: Taps, per_second: float, kit: Kit) -> tuple[tuple[Frame, ...], tuple[str, ...]]:
    """Faces in the pictures without captions, by the face model in its child."""
    drawing = taps.drawing
    request = {
        "width": drawing.tap_width,
        "height": drawing.tap_height,
        "face_every": 1,
        "expected": drawing.taps // FACE_EVERY,
        "sample": str(SAMPLE),
    }
    with tempfile.TemporaryFile(dir=kit.cwd) as colours:
        for picture in islice(_pictures(taps), 0, None, FACE_EVERY):
            colours.write(_colours(picture, drawing).tobytes())
        colours.seek(0)
        try:
            seen = ask("faces", request, cwd=kit.cwd, reads=(SAMPLE,), stdin=colours.fileno(), limits=_LIMITS)
        except (ToolError, MissingError):
            return (), ("faces-not-measured",)
    step = FACE_EVERY / per_second
    return tuple(_frame(number * step, frame["faces"]) for number, frame in enumerate(seen["frames"])), ()


def _frame(time: float, rows: list[list[float]]) -> Frame:
    return Frame(time, tuple(face_from(row) for row in rows))


def _colours(picture: NDArray[np.uint8], drawing: Graph) -> NDArray[np.uint8]:
    """The half without captions as RGB, from BT.709 yuv420p."""
    wide, high = drawing.tap_width, drawing.tap_height
    light = picture[: 2 * wide * high].reshape(high, 2 * wide)[:, :wide]
    chroma = picture[2 * wide * high :].reshape(2, high // 2, wide)[:, :, : wide // 2]
    u, v = chroma.repeat(2, axis=1).repeat(2, axis=2).astype(np.float32) - 128
    y = (light.astype(np.float32) - 16) * (255 / 219)
    rgb = np.stack([y + 1.793 * v, y - 0.213 * u - 0.533 * v, y + 2.112 * u], axis=-1)
    colours: NDArray[np.uint8] = np.clip(rgb, 0, 255).astype(np.uint8)
    return colours


# --- sound ----------------------------------------------------------------------------------------


def listen_to(clip: Path, *, kit: Kit) -> Heard:
    """Loudness, true peak and quiet edges of a finished clip, in one pass over its sound."""
    chain = "[0:a:0]asplit[loud][edges];[loud]ebur128=peak=true:framelog=quiet[measured]"
    arguments = (
        *("-v", "info", "-vn", "-i", f"file:{clip}", "-filter_complex", chain),
        *("-map", "[measured]", "-f", "null", "-"),
        *("-map", "[edges]", "-ac", "1", "-ar", str(_RATE), "-f", "f32le", "pipe:1"),
    )
    with tempfile.TemporaryFile(dir=kit.cwd) as raw:
        child = run_ffmpeg(
            kit.ffmpeg, arguments, cwd=kit.cwd, reads=(clip,), stdout=raw.fileno(), limits=_LIMITS
        )
        raw.seek(0)
        samples = np.frombuffer(raw.read(), np.float32)
    loudness = parse_loudness(child.stderr_tail())
    start, end = quality.edges_quiet(samples, _RATE)
    return Heard(loudness.lufs, loudness.true_peak_db, start, end)
