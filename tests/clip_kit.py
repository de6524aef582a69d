"""Sources whose every frame is known, edits of them, and what a finished clip really shows."""

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np

from clipmill.model import Canvas, CropKey, CropPath, Edit, Framing, Layout, Scene, Span

SIDE = (320, 180)

ASS = """[Script Info]
ScriptType: v4.00+
PlayResX: 1080
PlayResY: 1920
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, \
MarginR, MarginV, Encoding
Style: A,Sans,90,&H00FFFFFF,&H0000FFFF,&H00000000,&H00000000,1,0,0,0,100,100,0,0,1,6,0,2,150,200,520,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.00,0:01:00.00,A,,0,0,0,,{\\an7\\pos(340,1300)\\p1}m 0 0 l 400 0 l 400 100 l 0 100{\\p0}
"""
"""A white bar that needs no font: with its outline x 334 to 746, y 1294 to 1406 of a 1080x1920 frame."""


def counted(ffmpeg: Path, target: Path, *options: str, rate: int = 30, seconds: float = 4) -> Path:
    """A source whose frames tell two things: the upper half by its light which frame it is (modulo 30),
    the lower half by its light how far right one looks. A quiet tone is its sound unless ``-an`` is given."""
    wide, high = SIDE
    ramp = np.linspace(40, 200, wide).astype(np.uint8)
    frames = np.empty((int(seconds * rate), high, wide), np.uint8)
    frames[:, high // 2 :] = ramp
    frames[:, : high // 2] = (40 + 5 * (np.arange(len(frames)) % 30))[:, None, None]
    argv = [ffmpeg, "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{wide}x{high}"]
    argv += ["-r", str(rate), "-i", "pipe:0", "-f", "lavfi", "-i", f"sine=440:duration={seconds}"]
    argv += ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "4", "-g", "50", "-pix_fmt", "yuv420p"]
    argv += ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
    subprocess.run([*argv, *options, target], input=frames.tobytes(), check=True)
    return target


def make(ffmpeg: Path, target: Path, *arguments: str) -> Path:
    """A source made by ffmpeg from ``arguments``."""
    subprocess.run([ffmpeg, "-v", "error", "-y", *arguments, target], check=True)
    return target


def flash_and_beep(ffmpeg: Path, target: Path, *options: str, rate: str = "30") -> Path:
    """Black and silent but for 0.1 s from 1.5 s on, which is white and loud."""
    on = "between(t,1.5,1.599)"
    return make(
        ffmpeg,
        target,
        *("-f", "lavfi", "-i", f"color=black:s=320x180:r={rate}:d=3,drawbox=c=white:t=fill:enable='{on}'"),
        *("-f", "lavfi", "-i", f"aevalsrc='{on}*0.5*sin(2*PI*1000*t)':d=3:s=48000"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-pix_fmt", "yuv420p"),
        *options,
    )


def edit_of(  # noqa: PLR0913 (a test names what it varies)
    span: Span,
    *keys: CropKey,
    width: float = 81 / 256,
    layouts: tuple[tuple[float, Layout], ...] = (),
    rate: Fraction = Fraction(30),
    size: tuple[int, int] = (180, 320),
    ass: str = "",
    gain_db: float = 0.0,
) -> Edit:
    """An edit at 180x320; ``layouts`` are (start, layout), FILL throughout without them."""
    starts = layouts or ((span.start, Layout.FILL),)
    ends = (*(start for start, _ in starts[1:]), span.end)
    scenes = tuple(Scene(Span(start, end), layout) for (start, layout), end in zip(starts, ends, strict=True))
    path = CropPath(width, 1.0, keys or (CropKey(span.start, 0.5, 0.5),))
    frames = round(span.length * rate)
    return Edit(span, frames, Canvas(*size, rate), Framing(scenes, path), ass, gain_db)


def pictures(ffmpeg: Path, clip: Path, size: tuple[int, int] = (18, 32)) -> np.ndarray:
    """The light of every frame of a clip, small, 0 to 255."""
    chain = f"scale={size[0]}:{size[1]}:flags=area,format=yuv420p,extractplanes=y,format=gray"
    argv = [ffmpeg, "-v", "error", "-i", clip, "-vf", chain, "-fps_mode", "passthrough"]
    raw = subprocess.run([*argv, "-f", "rawvideo", "-"], check=True, capture_output=True).stdout
    return (np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0]).astype(float) - 16) * (255 / 219)


def told(ffmpeg: Path, clip: Path) -> tuple[np.ndarray, np.ndarray]:
    """Of a clip of ``counted``: which source frame (modulo 30) each frame is, and where its middle looks."""
    seen = pictures(ffmpeg, clip)
    number = np.round((seen[:, 2:14].mean(axis=(1, 2)) - 40) / 5).astype(int)
    return number, (seen[:, 18:30].mean(axis=(1, 2)) - 40) / 160


def samples(ffmpeg: Path, clip: Path) -> np.ndarray:
    """The sound of a clip, mono at 48 kHz."""
    argv = [ffmpeg, "-v", "error", "-i", clip, "-ac", "1", "-ar", "48000", "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(argv, check=True, capture_output=True).stdout, np.float32)
