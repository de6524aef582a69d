"""Sound samples of a source on a pipe, and how lively each of its seconds is."""

import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clipmill.media.ffmpeg import GLOBAL, input_arguments
from clipmill.media.launcher import Child, Command, Limits, Tick, launch
from clipmill.model import Media, Recording, Span

SAMPLE_RATE = 16_000
"""Samples a second of the sound that models hear."""

BLOCK_BYTES = 60 * SAMPLE_RATE * 2
"""A minute of sound."""

_Row = npt.NDArray[np.float64]


def sound_to(
    ffmpeg: Path,
    source: Path,
    media: Media | Recording,
    *,
    cwd: Path,
    stdout: int | None = None,
    span: Span | None = None,
) -> Child:
    """Start a child that writes the source's sound as 16 kHz mono s16le to ``stdout``, or to its own pipe.

    The first sample is that of ``span.start`` (or of time 0), silence where the sound starts later, so
    sample n is heard n / 16,000 s after it. The caller waits for the child and stops it. ``media`` has sound.
    """
    if media.audio is None:
        raise ValueError(f"{source.name} has no sound")
    seek = () if span is None else ("-ss", f"{span.start:.6f}", "-t", f"{span.length:.6f}")
    arguments = (
        *(*seek, *input_arguments(source.absolute()), "-map", f"0:{media.audio.index}", "-vn", "-sn", "-dn"),
        *("-af", f"aresample={SAMPLE_RATE}:async=1:first_pts=0", "-ac", "1", "-f", "s16le", "pipe:1"),
    )
    return _decoder(ffmpeg, source, media, arguments, cwd=cwd, stdout=stdout)


def sound_hash(ffmpeg: Path, source: Path, media: Media | Recording, *, cwd: Path, tick: Tick) -> str:
    """The SHA-256 of the sound that models hear: files of one hash sound the same, at the same times.

    It does not change with the name, the container or the picture. About 9 CPU seconds an hour of mono AAC.
    ``tick`` is called as it goes, with a share of 0. ``media`` has sound.
    """
    digest = hashlib.sha256()
    with sound_to(ffmpeg, source, media, cwd=cwd) as child:
        assert child.stdout is not None
        while block := child.stdout.read(BLOCK_BYTES):
            digest.update(block)
            tick(0.0)
        child.wait()
    return digest.hexdigest()


def activity(ffmpeg: Path, source: Path, media: Media, *, cwd: Path) -> tuple[float, ...]:
    """How lively each second of the source is, 0 to 1: what to choose by where nobody speaks.

    Half of it is sound (how loud it is for this source, and how much that changes), half is picture (how
    much it changes from key frame to key frame); all of it is picture where there is no sound. Key frames
    alone are decoded: about 1 CPU second a minute of 1080p.
    """
    seconds = max(1, ceil(media.duration - 0.05))
    picture = _picture_change(ffmpeg, source, media, seconds, cwd)
    if media.audio is None:
        return tuple(_calmed(picture))
    level = _levels(ffmpeg, source, media, seconds, cwd)
    sound = (_share_of_top(_loudness(level)) + _share_of_top(_change(level))) / 2
    return tuple(_calmed((sound + picture) / 2))


# --- picture --------------------------------------------------------------------------------------

WIDTH, HEIGHT = 32, 18
"""Small enough that noise does not count as change."""
NOISE = 2.0
"""A change a second of 2 of 255 is no more than slow light."""


def _picture_change(ffmpeg: Path, source: Path, media: Media, seconds: int, cwd: Path) -> _Row:
    with tempfile.TemporaryDirectory(dir=cwd, prefix=".keys-") as folder:
        marked = "metadata=mode=add:key=at:value=0,metadata=mode=print:key=at:file=times.txt"
        drawn = f"scale={WIDTH}:{HEIGHT}:flags=area,format=gray,{marked}"
        arguments = (
            *("-skip_frame", "nokey", *input_arguments(source.absolute()), "-map", f"0:{media.video.index}"),
            *("-an", "-sn", "-dn", "-vf", drawn, "-fps_mode", "passthrough", "-f", "rawvideo", "pipe:1"),
        )
        with _decoder(ffmpeg, source, media, arguments, cwd=Path(folder), stdout=None) as child:
            changes = _changes(_blocks(child, WIDTH * HEIGHT))
            child.wait()
        times = _key_times(Path(folder, "times.txt").read_text(errors="replace"))
    count = min(len(times), len(changes))
    return _share_of_top(change_a_second(times[:count], changes[:count], seconds), least=NOISE)


