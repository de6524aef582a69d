"""Open a file of unknown origin and say what it is, or when the frame that is shown at a time begins.

Everything here runs with no network, no other file and bounded memory, because a file's first reader is
who its maker aims at.
"""

import hashlib
from collections.abc import Iterable
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any

import av

from clipmill.inside import serve
from clipmill.inside.boxes import Claims, claims
from clipmill.inside.damage import UNSPECIFIED, Damage, inspect, is_audible
from clipmill.inside.packets import Times, frame_rate, is_variable, last_before, measure, shown_at
from clipmill.inside.streams import (
    codec,
    corrupt,
    picture,
    refuse_damaged,
    refuse_encrypted,
    refuse_length,
    refuse_many,
    refuse_size,
    sound,
    truncated,
    unreadable,
)

HDR = {16: "pq", 18: "hlg"}  # ITU-T H.273, transfer characteristics


def answer(request: dict[str, Any]) -> Any:
    """Facts of ``source``, or of its sound where it is to ``listen`` to; or, where ``snap`` times are asked
    for, the time of the frame shown at each.
    """
    source = Path(request["source"])
    if "snap" in request:
        return _snapped(source, request)
    return _facts(source, request)


def _open(source: Path, request: dict[str, Any]) -> Any:
    options = {
        "format_whitelist": request["formats"],
        "protocol_whitelist": "file",
        "codec_whitelist": request["codecs"],
        "max_streams": str(2 * request["max_streams"]),  # enough to see that there are too many
        "max_pixels": str(request["max_pixels"]),
    }
    return av.open(f"file:{source}", format=request["format"], metadata_errors="replace", options=options)


def _snapped(source: Path, request: dict[str, Any]) -> list[float]:
    start = request["start"]
    with _open(source, request) as container:
        stream = container.streams[request["index"]]
        found = [shown_at(container, stream, time + start) for time in request["snap"]]
    return [
        _shown_from_the_start(source, request, time) if shown is None else max(0.0, shown - start)
        for time, shown in zip(request["snap"], found, strict=True)
    ]


def _shown_from_the_start(source: Path, request: dict[str, Any], time: float) -> float:
    """As ``shown_at`` for a file that cannot be wound, by reading it; a time before all frames is left."""
    start = request["start"]
    with _open(source, request) as container:
        stream = container.streams[request["index"]]
        shown = last_before(container.demux(stream), time + start, float(stream.time_base))
    return time if shown is None else max(0.0, shown - start)


def _facts(source: Path, request: dict[str, Any]) -> dict[str, Any]:
    said = claims(source) if request["format"] == "mov" else Claims()
    try:
        container = _open(source, request)
    except (av.error.FFmpegError, ValueError) as error:
        raise unreadable(said) from error
    with container:
        if "listen" in request:
            return _recording(source, container, said, request)
        video = picture(container, said, request)
        audio = sound(container, request)
        return _examined(source, container, video, audio, said, request)


def _examined(
    source: Path, container: Any, video: Any, audio: Any, said: Claims, request: dict[str, Any]
) -> dict[str, Any]:
    times = measure(container, [stream for stream in (video, audio) if stream])
    shown = times[video.index]
    if shown.first is None:
        raise truncated() if said.index else corrupt()
    start = (container.start_time or 0) / 1e6
    rate = frame_rate(shown, video.average_rate)
    end = shown.end(rate) - start
    refuse_length(end, request)
    with _open(source, request) as afresh:
        damage = inspect(
            afresh, afresh.streams[video.index], afresh.streams[audio.index] if audio else None, end
        )
    refuse_damaged(damage, said)
    refuse_size(damage.width, damage.height, request)
    heard = audio if audio and damage.audible and times[audio.index].first is not None else None
    warnings = _warnings(container, times, damage, said, heard)
    return {
        "name": source.name,
        "size_bytes": source.stat().st_size,
        "sha256": _digest(source),
        "container": container.format.name.split(",")[0],
        "start": start,
        "duration": end,
        "video": _video_facts(video, shown, damage, rate, start),
        "audio": heard and _audio_facts(heard, times[heard.index], start),
        "warnings": warnings,
    }


def _recording(source: Path, container: Any, said: Claims, request: dict[str, Any]) -> dict[str, Any]:
    refuse_many(container, request)
    refuse_encrypted(said)
    audio = sound(container, request)
    streams = [audio] if audio else list(container.streams.video[:1])
    times = next(iter(measure(container, streams).values()), Times()) if streams else Times()
    if times.first is None:
        raise truncated() if said.index else corrupt()
    start = (container.start_time or 0) / 1e6
    end = times.end() - start
    refuse_length(end, request)
    if audio:
        with _open(source, request) as afresh:
            if not is_audible(afresh, afresh.streams[audio.index]):
                raise corrupt()
    return {"start": start, "duration": end, "audio": audio and _audio_facts(audio, times, start)}


# --- facts ----------------------------------------------------------------------------------------


def _warnings(container: Any, times: dict[int, Times], damage: Damage, said: Claims, heard: Any) -> list[str]:
    found = max(time.end() for time in times.values()) - (container.start_time or 0) / 1e6
    slack = max(1.0, 0.02 * found)
    longest = max(_lengths(container.streams), default=0.0)  # of all, since the index counts subtitles too
    lied_size = said.width * said.height > 4 * damage.width * damage.height
    warnings = {
        "truncated-media": _claimed(container, times) > found + slack,
        "duration-mismatch": said.duration > max(longest, found) + slack,
        "corrupt-media": damage.errors > 0 or said.undescribed or lied_size,
        "no-audio-stream": heard is None,
    }
    return [code for code, is_so in warnings.items() if is_so]


def _claimed(container: Any, times: dict[int, Times]) -> float:
    """How long the streams in use last by their own account, the container's where they give none."""
    lengths = _lengths(container.streams[index] for index in times)
    return max(lengths, default=(container.duration or 0) / 1e6)


def _lengths(streams: Iterable[Any]) -> list[float]:
    return [float(stream.duration * stream.time_base) for stream in streams if stream.duration]


def _video_facts(video: Any, times: Times, damage: Damage, rate: Fraction, start: float) -> dict[str, Any]:
    width, height = damage.width, damage.height
    aspect = _pixel_aspect(video)
    shown = (round(width * aspect), height)
    turned = shown[::-1] if damage.rotation % 180 else shown
    assert times.first is not None
    return {
        "index": video.index,
        "codec": codec(video),
        "width": width,
        "height": height,
        "display_width": turned[0],
        "display_height": turned[1],
        "rotation": damage.rotation,
        "pixel_aspect": str(aspect),
        "frame_rate": str(rate),
        "variable": is_variable(times),
        "interlaced": damage.interlaced,
        "hdr": HDR.get(damage.transfer),
        "pixel_format": damage.pixel_format,
        "start": times.first - start,
        "colours_named": damage.matrix != UNSPECIFIED,
    }


def _audio_facts(audio: Any, times: Times, start: float) -> dict[str, Any]:
    assert times.first is not None
    return {
        "index": audio.index,
        "codec": codec(audio),
        "channels": audio.codec_context.channels,
        "sample_rate": audio.codec_context.sample_rate,
        "language": audio.language or "",
        "start": times.first - start,
    }


def _pixel_aspect(video: Any) -> Fraction:
    aspect = Fraction(video.sample_aspect_ratio or 1)
    sane = isfinite(float(aspect)) and Fraction(1, 8) <= aspect <= 8
    return aspect if sane else Fraction(1)


def _digest(source: Path) -> str:
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    serve(answer)
