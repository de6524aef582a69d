"""Copy a source into a container that ffmpeg can wind to any frame, without touching picture or sound."""

import os
from pathlib import Path

from clipmill.errors import ToolError
from clipmill.media.encode import about_disk
from clipmill.media.ffmpeg import input_arguments, run_ffmpeg
from clipmill.media.launcher import Limits
from clipmill.model import Media

UNWOUND = frozenset(("mpegts", "mpeg", "flv", "avi"))
"""Containers in which ``-ss`` lands up to a group of pictures off, or nowhere: broadcast streams and FLV have
no index, AVI has one but no times of its pictures."""

COPIED = frozenset(
    ("aac", "ac3", "eac3", "mp2", "mp2float", "mp3", "mp3float", "mp1", "mp1float", "dca", "opus", "flac")
)
"""Sound that Matroska holds as it is; the rest is decoded and stored without loss."""

_BYTES_A_SECOND = 20e6
"""The slowest disk that is waited for."""


def remux(ffmpeg: Path, source: Path, media: Media, target: Path, *, cwd: Path) -> None:
    """Leave the picture and sound of ``media`` as Matroska in ``target``, which appears only when whole.

    ``cwd`` is a scratch folder on the same disk. Raises BudgetError ``disk-full``, UsageError
    ``folder-read-only``, or ToolError when ffmpeg fails.
    """
    part = cwd / "source.mkv"
    try:
        run_ffmpeg(
            ffmpeg,
            _arguments(source, media, part.name),
            cwd=cwd,
            reads=(source,),
            limits=_limits(media),
        )
        os.replace(part, target)
    except (OSError, ToolError) as error:
        part.unlink(missing_ok=True)
        said = about_disk(error, target)
        if said is None:
            raise
        raise said from error


def _arguments(source: Path, media: Media, target: str) -> tuple[str, ...]:
    """The sound keeps its place beside the picture: ffmpeg moves both by the same time."""
    sound: tuple[str, ...] = ()
    if media.audio is not None:
        codec = "copy" if media.audio.codec in COPIED else "flac"
        sound = ("-map", f"0:{media.audio.index}", "-c:a", codec)
    packed = ("-bsf:v", "mpeg4_unpack_bframes") if media.video.codec == "mpeg4" else ()  # as DivX did in AVI
    return (
        *("-fflags", "+genpts", *input_arguments(source.absolute())),  # MPEG-PS dates only some pictures
        *("-map", f"0:{media.video.index}", "-c:v", "copy", *packed, *sound),
        *("-sn", "-dn", "-map_metadata", "-1"),
        *("-max_muxing_queue_size", "4096", "-f", "matroska", "-y", target),
    )


def _limits(media: Media) -> Limits:
    seconds = 60 + media.size_bytes / _BYTES_A_SECOND
    megabytes = media.size_bytes / 2**20
    # Sound that is stored without loss takes more room than it did; 10 MiB a minute is stereo at 48 kHz.
    return Limits(wall_s=seconds, cpu_s=int(seconds), file_mb=64 + int(1.2 * megabytes + media.duration / 6))
