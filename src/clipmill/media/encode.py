"""Carry out one edit in one ffmpeg run, check the result, then give it its name."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from clipmill.editing.command import Encoder, clip_length, encode_arguments, upload_filter
from clipmill.editing.filters import Graph, graph
from clipmill.errors import ClipmillError, ToolError, disk_error
from clipmill.media.card import Taps, measure_card
from clipmill.media.ffmpeg import input_arguments, run_ffmpeg
from clipmill.media.kit import Kit as Kit
from clipmill.media.launcher import Tick
from clipmill.media.verify import verify
from clipmill.model import Edit, Media, QualityCard

_RENDER_SHARE, _CHECKED_SHARE = 0.92, 0.94  # of the progress; measuring is the rest


@dataclass(frozen=True, slots=True)
class Rendering:
    """A finished clip: where it is, what was measured on it, and the encoder that made it.

    ``good_times`` are the best seconds of the clip for a thumbnail. ``degraded``
    holds stable codes of what had to be done without.
    """

    clip: Path
    card: QualityCard
    encoder: Encoder
    good_times: tuple[float, ...] = ()
    degraded: tuple[str, ...] = ()


def encode(edit: Edit, source: Path, media: Media, target: Path, *, kit: Kit, tick: Tick) -> Rendering:
    """Render ``edit`` from ``source`` to ``target``, which appears only when it is whole and checked.

    All work is done in a folder of its own inside ``kit.cwd``, which is on the disk of ``target``: several
    renders may have the same target at once. A hardware encoder that fails is replaced by x264. Raises
    BudgetError ``disk-full``, UsageError ``folder-read-only``, ToolError when ffmpeg fails or the clip is
    not what was asked for; nothing is left behind then.
    """
    with _said_plainly(target), _scratch(kit.cwd) as folder:
        part = folder / target.name
        with tempfile.TemporaryFile(dir=folder) as taps:
            run = Run(edit, source, media, part, taps)
            drawing, encoder = _render(run, kit, lambda share: tick(_RENDER_SHARE * share))
            verify(part, edit, kit=kit, tick=lambda _: tick(_RENDER_SHARE))
            seen = measure_card(part, edit, Taps(drawing, taps), kit=kit, tick=lambda _: tick(_CHECKED_SHARE))
        os.replace(part, target)
    tick(1.0)
    fallback = () if encoder is kit.encoding.encoder else ("hardware-encoder-failed",)
    return Rendering(target, seen.card, encoder, seen.good_times, (*seen.degraded, *fallback))


# --- the run --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Run:
    """One edit on its way: from where, to where in its own folder, and the file of small pictures."""

    edit: Edit
    source: Path
    media: Media
    part: Path
    taps: BinaryIO


def _render(run: Run, kit: Kit, tick: Tick) -> tuple[Graph, Encoder]:
    try:
        return _run_once(run, kit, tick), kit.encoding.encoder
    except ToolError:
        if kit.encoding.encoder is Encoder.X264:
            raise
    run.taps.seek(0)
    run.taps.truncate()
    plain = replace(kit, encoding=replace(kit.encoding, encoder=Encoder.X264))
    return _run_once(run, plain, tick), Encoder.X264


def _run_once(run: Run, kit: Kit, tick: Tick) -> Graph:
    edit, encoding, folder = run.edit, kit.encoding, run.part.parent
    drawing = graph(edit, run.media, upload=upload_filter(encoding.encoder))
    _lay_out(folder, kit.fonts, edit, drawing)
    arguments = encode_arguments(
        edit,
        drawing,
        source=input_arguments(run.source.resolve()),
        graph_file="graph.txt",
        target=run.part.name,
        encoding=encoding,
    )
    run_ffmpeg(
        kit.ffmpeg,
        arguments,
        cwd=folder,
        reads=(run.source, kit.fonts),
        expected_s=clip_length(edit),
        tick=tick,
        stdout=run.taps.fileno(),
    )
    return drawing


def _lay_out(folder: Path, fonts: Path, edit: Edit, drawing: Graph) -> None:
    """The files that the graph names: plain names in the scratch folder need no escaping."""
    files = (("graph.txt", drawing.text), ("cap.ass", edit.ass), *drawing.commands)
    for name, text in files:
        (folder / name).write_text(text, encoding="utf-8")
    link = folder / "fonts"
    if not link.is_symlink():
        link.symlink_to(fonts.resolve(), target_is_directory=True)


# --- files ----------------------------------------------------------------------------------------


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="render-", dir=parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _said_plainly(target: Path) -> Iterator[None]:
    """What the system or ffmpeg says about the disk, as errors with a word for people."""
    try:
        yield
    except (OSError, ToolError) as error:
        said = about_disk(error, target)
        if said is None:
            raise
        raise said from error


_DISK_WORDS = (
    ("No space left on device", errno.ENOSPC),
    ("Disk quota exceeded", errno.EDQUOT),
    ("Read-only file system", errno.EROFS),
)


def about_disk(error: OSError | ToolError, target: Path) -> ClipmillError | None:
    """What an error means when the disk is the reason: it is full, or may not be written to."""
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, ToolError):
        number = next((number for words, number in _DISK_WORDS if words in error.detail), None)
    return disk_error(number, target.parent)
