"""Where the cuts are, to the frame: all frames around a suspected cut are compared with each other."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from clipmill.media.ffmpeg import GLOBAL, input_arguments
from clipmill.media.launcher import Command, Limits, launch
from clipmill.model import Media

AROUND_S = 0.3
"""Seconds before and after a suspected cut in which it is looked for: frames were sampled every 0.1 s, some
left undecoded."""

TOGETHER_S = 2.5
"""Suspects nearer to each other than this share one decode: each of its own would start at a keyframe, some
seconds before, and decode most of that again."""

EARLY_S = 10.0
"""How much earlier a second try starts where a seek landed too late."""

SHARP = 3.0
"""How many times the usual change around it the change at a cut is."""

LEAST = 4.0
"""Least change of a cut, as a percentage of full scale (scdet's mafd)."""


def exact_cuts(
    ffmpeg: Path, source: Path, media: Media, suspects: Iterable[float], *, cwd: Path
) -> tuple[float, ...]:
    """The time of the first frame after each cut, for those suspects that are cuts."""
    found: list[float] = []
    for group in _together(sorted(suspects)):
        changes = frame_changes(ffmpeg, source, media, (group[0], group[-1]), cwd=cwd)
        for suspect in group:
            if found and abs(suspect - found[-1]) < AROUND_S:
                continue
            cut = exact_cut([change for change in changes if abs(change[0] - suspect) <= AROUND_S])
            if cut is not None and cut not in found:
                found.append(cut)
    return tuple(found)


def _together(suspects: Sequence[float]) -> list[list[float]]:
    """The suspects in groups of which each is decoded at once."""
    groups: list[list[float]] = []
    for suspect in suspects:
        if groups and suspect - groups[-1][-1] <= TOGETHER_S:
            groups[-1].append(suspect)
        else:
            groups.append([suspect])
    return groups


def exact_cut(changes: list[tuple[float, float]]) -> float | None:
    """The time of the one frame that differs from its predecessor far more than the others do, if any.

    ``changes`` are times and changes, the latter as percentages.
    """
    if len(changes) < 3:
        return None
    time, most = max(changes, key=lambda change: change[1])
    usual = median(change for _, change in changes[1:])
    return time if most > max(LEAST, SHARP * usual) else None


def frame_changes(
    ffmpeg: Path, source: Path, media: Media, about: tuple[float, float], *, cwd: Path
) -> list[tuple[float, float]]:
    """The time of every frame around two times and between them, and how much it differs from the one before,
    in per cent."""
    changes = _changes_after(ffmpeg, source, media, about, early=0, cwd=cwd)
    if not changes or changes[0][0] > about[0] - AROUND_S / 2:
        # A seek in a transport stream may land behind the keyframe that it needs.
        changes = _changes_after(ffmpeg, source, media, about, early=EARLY_S, cwd=cwd)
    return changes


def _changes_after(
    ffmpeg: Path, source: Path, media: Media, about: tuple[float, float], *, early: float, cwd: Path
) -> list[tuple[float, float]]:
    start = max(0.0, about[0] - AROUND_S - early)
    chain = "scale=64:36:flags=area,format=yuv444p,scdet=t=100,metadata=print:file=-"
    argv = (
        str(ffmpeg), *GLOBAL, "-skip_loop_filter", "all",
        "-copyts", "-ss", f"{start:.6f}", "-t", f"{about[1] + AROUND_S - start:.3f}",
        *input_arguments(source), "-map", f"0:{media.video.index}", "-an", "-sn", "-dn",
        "-vf", chain, "-f", "null", "-",
    )  # fmt: skip
    child = launch(Command("ffmpeg", argv, cwd, reads=(source,), limits=Limits(wall_s=120, cpu_s=60)))
    try:
        assert child.stdout is not None
        text = child.stdout.read().decode()
        child.wait()
    finally:
        child.stop()
    return [(time - media.start, change) for time, change in _changes(text)]


def _changes(text: str) -> list[tuple[float, float]]:
    """The times and changes that the metadata filter printed."""
    lines = text.splitlines()
    times = [float(line.partition("pts_time:")[2]) for line in lines if "pts_time:" in line]
    changes = [float(line.partition("=")[2]) for line in lines if line.startswith("lavfi.scd.mafd=")]
    return list(zip(times, changes, strict=True))
