"""Carry out one edit in one ffmpeg run, check the result, then give it its name."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

_SCRATCH = ".clipmill-render-"
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

    A hardware encoder that fails is replaced by x264. Raises BudgetError ``disk-full``, UsageError
    ``folder-read-only``, ToolError when ffmpeg fails or the clip is not what was asked for; nothing is
    left behind then.
    """
    part = part_of(target)
    with _said_plainly(target), _removed_on_failure(part), _scratch(target.parent) as folder:
        with tempfile.TemporaryFile(dir=folder) as taps:
            run = Run(edit, source, media, part, folder, taps)
            drawing, encoder = _render(run, kit, lambda share: tick(_RENDER_SHARE * share))
            verify(part, edit, kit=kit, tick=lambda _: tick(_RENDER_SHARE))
            seen = measure_card(part, edit, Taps(drawing, taps), kit=kit, tick=lambda _: tick(_CHECKED_SHARE))
        _publish(part, target)
    tick(1.0)
    fallback = () if encoder is kit.encoding.encoder else ("hardware-encoder-failed",)
    return Rendering(target, seen.card, encoder, seen.good_times, (*seen.degraded, *fallback))


def part_of(target: Path) -> Path:
    """Where a clip is written before it is whole: hidden, in the same folder."""
    return target.with_name(f".{target.stem}.part.mp4")


def sweep_parts(folder: Path) -> int:
    """Remove what renders that were killed left in ``folder``; how many things that were."""
    left = [*folder.glob(".*.part.mp4"), *folder.glob(f"{_SCRATCH}*")]
    for path in left:
        _remove(path)
    return len(left)


# --- the run --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Run:
    """One edit on its way: from where, to where, with its scratch folder and the file of small pictures."""

    edit: Edit
    source: Path
    media: Media
    part: Path
    folder: Path
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
    edit, encoding = run.edit, kit.encoding
    inside = f"{run.folder.name}/"
    drawing = graph(edit, run.media, folder=inside, upload=upload_filter(encoding.encoder))
    _lay_out(run.folder, kit.fonts, edit, drawing)
    arguments = encode_arguments(
        edit,
        drawing,
        source=input_arguments(run.source.resolve()),
        graph_file=f"{inside}graph.txt",
        target=run.part.name,
        encoding=encoding,
    )
    run_ffmpeg(
        kit.ffmpeg,
        arguments,
        cwd=run.part.parent,
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


def _publish(part: Path, target: Path) -> None:
    """Give a clip its name so that it survives a power cut, whole or not at all."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=parent))
    try:
        yield folder
    finally:
        _remove(folder)


@contextmanager
def _removed_on_failure(part: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _remove(part)
        raise


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


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
