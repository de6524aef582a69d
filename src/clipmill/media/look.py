"""Look at the pictures of one span: its faces, its cuts, where it moves and how much fine detail it has."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipmill.media.asking import ask
from clipmill.media.ffmpeg import GLOBAL, input_arguments
from clipmill.media.launcher import Command, Limits, Tick, launch
from clipmill.media.shots import exact_cuts
from clipmill.model import Box, Face, Frame, Media, Sighting, Span, VideoStream

LONGEST_PX = 480
"""The longer side of the small frames: of 194 frames with faces RetinaFace finds 192 at 480x270."""

FRAME_RATE = 10
"""Small frames a second that are compared for cuts."""

FACE_EVERY = 2
"""Every second of them is searched for faces."""

SKIPS_FROM_RATE = 20
"""From this frame rate on, frames that no other needs are left undecoded: enough remain to choose from."""

LARGE = 0.4
"""Frames that are shrunk to less than this need no deblocking: the same faces are found within half a per
cent of their width, and decoding costs a fifth less."""

SAMPLE = Path(__file__).parents[1] / "data" / "portrait.png"
"""A portrait of Eileen Collins by NASA, in the public domain."""

_TONE_MAP = (
    ",zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv"
)


def look(
    ffmpeg: Path, source: Path, media: Media, span: Span, *, cwd: Path, tick: Tick | None = None
) -> Sighting:
    """What is seen in ``span``, from one small decode of it and a short one around each cut.

    Raises ToolError when ffmpeg or the face model dies, MissingError when the model is not there.
    """
    seen = _seen(ffmpeg, source, media, span, cwd=cwd, tick=tick)
    cuts = exact_cuts(
        ffmpeg, source, media, [span.start + number / FRAME_RATE for number in seen["cuts"]], cwd=cwd
    )
    return sighting_from(seen, span, tuple(cut for cut in cuts if span.start < cut < span.end))


def model_sees(sample: Path = SAMPLE, *, cwd: Path) -> None:
    """Run the face model once on a portrait. Raises ToolError or MissingError when it finds no face."""
    request = {"width": 64, "height": 64, "sample": str(sample), "check": True}
    ask("faces", request, cwd=cwd, reads=(sample,), limits=Limits(wall_s=60, cpu_s=30))


def small_size(video: VideoStream) -> tuple[int, int]:
    """Width and height of the small frames: the shape as shown, even sides, never enlarged."""
    share = min(1.0, LONGEST_PX / longest_side(video))
    return _even(video.display_width * share), _even(video.display_height * share)


def longest_side(video: VideoStream) -> int:
    """The larger of width and height as shown, in pixels."""
    return max(video.display_width, video.display_height)


def _even(side: float) -> int:
    return max(32, round(side / 2) * 2)


def _seen(ffmpeg: Path, source: Path, media: Media, span: Span, *, cwd: Path, tick: Tick | None) -> Any:
    """The answer of the face child, fed by ffmpeg through a pipe of the system."""
    size = small_size(media.video)
    frames, frames_end = os.pipe()
    try:
        decoder = launch(_decoder(ffmpeg, source, media, span, cwd=cwd), stdout=frames_end)
    except BaseException:
        os.close(frames)
        raise
    finally:
        os.close(frames_end)
    request = {
        "width": size[0],
        "height": size[1],
        "face_every": FACE_EVERY,
        "expected": math.ceil(span.length * FRAME_RATE),
        "sample": str(SAMPLE),
    }
    try:
        seen = ask("faces", request, cwd=cwd, reads=(SAMPLE,), stdin=frames, tick=tick, limits=_limits(span))
        decoder.wait()
    finally:
        os.close(frames)
        decoder.stop()
    return seen


def _decoder(ffmpeg: Path, source: Path, media: Media, span: Span, *, cwd: Path) -> Command:
    wide, high = small_size(media.video)
    skip = (
        *(("-skip_frame", "noref") if media.video.frame_rate >= SKIPS_FROM_RATE else ()),
        *(("-skip_loop_filter", "all") if max(wide, high) < LARGE * longest_side(media.video) else ()),
    )
    tone = _TONE_MAP if media.video.hdr else ""
    # Frame n is the last one at or before n / 10 s, so that it shows what a viewer sees at that time.
    chain = f"fps={FRAME_RATE}:start_time=0:round=up,scale={wide}:{high}:flags=area{tone},format=rgb24"
    argv = (
        str(ffmpeg), *GLOBAL, *skip, "-ss", f"{span.start:.6f}", "-t", f"{span.length:.6f}",
        *input_arguments(source), "-map", f"0:{media.video.index}", "-an", "-sn", "-dn",
        "-vf", chain, "-f", "rawvideo", "pipe:1",
    )  # fmt: skip
    return Command("ffmpeg", argv, cwd, reads=(source,), limits=_limits(span))


def _limits(span: Span) -> Limits:
    """Fifty times of what a 1080p source needs."""
    return Limits(wall_s=120 + 30 * span.length, cpu_s=120 + int(10 * span.length))


def sighting_from(seen: Mapping[str, Any], span: Span, cuts: tuple[float, ...]) -> Sighting:
    """The face child's answer as a value."""
    step = FACE_EVERY / FRAME_RATE
    every = (_frame(span.start + number * step, frame) for number, frame in enumerate(seen["frames"]))
    frames = tuple(frame for frame in every if frame.time < span.end)
    detail = sum(frame.detail for frame in frames) / max(1, len(frames))
    motion = tuple(tuple(row) for row in seen["motion"][: len(frames)])
    return Sighting(span, frames, cuts, detail, motion)


def _frame(time: float, seen: Mapping[str, Any]) -> Frame:
    return Frame(time, tuple(face_from(row) for row in seen["faces"]), seen["detail"], tuple(seen["seams"]))


def face_from(row: list[float]) -> Face:
    """One row of the face child's answer as a value."""
    marks = tuple((row[at], row[at + 1]) for at in range(5, 15, 2))
    return Face(Box(*row[:4]), row[4], marks)