def _changes(blocks: Iterator[bytes]) -> list[float]:
    """The mean change from each frame to the next, 0 to 255; none for the first."""
    before: npt.NDArray[np.int16] | None = None
    changes = []
    for block in blocks:
        frame = np.frombuffer(block, np.uint8).astype(np.int16)
        changes.append(0.0 if before is None else float(np.abs(frame - before).mean()))
        before = frame
    return changes


def _key_times(printed: str) -> list[float]:
    return [float(time) for time in re.findall(r"pts_time:(-?[0-9.]+)", printed)]


def change_a_second(times: Sequence[float], changes: Sequence[float], seconds: int) -> _Row:
    """How much the picture changes in each second, from its changes up to each time."""
    if len(times) < 2:
        return np.zeros(seconds)
    return np.diff(np.interp(np.arange(seconds + 1), times, np.cumsum(changes)))


# --- sound ----------------------------------------------------------------------------------------

LEVELS_A_SECOND = 10
QUIETEST_DB = -60.0


def _levels(ffmpeg: Path, source: Path, media: Media, seconds: int, cwd: Path) -> _Row:
    """Ten levels a second in dB under full scale, silence where the sound has ended."""
    samples = SAMPLE_RATE // LEVELS_A_SECOND
    levels = []
    with sound_to(ffmpeg, source, media, cwd=cwd) as child:
        for block in _blocks(child, 2 * samples):
            power = np.square(np.frombuffer(block, "<i2").astype(np.float64) / 32768).mean()
            levels.append(max(QUIETEST_DB, 10 * np.log10(power + 1e-12)))
        child.wait()
    row = np.full(seconds * LEVELS_A_SECOND, QUIETEST_DB)
    row[: len(levels)] = levels[: len(row)]
    return row.reshape(seconds, LEVELS_A_SECOND)


def _loudness(level: _Row) -> _Row:
    """dB above the quiet parts of this source."""
    means = level.mean(axis=1)
    above: _Row = np.maximum(0.0, means - np.percentile(means, 10))
    return above


def _change(level: _Row) -> _Row:
    """dB that the level moves from tenth to tenth of a second."""
    steps = np.abs(np.diff(level.reshape(-1), prepend=level[0, 0]))
    moved: _Row = steps.reshape(level.shape).mean(axis=1)
    return moved


# --- both -----------------------------------------------------------------------------------------


def _share_of_top(row: _Row, *, least: float = 1.0) -> _Row:
    """The row as shares of its 95th percentile, so that one bang does not flatten the rest."""
    return np.minimum(1.0, row / max(least, float(np.percentile(row, 95))))


def _calmed(row: _Row) -> Sequence[float]:
    """Each second with its neighbours."""
    padded = np.pad(row, 1, mode="edge")
    return [float(value) for value in (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4]


def _blocks(child: Child, size: int) -> Iterator[bytes]:
    assert child.stdout is not None
    while len(block := child.stdout.read(size)) == size:
        yield block


def _decoder(
    ffmpeg: Path,
    source: Path,
    media: Media | Recording,
    arguments: tuple[str, ...],
    *,
    cwd: Path,
    stdout: int | None,
) -> Child:
    """Start ffmpeg; it decodes far faster than the source lasts, but waits for a slower reader."""
    limits = Limits(wall_s=600 + 10 * media.duration, cpu_s=60 + ceil(media.duration))
    argv = (str(ffmpeg), *GLOBAL, *arguments)
    return launch(Command("ffmpeg", argv, cwd, reads=(source.absolute(),), limits=limits), stdout=stdout)
