"""Functions that make small media whose truth is known."""

import subprocess
from pathlib import Path

FAST = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "64k")
"""How test media are encoded unless the test is about encoding."""


def run(ffmpeg: Path, *arguments: str, cwd: Path | None = None) -> bytes:
    """Run ffmpeg as it comes, without any of our limits; its standard output."""
    command = [str(ffmpeg), "-nostdin", "-v", "error", "-y", *arguments]
    return subprocess.run(command, check=True, capture_output=True, cwd=cwd).stdout


def make_video(ffmpeg: Path, path: Path, *options: str, seconds: float = 2, rate: str = "25") -> Path:
    """A moving test picture of 160x120 with a 440 Hz tone; ``options`` come last and win."""
    run(
        ffmpeg,
        *("-f", "lavfi", "-i", f"testsrc2=size=160x120:rate={rate}:duration={seconds}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"),
        *(*FAST, *options, str(path)),
    )
    return path


def make_silent_video(ffmpeg: Path, path: Path, *options: str, seconds: float = 2) -> Path:
    """A moving test picture of 160x120 without a sound stream."""
    source = ("-f", "lavfi", "-i", f"testsrc2=size=160x120:rate=25:duration={seconds}")
    run(ffmpeg, *source, *FAST, *options, str(path))
    return path


def make_numbered_video(ffmpeg: Path, path: Path, *options: str, frames: int = 90, rate: str = "30") -> Path:
    """Flat grey frames of which frame n has the brightness 16 + 2n, so that each can be told by its looks."""
    grey = f"color=black:size=64x64:rate={rate},format=yuv420p,geq=lum='16+2*N':cb=128:cr=128"
    run(ffmpeg, *("-f", "lavfi", "-i", grey, "-frames:v", str(frames)), *FAST, *options, str(path))
    return path


def number_of(grey: int) -> int:
    """Which frame of ``make_numbered_video`` has this brightness."""
    return round((grey - 16) / 2)


def patch(path: Path, old: bytes, new: bytes, *, skip: int = 0) -> Path:
    """Overwrite bytes of a file, ``skip`` bytes after the first place where ``old`` is found."""
    data = bytearray(path.read_bytes())
    at = data.index(old) + len(old) + skip
    data[at : at + len(new)] = new
    path.write_bytes(data)
    return path
