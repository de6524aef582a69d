"""What commands do besides jobs: write down what is said, foresee costs, examine the machine, show looks."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from clipmill import resources
from clipmill.clipfile import CLIP_MB_A_SECOND
from clipmill.doctor import Report, examine
from clipmill.editing.ass import preview_ass
from clipmill.editing.choose import Wanted
from clipmill.editing.export import caption_lines, plain_text, srt, vtt
from clipmill.editing.safe_areas import SAFE_AREAS
from clipmill.editing.styles import STYLES
from clipmill.errors import SourceError, UsageError
from clipmill.local import Display, source_file
from clipmill.means import Means
from clipmill.media.captions import write_transcript_json
from clipmill.media.ffmpeg import find_ffmpeg, run_ffmpeg
from clipmill.media.launcher import Limits
from clipmill.media.look import model_sees
from clipmill.media.probe import probe, probe_sound
from clipmill.media.speech import model_hears, transcribe
from clipmill.model import Canvas, Span, Transcript
from clipmill.plan import Options
from clipmill.progress import CLIP_WEIGHT, HEAR_WEIGHT, Meter
from clipmill.settings import Settings
from clipmill.studio import Stage, Task

STDIN_MB = 16 * 1024
"""The most that is read from stdin, in MiB."""


def hear_source(source: str, model: str, language: str, means: Means, display: Display) -> Transcript:
    """All that is said in a file, or on stdin when ``source`` is ``-``."""
    with tempfile.TemporaryDirectory(prefix="clipmill-") as folder, display as show:
        cwd = Path(folder)
        path = _spooled(cwd) if source == "-" else source_file(source)
        meter = Meter(show)
        meter.skip(Stage.SCORE, Stage.ENCODE)
        services = means.services(meter.tell)
        recording = probe_sound(path, cwd=cwd, max_duration_s=services.max_seconds)
        return transcribe(
            services.ffmpeg,
            path,
            recording,
            listening=replace(services.listening, model=model, language=language),
            cwd=cwd,
            tick=lambda share: meter.tell(Task(Stage.TRANSCRIBE), share),
        )


def _spooled(folder: Path) -> Path:
    """Stdin as a file, since media must be read back and forth."""
    path = folder / "stdin"
    left = STDIN_MB * 2**20
    with path.open("wb") as file:
        while block := sys.stdin.buffer.read(min(left, 2**20)):
            file.write(block)
            left -= len(block)
            if left <= 0:
                raise SourceError(f"More than {STDIN_MB} MiB came in on stdin.", code="source-too-large")
    return path


def write_transcript(transcript: Transcript, form: str) -> str:
    """The words as ``json``, ``srt``, ``vtt`` or ``txt``."""
    match form:
        case "srt":
            return srt(caption_lines(transcript))
        case "vtt":
            return vtt(caption_lines(transcript))
        case "txt":
            return plain_text(caption_lines(transcript))
        case _:
            return write_transcript_json(transcript)


def estimate(source: str, options: Options, means: Means) -> dict[str, Any]:
    """What making the clips would take: CPU seconds, minutes on this machine, disk, money."""
    with tempfile.TemporaryDirectory(prefix="clipmill-") as folder:
        media = probe(source_file(source), cwd=Path(folder), max_duration_s=means.settings.max_hours * 3600)
    clips = Wanted(options.least, options.most, options.count, media.duration).clips
    seconds = clips * min(media.duration, (options.least + options.most) / 2)
    heard = 0.0 if options.transcript or media.audio is None else HEAR_WEIGHT * media.duration
    cpu = heard + CLIP_WEIGHT * seconds
    return {
        "source_seconds": round(media.duration, 1),
        "clips": clips,
        "cpu_seconds": round(cpu),
        "minutes": round(cpu / 60 / min(4, os.cpu_count() or 1), 1),
        "disk_mb": round(CLIP_MB_A_SECOND * seconds),
        "cost_usd": 0.0,
    }


_SPANS = TypeAdapter(list[Span])


def read_spans(path: Path) -> list[Span]:
    """Spans from a JSON list of ``{"start", "end"}``; raises UsageError where it is not one."""
    try:
        return _SPANS.validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"The spans {path} cannot be read ({error.strerror}).", code="spans-unreadable"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"The spans {path} cannot be used: {place}: {first['msg']}.", code="spans-wrong"
        ) from None


def check_up(settings: Settings) -> Report:
    """Examine this machine: every program and model is tried once."""
    with tempfile.TemporaryDirectory(prefix="clipmill-") as folder:
        cwd = Path(folder)
        return examine(
            ffmpeg=settings.ffmpeg,
            fonts=resources.FONTS,
            folder=Path.cwd(),
            trials={
                "speech model run": lambda: _tried(lambda: model_hears(cwd=cwd)),
                "face model run": lambda: _tried(lambda: model_sees(cwd=cwd)),
            },
        )


def _tried(trial: Callable[[], None]) -> str:
    trial()
    return "answers as it should on a known sample"


def draw_styles(folder: Path, settings: Settings) -> Iterator[Path]:
    """A picture of each look in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    ffmpeg = find_ffmpeg(settings.ffmpeg).path
    canvas = Canvas(720, 1280, Fraction(30))
    for name, style in STYLES.items():
        metrics = resources.font_metrics(style, "en")
        text = preview_ass(style, measure=metrics, canvas=canvas, safe=SAFE_AREAS["all"])
        if text:
            yield _drawn(ffmpeg, text, canvas, folder / f"{name}.png")


def _drawn(ffmpeg: Path, text: str, canvas: Canvas, target: Path) -> Path:
    with tempfile.TemporaryDirectory(prefix="clipmill-") as scratch:
        cwd = Path(scratch)
        (cwd / "look.ass").write_text(text)
        shutil.copytree(resources.FONTS, cwd / "fonts")
        back = f"gradients=s={canvas.width}x{canvas.height}:c0=0x3a4a5c:c1=0x11151c:n=2:d=3:speed=0.00001"
        arguments = ("-f", "lavfi", "-i", back, "-ss", "1.5", "-vf", "ass=look.ass:fontsdir=fonts")
        run_ffmpeg(
            ffmpeg,
            (*arguments, "-frames:v", "1", "-y", "look.png"),
            cwd=cwd,
            limits=Limits(wall_s=60, cpu_s=60),
        )
        shutil.copyfile(cwd / "look.png", target)
    return target
