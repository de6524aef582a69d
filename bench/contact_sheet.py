"""Draw source frames with the window on them, many on one sheet, to look at with one's own eyes.

python -m bench.contact_sheet SOURCE OUT.png [--layout auto] [--aspect 9:16] [--every 0.5]
"""

import argparse
import subprocess
import tempfile
import zlib
from fractions import Fraction
from pathlib import Path
from struct import pack

import imageio_ffmpeg
import numpy as np

from clipmill.editing.layout import frame_clip
from clipmill.media.look import look, small_size
from clipmill.media.probe import probe
from clipmill.model import Box, CropPath, Framing, Layout, Media, Sighting, Span

FFMPEG = Path(imageio_ffmpeg.get_ffmpeg_exe())
ACROSS = 6


def main() -> None:
    """Look at a source, frame it, and draw both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--layout", default="auto")
    parser.add_argument("--aspect", default="9:16")
    parser.add_argument("--every", type=float, default=0.5)
    parser.add_argument("--longest", type=float, default=60)
    args = parser.parse_args()
    media, sighting, framing = framed(
        args.source, aspect=aspect_of(args.aspect), layout=args.layout, longest=args.longest
    )
    write_png(args.sheet, sheet(args.source, media, sighting, framing, every=args.every))


def aspect_of(text: str) -> Fraction:
    """``9:16`` as a number."""
    wide, high = text.split(":")
    return Fraction(int(wide), int(high))


def framed(
    source: Path, *, aspect: Fraction = Fraction(9, 16), layout: str = "auto", longest: float = 60
) -> tuple[Media, Sighting, Framing]:
    """The facts of a source, what is seen in it, and how it is framed."""
    with tempfile.TemporaryDirectory() as folder:
        media = probe(source, cwd=Path(folder))
        span = Span(0, min(media.duration, longest))
        sighting = look(FFMPEG, source, media, span, cwd=Path(folder))
    return media, sighting, reframed(media, sighting, aspect=aspect, layout=layout)


def reframed(
    media: Media, sighting: Sighting, *, aspect: Fraction = Fraction(9, 16), layout: str = "auto"
) -> Framing:
    """The framing of what was seen."""
    video = media.video
    return frame_clip(
        sighting,
        picture=(video.display_width, video.display_height),
        aspect=aspect,
        layout=layout,
        frame_rate=clip_rate(media),
    )


def clip_rate(media: Media) -> Fraction:
    """The frame rate of the clip: the source's, at most 30."""
    return min(media.video.frame_rate, Fraction(30))


def pictures(source: Path, media: Media, span: Span, rate: Fraction, size: tuple[int, int]) -> np.ndarray:
    """The frames that a clip of this span and rate has, RGB, in the given size."""
    argv = [
        str(FFMPEG), "-nostdin", "-v", "error", "-ss", str(span.start), "-t", str(span.length),
        "-i", str(source), "-map", f"0:{media.video.index}",
        "-vf", f"fps={rate}:start_time=0,scale={size[0]}:{size[1]},format=rgb24", "-f", "rawvideo", "-",
    ]  # fmt: skip
    raw = subprocess.run(argv, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0], 3)


def place_at(path: CropPath, time: float) -> tuple[float, float]:
    """The window's centre at a time."""
    at = max((number for number, key in enumerate(path.keys) if key.time <= time + 1e-6), default=0)
    here = path.keys[at]
    if at + 1 == len(path.keys) or path.keys[at + 1].cut:
        return here.x, here.y
    there = path.keys[at + 1]
    share = max(0.0, time - here.time) / (there.time - here.time)
    return here.x + share * (there.x - here.x), here.y + share * (there.y - here.y)


def window_at(path: CropPath, time: float) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the window at a time, in shares of the frame."""
    x, y = place_at(path, time)
    left = min(max(0.0, x - path.width / 2), 1 - path.width)
    top = min(max(0.0, y - path.height / 2), 1 - path.height)
    return left, top, left + path.width, top + path.height


def shown_at(framing: Framing, time: float) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what the clip shows of the picture at a time, in shares of it."""
    scene = next((s for s in reversed(framing.scenes) if s.span.start <= time + 1e-6), framing.scenes[0])
    if scene.layout is Layout.FILL:
        return window_at(framing.path, time)
    view = scene.view or Box(0, 0, 1, 1)
    return view.x, view.y, view.x + view.width, view.y + view.height


def sheet(source: Path, media: Media, sighting: Sighting, framing: Framing, *, every: float) -> np.ndarray:
    """Frames with the faces found (green) and the window (yellow; none where the whole picture is fitted)."""
    rate = clip_rate(media)
    size = small_size(media.video)
    half = (size[0] // 2, size[1] // 2)
    frames = pictures(source, media, sighting.span, rate, half)
    step = max(1, round(every * rate))
    cells = []
    for number in range(0, len(frames), step):
        time = sighting.span.start + number / float(rate)
        cell = frames[number].copy()
        seen = min(sighting.frames, key=lambda frame: abs(frame.time - time), default=None)
        for face in seen.faces if seen else ():
            box = face.box
            _draw(cell, (box.x, box.y, box.x + box.width, box.y + box.height), (0, 255, 0))
        window = shown_at(framing, time)
        if window != (0, 0, 1, 1):
            outside = np.ones(cell.shape[:2], bool)
            x0, y0, x1, y1 = _pixels(cell, window)
            outside[y0:y1, x0:x1] = False
            cell[outside] //= 2
            _draw(cell, window, (255, 230, 0))
        cells.append(np.pad(cell, ((2, 2), (2, 2), (0, 0))))
    blank = np.zeros_like(cells[0])
    cells += [blank] * (-len(cells) % ACROSS)
    rows = [np.concatenate(cells[at : at + ACROSS], axis=1) for at in range(0, len(cells), ACROSS)]
    return np.concatenate(rows)


def _pixels(cell: np.ndarray, box: tuple[float, ...]) -> tuple[int, int, int, int]:
    high, wide = cell.shape[:2]
    x0, y0, x1, y1 = box
    return (
        max(0, round(x0 * wide)), max(0, round(y0 * high)),
        min(wide, round(x1 * wide)), min(high, round(y1 * high)),
    )  # fmt: skip


def _draw(cell: np.ndarray, box: tuple[float, ...], colour: tuple[int, int, int]) -> None:
    x0, y0, x1, y1 = _pixels(cell, box)
    cell[y0:y1, [x0, max(x0, x1 - 1)]] = colour
    cell[[y0, max(y0, y1 - 1)], x0:x1] = colour


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write an RGB picture."""
    high, wide = picture.shape[:2]
    rows = np.concatenate([np.zeros((high, 1), np.uint8), picture.reshape(high, -1)], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    head = pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 6))
        + chunk(b"IEND", b"")
    )


if __name__ == "__main__":
    main()
