"""What a render costs over a bare ffmpeg that cuts, crops, scales and encodes with the same settings."""

import resource
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
from clipmill.editing.canvas import canvas_for
from clipmill.editing.command import Encoding
from clipmill.media.encode import Kit, encode
from clipmill.media.probe import probe
from clipmill.model import CropKey, CropPath, Edit, Framing, Layout, Media, Scene, Span

from bench.table import Row

RUNS = 5
MOST_RENDER = 1.14
START, SECONDS = 2.0, 60

_STYLE = "Style: A,DejaVu Sans,90,&H00FFFFFF,&H0000FFFF,&H00000000,&H00000000,1,0,1,6,0,2,150,200,520,1"
_HEAD = f"""[Script Info]
ScriptType: v4.00+
PlayResX: 1080
PlayResY: 1920
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
{_STYLE}

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def measure(portrait: Path, *, runs: int = RUNS, seconds: int = SECONDS) -> list[Row]:
    """One face on a 1080p30 source: the whole of ``encode`` (render, check, quality card) and the run alone.

    ``portrait`` is any video with one face; it is looped and enlarged. Bare and ours take turns.
    """
    ffmpeg = Path(imageio_ffmpeg.get_ffmpeg_exe())
    with tempfile.TemporaryDirectory(prefix="clipmill-bench-") as name:
        folder = Path(name)
        source = one_face_source(ffmpeg, portrait, folder / "source.mp4", seconds + 4)
        media = probe(source, cwd=folder)
        bare, ours = [], []
        for _ in range(runs):
            bare.append(cpu_seconds(lambda: bare_encode(ffmpeg, source, folder / "bare.mp4", seconds)))
            ours.append(cpu_seconds(lambda: _ours(ffmpeg, source, media, folder, seconds)))
    ratio = statistics.median(ours) / statistics.median(bare)
    seen = f"{ratio:.3f}x ({statistics.median(ours):.1f} against {statistics.median(bare):.1f} CPU s)"
    what = f"render, check and quality card of a {seconds} s clip over a bare encode"
    return [Row(what, seen, f"<= {MOST_RENDER}x", ratio <= MOST_RENDER)]


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds that this process and its children take; children must have ended with the work.

    Children of the launcher process count once that is their parent: ``os.times`` would miss them, so the
    whole tree is read from the launcher's accounts in ``Child.cpu_s`` by running the work in a process of
    its own.
    """
    import os

    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    os.close(writer)
    os.close(reader)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    os.waitpid(pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
