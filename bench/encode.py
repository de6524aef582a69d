"""What a render costs over a bare ffmpeg that cuts, crops, scales and encodes with the same settings."""

import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg

from bench.places import DATA
from bench.table import Row
from clipmill.editing.canvas import canvas_for
from clipmill.media.encode import Kit, encode
from clipmill.media.loudness import measure_gain
from clipmill.media.probe import probe
from clipmill.model import CropKey, CropPath, Edit, Framing, Layout, Media, Scene, Span
from clipmill.resources import FONTS

FFMPEG = Path(imageio_ffmpeg.get_ffmpeg_exe())
PORTRAIT = DATA / "video" / "talking_head_a.mp4"

RUNS = 5
SECONDS = 60
START = 2.0
MOST_RENDER = 1.14

_CAPTIONS = """[Script Info]
ScriptType: v4.00+
PlayResX: 1080
PlayResY: 1920
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, \
BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: A,Montserrat ExtraBold,90,&H00FFFFFF,&H0000FFFF,&H00000000,&H00000000,1,1,6,0,2,150,200,520,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def measure() -> list[Row]:
    """The row of the render itself: one run with its captions, check and quality card, against a bare encode.

    Bare and ours take turns; nothing where the test data is not there.
    """
    if not PORTRAIT.exists():
        return []
    with tempfile.TemporaryDirectory(prefix="clipmill-bench-") as name:
        folder = Path(name)
        source = one_face_source(folder / "talk.mp4", seconds=SECONDS + 5)
        media = probe(source, cwd=folder)
        edit = typical_edit(source, media, folder)
        bare, ours = [], []
        for _ in range(RUNS):
            bare.append(cpu_seconds(lambda: bare_encode(source, folder / "bare.mp4")))
            ours.append(cpu_seconds(lambda: _render(edit, source, media, folder)))
    ratio = statistics.median(ours) / statistics.median(bare)
    seen = f"{ratio:.2f}x ({statistics.median(ours):.0f} against {statistics.median(bare):.0f} CPU-s)"
    what = f"render of a {SECONDS} s clip with moves, captions, check and quality card, over bare ffmpeg"
    return [Row(what, seen, f"<= {MOST_RENDER}x", ratio <= MOST_RENDER)]


def one_face_source(target: Path, *, seconds: float) -> Path:
    """A 1080p30 film of one person before a soft wall, with light grain: a real portrait, looped."""
    chain = (
        "[0:v]fps=30,split[face][wall];"
        "[wall]scale=480:270:force_original_aspect_ratio=increase,crop=480:270,gblur=6,scale=1920:1080[back];"
        "[face]scale=1080:1080[front];[back][front]overlay=420:0,noise=alls=5:allf=t,format=yuv420p[picture]"
    )
    arguments = (
        *("-v", "error", "-y", "-stream_loop", "-1", "-i", str(PORTRAIT), "-filter_complex", chain),
        *("-map", "[picture]", "-map", "0:a", "-t", str(seconds), "-c:v", "libx264", "-preset", "veryfast"),
        *("-crf", "22", "-c:a", "aac", "-ar", "48000", str(target)),
    )
    subprocess.run([FFMPEG, *arguments], check=True, stdin=subprocess.DEVNULL)
    return target


def typical_edit(source: Path, media: Media, folder: Path) -> Edit:
    """A minute of one speaker: a small move every ten seconds, and three words on screen all the time."""
    canvas, span = canvas_for("9:16", media), Span(START, START + SECONDS)
    keys = [CropKey(START, 0.5, 0.5)]
    for second in range(10, SECONDS, 10):
        where = 0.52 if second % 20 else 0.49
        keys += [
            CropKey(START + second, keys[-1].x, 0.5),
            CropKey(START + second + 0.6, where, 0.5),
        ]
    framing = Framing((Scene(span, Layout.FILL),), CropPath(607.5 / 1920, 1.0, tuple(keys)))
    lines = (
        f"Dialogue: 0,0:00:{second:02}.00,0:00:{second + 1:02}.90,A,,0,0,0,,"
        "{\\k60}People {\\k60}often {\\k70}know\n"
        for second in range(0, SECONDS - 1, 2)
    )
    gain = measure_gain(FFMPEG, source, media, span, cwd=folder, tick=lambda _: None)
    frames = round(SECONDS * canvas.frame_rate)
    return Edit(span, frames, canvas, framing, _CAPTIONS + "".join(lines), gain)


def bare_encode(source: Path, target: Path, *, seconds: float = SECONDS) -> None:
    """The least that anybody must do: cut, static crop, scale, the same encode."""
    arguments = (
        *("-v", "error", "-y", "-ss", str(START), "-t", str(seconds), "-i", str(source)),
        *("-vf", "crop=608:1080:656:0,scale=1080:1920:flags=bicubic,format=yuv420p"),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-profile:v", "high"),
        *("-g", "60", "-bf", "2", "-maxrate", "12M", "-bufsize", "24M"),
        *("-c:a", "aac", "-b:a", "160k", "-ar", "48000", "-ac", "2"),
        *("-movflags", "+faststart", str(target)),
    )
    subprocess.run([FFMPEG, *arguments], check=True, stdin=subprocess.DEVNULL)


def _render(edit: Edit, source: Path, media: Media, folder: Path) -> None:
    kit = Kit(FFMPEG, FONTS, folder)
    encode(edit, source, media, folder / "clip-01.mp4", kit=kit, tick=lambda _: None)


# --- processor time -------------------------------------------------------------------------------


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time of the work, with that of all its children, which must have ended with it."""
    before = spent()
    work()
    return spent() - before


def spent() -> float:
    """Processor time of this process, of all it waited for, and of its living children and theirs.

    Children of clipmill are waited for by the launcher process, which lives on, so the system's own sum
    for this process lacks them.
    """
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system + _living(os.getpid())


def _living(parent: int) -> float:
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") + _living(int(stat.parent.name))
    return total
