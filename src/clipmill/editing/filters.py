"""An edit as an ffmpeg filter graph, and the window's path as commands to its crop filter."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from clipmill.editing.window import Point, Stretch, Window, crop_commands, stretches, upright, window_of
from clipmill.model import WHOLE, Box, Canvas, Edit, Layout, Media, VideoStream

TAP_WIDTH = 180
"""Pixels across of the small pictures that are measured for the quality card."""

TAPS_PER_SECOND = 5

# Linear light, mapped with mobius, back to BT.709: the recipe that was right on PQ and on HLG material.
_TONE_MAP = (
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
)
# The encoder takes its tags from the frames, so they are put there.
_COLOURS = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"

_FADE = 0.010  # seconds: long enough to take the click out of a cut, too short to hear
_LIMIT = 0.794  # -2.0 dB: AAC adds up to 0.3 dB to the peaks that the limiter leaves


File = tuple[str, str]
"""A name and a text."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A filter graph with the outputs ``[picture]``, ``[taps]`` and ``[sound]``.

    ``commands`` are the files it reads, as (name, text). ``taps`` is how many small pictures it gives: the
    frame without captions and beside it the frame with captions, ``tap_width`` x ``tap_height`` each.
    """

    text: str
    commands: tuple[File, ...]
    taps: int
    tap_width: int
    tap_height: int


def graph(edit: Edit, media: Media, *, folder: str = "", upload: str = "") -> Graph:
    """The whole graph of one clip.

    ``folder`` is put before the names of the files that it reads (``cap.ass``, ``fonts``, ``crop-0.txt``);
    ``upload`` is a filter that hands the picture to a hardware encoder.
    """
    width, height = tap_size(edit.canvas)
    layouts, commands = _layouts(edit, media.video, folder)
    step = tap_step(edit.canvas.frame_rate)
    small = f"select='not(mod(n\\,{step}))',scale={width}:{height}:flags=area"
    captions = f"ass={folder}cap.ass:fontsdir={folder}fonts" if edit.ass else "null"
    text = ";\n".join(
        (
            *layouts,
            "[laid]split[plain][plain_tap]",
            f"[plain]{captions},split[drawn][drawn_tap]",
            f"[drawn]{_COLOURS}{',' + upload if upload else ''}[picture]",
            f"[plain_tap]{small}[left]",
            f"[drawn_tap]{small}[right]",
            "[left][right]hstack,format=yuv420p[taps]",
            sound(edit, media),
        )
    )
    return Graph(text, commands, ceil(edit.frames / step), width, height)


def tap_size(canvas: Canvas) -> Point:
    """Pixels of the small pictures for a canvas."""
    width = min(TAP_WIDTH, canvas.width)
    return width, max(2, 2 * round(width * canvas.height / canvas.width / 2))


def tap_step(rate: Fraction) -> int:
    """One small picture is taken every so many frames."""
    return max(1, round(rate / TAPS_PER_SECOND))


# --- sound ----------------------------------------------------------------------------------------


def sound(edit: Edit, media: Media) -> str:
    """The chain of the sound: exactly as long as the picture, at its gain, without clicks or overshoot."""
    length = float(edit.frames / edit.canvas.frame_rate)
    if media.audio is None:
        return f"anullsrc=r=48000:cl=stereo,atrim=end={length:.6f}[sound]"
    fades = f"afade=t=in:d={_FADE},afade=t=out:st={length - _FADE:.6f}:d={_FADE}"
    return f"[0:{media.audio.index}]{listen(length)},{level(edit.gain_db)},{fades}[sound]"


def listen(length: float) -> str:
    """Stereo at 48 kHz from time zero, ``length`` seconds, silence where the source has no sound."""
    return (
        "aresample=48000:async=1:first_pts=0,aformat=sample_fmts=fltp:channel_layouts=stereo,"
        f"apad=whole_dur={length:.6f},atrim=end={length:.6f}"
    )


def level(gain_db: float) -> str:
    """Gain, then a limiter at four times the sampling rate, where it sees the peaks between samples."""
    return (
        f"volume={gain_db:.2f}dB,aresample=192000,"
        f"alimiter=limit={_LIMIT}:level=false:latency=true,aresample=48000"
    )


# --- picture --------------------------------------------------------------------------------------


def _layouts(edit: Edit, video: VideoStream, folder: str) -> tuple[list[str], tuple[File, ...]]:
    """Chains from the source to ``[laid]``, and the files they read."""
    parts = stretches(edit)
    window = window_of(edit, video)
    files = tuple(
        (f"crop-{number}.txt", crop_commands(window, part, f"crop@w{number}", edit.canvas.frame_rate))
        for number, part in enumerate(parts)
    )
    chains = [
        _fit(edit.canvas, video, number, part.view or WHOLE)
        if part.layout is Layout.FIT
        else _fill(edit.canvas, video, window, part.first, (number, f"{folder}{name}" if moves else ""))
        for (number, part), (name, moves) in zip(enumerate(parts), files, strict=True)
    ]
    laid = _in_turn(chains, parts, edit) if len(parts) > 1 else [f"[steady]{chains[0]}[laid]"]
    moving = tuple((name, text) for name, text in files if text)
    return [f"[0:{video.index}]{_steady(edit, video)}[steady]", *laid], moving


def _in_turn(chains: list[str], parts: tuple[Stretch, ...], edit: Edit) -> list[str]:
    """Each frame through the one layout it has: cheaper than all through each, and exact at the change."""
    numbers, rate = range(len(parts)), edit.canvas.frame_rate
    heads = "".join(f"[part{number}]" for number in numbers)
    tails = "".join(f"[done{number}]" for number in numbers)
    turns = (
        f"[part{number}]trim=start_frame={part.first}:end_frame={part.last},"
        f"{chain},setpts=PTS-STARTPTS[done{number}]"
        for number, part, chain in zip(numbers, parts, chains, strict=True)
    )
    again = f"concat=n={len(parts)},setpts=N*{rate.denominator}/({rate.numerator}*TB)"
    return [f"[steady]split={len(parts)}{heads}", *turns, f"{tails}{again}[laid]"]


def _steady(edit: Edit, video: VideoStream) -> str:
    """Whole frames at a constant rate from time zero, exactly as many as the clip has."""
    rate = edit.canvas.frame_rate
    deinterlace = "bwdif=mode=send_frame," if video.interlaced else ""
    return (
        f"{_one_size(video)}{deinterlace}fps={rate}:start_time=0,"
        f"tpad=stop_mode=clone:stop={edit.frames},trim=end_frame={edit.frames}"
    )


def _one_size(video: VideoStream) -> str:
    """Brings frames of a stream that changes its size midway to its first size; else does nothing."""
    width, height = upright(video)
    return f"scale={width}:{height},"


def _scale(width: int, height: int, video: VideoStream) -> str:
    # An HD file that does not name its colours means BT.709; ffmpeg would take it for BT.601.
    unnamed = not video.colours_named and max(video.width, video.height) >= 1280 and not video.hdr
    matrix = "in_color_matrix=bt709:" if unnamed else ""
    return (
        f"scale={width}:{height}:flags=bicubic:{matrix}out_color_matrix=bt709:out_range=tv,"
        "format=yuv420p,setsar=1"
    )


def _fill(canvas: Canvas, video: VideoStream, window: Window, first: int, moves: tuple[int, str]) -> str:
    """The window over the source; ``moves`` are its number and the file that moves it, if it moves."""
    number, file = moves
    tone = f"{_TONE_MAP}," if video.hdr else ""
    cut = f"crop={window.width}:{window.height}:{window.left}:{window.top}"
    chain = f"{cut},{tone}{_scale(window.wide, window.high, video)}"
    if (window.wide, window.high) == (canvas.width, canvas.height):
        return chain
    x, y = window.places[first]
    send = f"sendcmd=f={file}," if file else ""
    return f"{chain},{send}crop@w{number}={canvas.width}:{canvas.height}:{x}:{y}:exact=1"


def _fit(canvas: Canvas, video: VideoStream, number: int, view: Box) -> str:
    """The view, sharp, over itself filling the frame, blurred while it is small and so cheap."""
    width, height = fit_size(canvas, video, view)
    tone = f"scale={width}:{height}:flags=bicubic,{_TONE_MAP}," if video.hdr else ""
    wide, high = _small(canvas, 8)
    blur = max(0.5, 5 * wide / 136)
    return (
        f"{_cut(view, video)}{tone}{_scale(width, height, video)},split[sharp{number}][soft{number}];\n"
        f"[soft{number}]scale={wide}:{high}:force_original_aspect_ratio=increase:flags=area,"
        f"crop={wide}:{high},gblur=sigma={blur:.2f},lutyuv=y=16+(val-16)*0.75,"
        f"scale={canvas.width}:{canvas.height}:flags=bicubic,setsar=1[back{number}];\n"
        f"[back{number}][sharp{number}]overlay=(W-w)/2:(H-h)/2:format=yuv420"
    )


def _small(canvas: Canvas, by: int) -> Point:
    return max(2, 2 * round(canvas.width / by / 2)), max(2, 2 * round(canvas.height / by / 2))


def _cut(view: Box, video: VideoStream) -> str:
    """Cuts the view out, in even pixels of the upright coded picture; nothing for the whole."""
    if view == WHOLE:
        return ""
    across, down = upright(video)
    width, height = (max(2, 2 * int(side / 2)) for side in (view.width * across, view.height * down))
    return f"crop={width}:{height}:{2 * round(view.x * across / 2)}:{2 * round(view.y * down / 2)},"


def fit_size(canvas: Canvas, video: VideoStream, view: Box = WHOLE) -> Point:
    """The largest even size at which the view of the picture fits into the canvas."""
    wide, high = view.width * video.display_width, view.height * video.display_height
    scale = min(canvas.width / wide, canvas.height / high)
    return (
        min(canvas.width, max(2, 2 * round(wide * scale / 2))),
        min(canvas.height, max(2, 2 * round(high * scale / 2))),
    )
