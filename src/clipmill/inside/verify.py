"""Look at a finished clip as a player would: its streams, their lengths, its first and last pictures."""

from itertools import islice
from typing import Any

import av

from clipmill.inside import serve


def verify(request: dict[str, Any]) -> dict[str, Any]:
    """Facts about the clip at ``path``: sizes, counts, seconds, and frames decoded at both ends."""
    with av.open(request["path"]) as clip:
        kinds = [stream.type for stream in clip.streams]
        if sorted(kinds) != ["audio", "video"]:
            return {"streams": kinds}
        video, audio = clip.streams.video[0], clip.streams.audio[0]
        facts = {
            "streams": kinds,
            "codecs": [video.codec_context.name, audio.codec_context.name],
            "width": video.codec_context.width,
            "height": video.codec_context.height,
            "pixel_format": video.codec_context.pix_fmt,
            "frames": video.frames,
            "video_s": float((video.duration or 0) * video.time_base),
            "audio_s": float((audio.duration or 0) * audio.time_base),
        }
        facts["first"] = len(list(islice(clip.decode(video), 1)))
        start = max(0, (video.duration or 0) - int(0.6 / video.time_base))
        clip.seek(start, stream=video)
        facts["last"] = sum(1 for frame in clip.decode(video) if frame.pts is not None and frame.pts >= start)
        return facts


if __name__ == "__main__":
    serve(verify)
