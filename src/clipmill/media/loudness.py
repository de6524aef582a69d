"""How loud sound is by EBU R 128, and the gain that brings a span to the loudness of the platforms."""

import re
from dataclasses import dataclass
from pathlib import Path

from clipmill.editing.command import seek_arguments
from clipmill.editing.filters import level, listen
from clipmill.media.ffmpeg import input_arguments, run_ffmpeg
from clipmill.media.launcher import Limits, Tick
from clipmill.model import Media, Span

TARGET_LUFS = -14.0
MOST_GAIN_DB = 20.0
SILENT_LUFS = -60.0
"""Below this there is nothing but noise, which is better left alone."""


@dataclass(frozen=True, slots=True)
class Loudness:
    """Integrated loudness in LUFS and true peak in dB; None when the sound is silent."""

    lufs: float | None
    true_peak_db: float | None


def measure_gain(ffmpeg: Path, source: Path, media: Media, span: Span, *, cwd: Path, tick: Tick) -> float:
    """The gain in dB that brings a span to -14 LUFS behind the limiter; 0 for silence, at most 20."""
    if media.audio is None:
        return 0.0
    before = f"[0:{media.audio.index}]{listen(span.length)}"
    heard = _measure(ffmpeg, source, span, f"{before},ebur128=peak=true:framelog=quiet", cwd=cwd)
    tick(0.5)
    if heard.lufs is None or heard.lufs < SILENT_LUFS:
        return 0.0
    gain = min(MOST_GAIN_DB, TARGET_LUFS - heard.lufs)
    if gain + (heard.true_peak_db or 0.0) > -_HEADROOM_DB:
        for _ in range(_ROUNDS):
            chain = f"{before},{level(gain)},ebur128=framelog=quiet"
            limited = _measure(ffmpeg, source, span, chain, cwd=cwd)
            lost = TARGET_LUFS - (limited.lufs or TARGET_LUFS)
            gain = min(MOST_GAIN_DB, gain + lost)
            if abs(lost) < _NEAR_DB:
                break
    tick(1.0)
    return round(gain, 2)


_HEADROOM_DB = 3.0
"""With less room below full scale the limiter takes loudness away, which the gain has to make up for."""

_ROUNDS = 3
_NEAR_DB = 0.2


def _measure(ffmpeg: Path, source: Path, span: Span, chain: str, *, cwd: Path) -> Loudness:
    arguments = (
        *("-v", "info"),
        *seek_arguments(span, span.length),
        *("-vn", *input_arguments(source)),
        *("-filter_complex", f"{chain}[out]", "-map", "[out]", "-f", "null", "-"),
    )
    child = run_ffmpeg(ffmpeg, arguments, cwd=cwd, reads=(source,), limits=Limits(wall_s=300, cpu_s=120))
    return parse_loudness(child.stderr_tail())


def parse_loudness(text: str) -> Loudness:
    """The figures of ebur128's summary."""
    summary = text[text.rfind("Summary:") :]
    lufs = re.search(r"I:\s+(-?[\d.]+|-inf|nan) LUFS", summary)
    peak = re.search(r"Peak:\s+(-?[\d.]+|-inf|nan) dBFS", summary)
    level_lufs = float(lufs[1]) if lufs else float("nan")
    level_peak = float(peak[1]) if peak else float("nan")
    silent = not level_lufs > -70
    return Loudness(None if silent else level_lufs, None if silent or not level_peak > -200 else level_peak)
