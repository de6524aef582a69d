"""Prove that a finished clip is whole, before it gets its name."""

import struct
from pathlib import Path
from typing import Any

from clipmill.editing.command import clip_length
from clipmill.errors import ToolError
from clipmill.media.asking import ask
from clipmill.media.ffmpeg import run_ffmpeg
from clipmill.media.kit import Kit
from clipmill.media.launcher import Limits, Tick
from clipmill.model import Edit

_HEADER = struct.Struct(">I4s")
_AUDIO_SLACK_S = 0.2


def verify(clip: Path, edit: Edit, *, kit: Kit, tick: Tick) -> None:
    """Raise ToolError ``clip-broken`` unless the clip is whole and is what the edit asked for.

    Exit codes prove little: a stopped ffmpeg leaves a valid short file, and a cut file decodes without an
    error. ``Encoding.verify_full`` decodes every frame as well and accepts no damage.
    """
    _demand(boxes_whole(clip), clip, "the file is cut off or its index is not in front")
    facts = ask(
        "verify", {"path": str(clip)}, cwd=kit.cwd, reads=(clip,), limits=Limits(wall_s=120, cpu_s=60)
    )
    for fine, what in judge(facts, edit):
        _demand(fine, clip, what)
    tick(0.5)
    if kit.encoding.verify_full:
        arguments = ("-xerror", "-i", f"file:{clip}", "-f", "null", "-")
        run_ffmpeg(kit.ffmpeg, arguments, cwd=kit.cwd, reads=(clip,), expected_s=clip_length(edit), tick=tick)


def judge(facts: dict[str, Any], edit: Edit) -> tuple[tuple[bool, str], ...]:
    """Each demand on a clip as (met, what it means when it is not)."""
    if facts["streams"] != ["video", "audio"]:
        return ((False, f"its streams are {' and '.join(facts['streams']) or 'none'}"),)
    length, frame = clip_length(edit), float(1 / edit.canvas.frame_rate)
    size = f"{edit.canvas.width}x{edit.canvas.height}"
    return (
        (facts["codecs"] == ["h264", "aac"], f"its codecs are {facts['codecs']}"),
        (f"{facts['width']}x{facts['height']}" == size, f"its picture is not {size}"),
        (facts["pixel_format"] == "yuv420p", f"its pixel format is {facts['pixel_format']}"),
        (facts["frames"] == edit.frames, f"it has {facts['frames']} of {edit.frames} frames"),
        (abs(facts["video_s"] - length) <= frame, f"its picture lasts {facts['video_s']:.3f} s"),
        (abs(facts["audio_s"] - length) <= _AUDIO_SLACK_S, f"its sound lasts {facts['audio_s']:.3f} s"),
        (facts["first"] == 1 and facts["last"] > 0, "its first or last frames cannot be decoded"),
    )


def boxes_whole(clip: Path) -> bool:
    """Whether the boxes of an MP4 cover the whole file, ``moov`` before ``mdat``."""
    size, at, kinds = clip.stat().st_size, 0, []
    with clip.open("rb") as file:
        while at + _HEADER.size <= size:
            file.seek(at)
            length, kind = _HEADER.unpack(file.read(_HEADER.size))
            if length == 1:
                length = int.from_bytes(file.read(8), "big")
            if length < _HEADER.size:
                return False
            kinds.append(kind)
            at += length
    order = [kind for kind in kinds if kind in (b"moov", b"mdat")]
    return at == size and order[:1] == [b"moov"] and b"mdat" in order


def _demand(fine: bool, clip: Path, what: str) -> None:
    if not fine:
        raise ToolError(
            f"The rendered clip {clip.name} is not whole: {what}. Render it again.",
            code="clip-broken",
            detail=what,
        )
