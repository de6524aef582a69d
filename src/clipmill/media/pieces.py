"""The sound of a source for a service that listens: where to cut it, and each piece as a small file."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clipmill.editing.joining import STEP_S, cut_at_pauses
from clipmill.errors import ToolError
from clipmill.media.decode import SAMPLE_RATE, sound_to
from clipmill.media.encode import about_disk
from clipmill.media.ffmpeg import input_arguments, run_ffmpeg
from clipmill.media.launcher import Child, Limits, Tick
from clipmill.model import Media, Recording, Span

STEP_BYTES = 2 * round(STEP_S * SAMPLE_RATE)
"""One step of the levels as 16-bit samples."""

BLOCK_BYTES = 500 * STEP_BYTES
"""Ten seconds of sound: what is in memory at a time."""

PRINT_BYTES = 8
"""What of each step goes into the name of the piece that it is in."""

QUIETEST_DB = -90.0

LONGEST_S = 1200.0
"""No piece is longer: a service may need minutes for it, and a failure costs no more than that."""

FORMS = {
    "ogg": ("libopus", "-b:a", "32k", "-application", "voip", "-compression_level", "5", "-f", "ogg"),
    "m4a": ("aac", "-b:a", "48k", "-f", "ipod"),
}
"""How sound is sent, the smallest first: what ffmpeg is told for each kind of file."""

BYTES_A_SECOND = 7000.0
"""More than any of them takes."""


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound of ``source``, and what it is taken out with; files are made in ``cwd``."""

    ffmpeg: Path
    source: Path
    media: Media | Recording
    cwd: Path


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the sound, and the hash of its samples."""

    span: Span
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """All of a sound in small: its level in dB, and a few bytes that change with it, for each 0.02 s."""

    levels: npt.NDArray[np.float32]
    prints: bytes

    def pieces(self, *, longest_s: float, after: float = 0.0) -> tuple[Piece, ...]:
        """The pieces to send, cut at pauses, from the second ``after`` on."""
        first = round(after / STEP_S)
        spans = cut_at_pauses(self.levels[first:], longest_s=longest_s)
        return tuple(self._piece(Span(span.start + after, span.end + after)) for span in spans)

    def _piece(self, span: Span) -> Piece:
        low, high = round(span.start / STEP_S), round(span.end / STEP_S)
        return Piece(span, hashlib.sha256(self.prints[PRINT_BYTES * low : PRINT_BYTES * high]).hexdigest())


def survey(sound: Sound, *, tick: Tick) -> Survey:
    """Hear all of the sound once, a few seconds at a time. Raises ToolError when it cannot be decoded."""
    levels, prints = [np.zeros(0, np.float32)], bytearray()
    expected = max(1.0, sound.media.duration / STEP_S)
    with sound_to(sound.ffmpeg, sound.source, sound.media, cwd=sound.cwd) as child:
        for block in _blocks(child):
            levels.append(_levels(block))
            for start in range(0, len(block), STEP_BYTES):
                step = block[start : start + STEP_BYTES]
                prints += hashlib.blake2b(step, digest_size=PRINT_BYTES).digest()
            tick(min(1.0, len(prints) / PRINT_BYTES / expected))
        child.wait()
    return Survey(np.concatenate(levels), bytes(prints))


def longest_piece(most_mb: float) -> float:
    """The seconds of sound that fit into a file of so many MB."""
    return max(10.0, min(LONGEST_S, most_mb * 1e6 / BYTES_A_SECOND))


def write_piece(sound: Sound, piece: Piece, form: str, *, tick: Tick) -> Path:
    """The piece as a file of one of ``FORMS``, mono at 16 kHz.

    Raises ToolError when ffmpeg fails, BudgetError ``disk-full`` when that is why.
    """
    target, span, media = sound.cwd / f"piece.{form}", piece.span, sound.media
    if media.audio is None:
        raise ValueError(f"{sound.source.name} has no sound")
    arguments = (
        *("-ss", f"{span.start:.6f}", "-t", f"{span.length:.6f}", *input_arguments(sound.source.absolute())),
        *("-map", f"0:{media.audio.index}", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-ac", "1"),
        *("-af", f"aresample={SAMPLE_RATE}:async=1:first_pts=0", "-c:a", *FORMS[form], "-y", target.name),
    )
    limits = Limits(wall_s=120 + 10 * span.length, cpu_s=60 + int(span.length))
    try:
        run_ffmpeg(
            sound.ffmpeg,
            arguments,
            cwd=sound.cwd,
            reads=(sound.source.absolute(),),
            expected_s=span.length,
            tick=tick,
            limits=limits,
        )
    except ToolError as error:
        raise about_disk(error, target) or error from None
    return target


def _blocks(child: Child) -> Iterator[bytes]:
    """The samples in whole steps; the last is filled up with silence."""
    assert child.stdout is not None
    while block := child.stdout.read(BLOCK_BYTES):
        yield block + bytes(-len(block) % STEP_BYTES)


def _levels(block: bytes) -> npt.NDArray[np.float32]:
    steps = np.frombuffer(block, "<i2").astype(np.float32).reshape(-1, STEP_BYTES // 2) / 32768
    levels: npt.NDArray[np.float32] = np.maximum(
        QUIETEST_DB, 10 * np.log10(np.square(steps).mean(axis=1) + 1e-12)
    )
    return levels
