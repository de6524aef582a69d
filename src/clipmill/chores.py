"""What commands do besides jobs: write down what is said, foresee costs, examine the machine, show looks."""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from clipmill import resources, sourcing, wording
from clipmill.clipfile import CLIP_MB_A_SECOND
from clipmill.doctor import Report, examine
from clipmill.editing.ass import preview_ass
from clipmill.editing.choose import Wanted
from clipmill.editing.export import caption_lines, plain_text, srt, vtt
from clipmill.editing.safe_areas import SAFE_AREAS
from clipmill.editing.styles import STYLES
from clipmill.errors import SourceError, UsageError
from clipmill.local import Display, begin
from clipmill.means import Means, fetching, speech_service
from clipmill.media.captions import write_transcript_json
from clipmill.media.ffmpeg import find_ffmpeg, run_ffmpeg
from clipmill.media.launcher import Limits
from clipmill.media.look import model_sees
from clipmill.media.probe import probe, probe_sound
from clipmill.media.speech import model_hears
from clipmill.model import Canvas, Listing, Media, Recording, Span, Transcript, VideoStream
from clipmill.origins import Origin, origin_of
from clipmill.plan import Options
from clipmill.progress import CLIP_WEIGHT, FETCH_WEIGHT, HEAR_WEIGHT, Show
from clipmill.reach import reach
from clipmill.settings import Settings
from clipmill.studio import Job, Stage, Task
from clipmill.workspace import Workspace, file_stamp, opened

UNSEEN = VideoStream(
    0, "", 0, 0, 0, 0, 0, Fraction(1), Fraction(1), variable=False, interlaced=False, hdr=None,
    pixel_format="", start=0.0,
)  # fmt: skip
"""The picture of a file of which only the sound matters."""

FULL_HD_MB_A_SECOND = 0.4
"""About what a second of 1920x1080 takes at sites that say nothing about sizes: 3.2 Mb/s."""

STDIN_MB = 16 * 1024
"""The most that is read from stdin, in MiB."""


def hear_source(source: str, options: Options, means: Means, display: Display, *, reuse: bool) -> Transcript:
    """All that is said in a file, at an address, or on stdin when ``source`` is ``-``."""
    with (
        tempfile.TemporaryDirectory(prefix="clipmill-") as folder,
        opened(Path(folder)) as work,
        display as show,
    ):
        if source == "-":
            origin = Origin(source, _spooled(work.scratch("stdin")))
        else:
            origin = origin_of(source, means, show)
        return _said_in(origin, origin.job(work, options, reuse=reuse), work, means, show)


def _said_in(origin: Origin, job: Job, work: Workspace, means: Means, show: Show) -> Transcript:
    """The words of a source of which only the sound matters; it may have no picture."""
    run = begin(origin, job, work, means, show)
    run.meter.skip(Stage.SCORE, Stage.ENCODE)
    if job.address:
        tick = partial(run.meter.tell, Task(Stage.DOWNLOAD))
        run.wait_for(lambda: sourcing.fetch_source(run.studio, tick))
    max_s = run.studio.services.max_seconds
    recording = probe_sound(job.source, cwd=work.scratch("probe"), max_duration_s=max_s)
    if recording.audio is None:
        return Transcript("", 0.0, recording.duration, (), "nobody", ("no-audio-stream",))
    sourcing.keep_media(run.studio, _unseen(recording, job.source))
    run.do(Task(Stage.TRANSCRIBE))
    return wording.known_transcript(run.studio)


def _unseen(recording: Recording, file: Path) -> Media:
    """The facts of a file whose picture nobody looks at."""
    stamp = hashlib.sha256(file_stamp(file).encode()).hexdigest()
    size = file.stat().st_size
    return Media(file.name, size, stamp, "", recording.start, recording.duration, UNSEEN, recording.audio)


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


def estimate(source: str, options: Options, means: Means, display: Display) -> dict[str, Any]:
    """What making the clips would take: CPU seconds, minutes on this machine, disk, download, money.

    Of an address only what its site says is looked at.
    """
    with display as show:
        origin = origin_of(source, means, show)
    duration, sound = _length(origin, means)
    clips = Wanted(options.least, options.most, options.count, duration).clips
    seconds = clips * min(duration, (options.least + options.most) / 2)
    who = _who(origin, options, means, sound=sound)
    cpu = (HEAR_WEIGHT * duration if who == "local" else 0.0) + CLIP_WEIGHT * seconds
    listing = origin.listing
    download_mb = _download_mb(listing, means.settings.download_height) if listing else 0.0
    fetching_s = FETCH_WEIGHT * duration if listing else 0.0
    speech = means.settings.speech_usd_a_minute * duration / 60 if who == "api" else 0.0
    return {
        "source_seconds": round(duration, 1),
        "title": listing.title if listing else origin.file.stem if origin.file else "",
        "words": who,
        "clips": clips,
        "cpu_seconds": round(cpu),
        "minutes": round((cpu / min(4, os.cpu_count() or 1) + fetching_s) / 60, 1),
        "disk_mb": round(CLIP_MB_A_SECOND * seconds + download_mb),
        "download_mb": round(download_mb),
        "cost_usd": round(speech, 4),
    }


def _length(origin: Origin, means: Means) -> tuple[float, bool]:
    """The seconds of a source, and whether it has sound as far as is known."""
    if origin.file:
        with tempfile.TemporaryDirectory(prefix="clipmill-") as folder:
            most = means.settings.max_hours * 3600
            media = probe(origin.file, cwd=Path(folder), max_duration_s=most)
        return media.duration, media.audio is not None
    duration = origin.listing.duration if origin.listing else None
    if duration is None:
        raise SourceError(
            "The site does not say how long the video is: make its clips without --dry-run.",
            code="length-unknown",
        )
    return duration, True


def _who(origin: Origin, options: Options, means: Means, *, sound: bool) -> str:
    """Who would find the words: ``given``, ``captions``, ``api``, ``local``, or ``nobody``."""
    if options.transcript:
        return "given"
    if not sound:
        return "nobody"
    if options.transcriber in ("captions", "local", "api"):
        return options.transcriber
    if origin.listing and origin.listing.captions:
        return "captions"
    return "api" if means.settings.speech_url else "local"


def _download_mb(listing: Listing, height: int) -> float:
    """MB that would be fetched: what the site says, else what a picture of that height usually takes."""
    if listing.size_bytes:
        return listing.size_bytes / 1e6
    lines = min(listing.height or height, height)
    return (listing.duration or 0.0) * FULL_HD_MB_A_SECOND * (lines / 1080) ** 2


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
            more=reach(fetching(settings), speech_service(settings), today=date.today()),
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
