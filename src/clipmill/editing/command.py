"""An edit as the arguments of one ffmpeg run: seek, filter, encode picture and sound, nothing else kept."""

from dataclasses import dataclass
from enum import StrEnum

from clipmill.editing.filters import Graph
from clipmill.editing.window import SEEK_EARLY
from clipmill.model import Canvas, Edit, SafeArea, Span

_COLOUR = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv")
SOUND = (
    *("-c:a", "aac", "-b:a", "160k", "-ar", "48000", "-ac", "2"),
    *("-aac_tns", "0", "-aac_is", "0", "-aac_pns", "0"),
)
"""AAC without the tools that save bits at low rates: they let peaks of loud speech overshoot by 2.4 dB,
measured on a stand-up recording; without them by 0.3."""

_NOTHING_ELSE = ("-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn")


class Encoder(StrEnum):
    """The picture encoders that clipmill knows how to drive."""

    X264 = "libx264"
    NVENC = "h264_nvenc"
    VIDEOTOOLBOX = "h264_videotoolbox"
    QSV = "h264_qsv"
    VAAPI = "h264_vaapi"
    AMF = "h264_amf"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a clip is encoded and checked.

    ``preset`` and ``crf`` are those of x264 (veryfast 18 is the knee: medium costs 2.2 times as much for
    0.3 to 0.7 VMAF). ``threads`` 0 lets the encoder choose. ``verify_full`` decodes the whole clip once more,
    which costs a tenth of the encode. ``safe_area`` is what captions must keep clear of, None for not judged.
    """

    encoder: Encoder = Encoder.X264
    preset: str = "veryfast"
    crf: int = 18
    maxrate_mbit: int = 12
    threads: int = 0
    verify_full: bool = False
    safe_area: SafeArea | None = None


def clip_length(edit: Edit) -> float:
    """Seconds of the finished clip."""
    return float(edit.frames / edit.canvas.frame_rate)


def seek_arguments(span: Span, length: float) -> tuple[str, ...]:
    """Input options that start at the span's first frame and read a little past its last."""
    return ("-ss", f"{max(0.0, span.start - SEEK_EARLY):.6f}", "-t", f"{length + 0.5:.6f}")


def encode_arguments(
    edit: Edit, drawing: Graph, *, source: tuple[str, ...], graph_file: str, target: str, encoding: Encoding
) -> tuple[str, ...]:
    """The arguments of one run: the clip goes to ``target``, the small pictures to stdout.

    ``source`` are the input options and ``-i`` with the source; ``graph_file`` holds ``drawing.text``.
    """
    length = f"{clip_length(edit):.6f}"
    rate = f"{edit.canvas.frame_rate.numerator}/{edit.canvas.frame_rate.denominator}"
    return (
        "-y",
        *device_arguments(encoding.encoder),
        *seek_arguments(edit.span, clip_length(edit)),
        *("-reinit_filter", "0"),
        *source,
        *("-/filter_complex", graph_file),
        *("-map", "[picture]", "-map", "[sound]"),
        *("-frames:v", str(edit.frames), "-t", length, "-r", rate),
        *picture_arguments(encoding, edit.canvas),
        *_COLOUR,
        *SOUND,
        *_NOTHING_ELSE,
        *("-fflags", "+bitexact", "-movflags", "+faststart", "-f", "mp4", target),
        *("-map", "[taps]", "-frames:v", str(drawing.taps), "-fps_mode", "passthrough", "-an"),
        *("-c:v", "rawvideo", "-f", "rawvideo", "pipe:1"),
    )


def picture_arguments(encoding: Encoding, canvas: Canvas) -> tuple[str, ...]:
    """The picture encoder and its quality.

    Those of hardware follow each vendor's documented constant-quality mode; they were never run on such
    hardware, so a failure falls back to x264 (see ``media/encode.py``).
    """
    rate = f"{encoding.maxrate_mbit}M", f"{2 * encoding.maxrate_mbit}M"
    bounds = ("-maxrate", rate[0], "-bufsize", rate[1])
    gop = str(max(2, 2 * round(canvas.frame_rate)))
    quality = str(encoding.crf + 1)
    own: tuple[str, ...]
    match encoding.encoder:
        case Encoder.NVENC:
            own = ("-preset", "p5", "-tune", "hq", "-rc", "vbr", "-cq", quality, "-b:v", "0", "-bf", "2")
            own = (*own, *bounds)
        case Encoder.VIDEOTOOLBOX:
            own = ("-q:v", "65", "-allow_sw", "1")
        case Encoder.QSV:
            own = ("-preset", "veryfast", "-global_quality", quality, "-look_ahead", "0", "-bf", "2")
        case Encoder.VAAPI:
            own = ("-rc_mode", "CQP", "-qp", quality, "-bf", "2")
        case Encoder.AMF:
            own = ("-quality", "quality", "-rc", "cqp", "-qp_i", quality, "-qp_p", quality)
        case Encoder.X264:
            own = ("-preset", encoding.preset, "-crf", str(encoding.crf), "-bf", "2", *bounds)
    threads = ("-threads", str(encoding.threads)) if encoding.threads else ()
    return ("-c:v", encoding.encoder.value, *own, "-profile:v", "high", "-g", gop, *threads)


def device_arguments(encoder: Encoder) -> tuple[str, ...]:
    """Options that open the device of an encoder that wants one."""
    return ("-vaapi_device", "/dev/dri/renderD128") if encoder is Encoder.VAAPI else ()


def upload_filter(encoder: Encoder) -> str:
    """The filter that hands pictures to the encoder's device; empty where none is needed."""
    return "format=nv12,hwupload" if encoder is Encoder.VAAPI else ""
