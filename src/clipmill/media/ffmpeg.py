"""Run ffmpeg: find one that can do the work, open untrusted files with it safely, watch it, stop it."""

import contextlib
import importlib.util
import os
import select
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from clipmill.editing.command import Encoder, device_arguments, upload_filter
from clipmill.errors import MissingError, SettingsError, ToolError
from clipmill.media.launcher import NORMAL, Child, Command, Limits, Profile, Tick, graphics_devices, launch

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,ogg,wav,mp3,flac,aac"
"""Containers that are opened: no playlist, image sequence, script or device is among them."""

PROTOCOLS = "file,pipe"
"""Where bytes may come from: nothing on a network."""

VIDEO_CODECS = (
    "h264,hevc,av1,libdav1d,libaom-av1,vp8,vp9,mpeg4,mpeg2video,mpeg1video,prores,dnxhd,mjpeg,h263,"
    "flv,vp6f,vp6,theora,msmpeg4,msmpeg4v2,msmpeg4v1"
)
AUDIO_CODECS = (
    "aac,aac_latm,mp3,mp3float,mp2,mp2float,mp1,mp1float,opus,libopus,vorbis,flac,alac,ac3,eac3,dca,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_u8,pcm_s8,"
    "pcm_mulaw,pcm_alaw,pcm_bluray,pcm_dvd,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,adpcm_swf,amrnb,amrwb,"
    "nellymoser,speex,libspeex"
)
CODECS = f"{VIDEO_CODECS},{AUDIO_CODECS}"
"""Decoders that are used: 60 of about 520, which leaves the odd and the badly kept ones out."""

MAX_PIXELS = 40_000_000
MAX_STREAMS = 32

FILTERS = frozenset(("ass", "sendcmd", "crop", "scale", "overlay", "gblur", "alimiter", "ebur128"))
"""Filters without which no clip can be made."""

ENCODERS = frozenset(("libx264", "aac"))
"""Encoders without which no clip can be made."""

HARDWARE = ("h264_videotoolbox", "h264_nvenc", "h264_qsv", "h264_vaapi", "h264_amf")
"""Hardware encoders, the best first."""

LISTING_BYTES = 1 << 20

STILL_S = 60.0
"""How long an ffmpeg may show no progress before it counts as stuck."""


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """An ffmpeg that passed the self-test: where it is and what it can do."""

    path: Path
    version: str
    filters: frozenset[str]
    encoders: frozenset[str]


def find_ffmpeg(setting: Path | None) -> Ffmpeg:
    """The ffmpeg of the setting, else the embedded one, else that of the PATH, self-tested.

    Raises SettingsError when the setting names no program, MissingError when there is none at all or the
    one found lacks a filter or encoder that clips need.
    """
    if setting is not None:
        if not (setting.is_file() and os.access(setting, os.X_OK)):
            raise SettingsError(f"The ffmpeg setting names no program: {setting}.", code="ffmpeg-not-found")
        found = setting
    else:
        found = _embedded() or _on_path()
    return _tested(found.resolve(), found.stat().st_mtime_ns)


def input_arguments(source: Path) -> tuple[str, ...]:
    """The arguments that open an untrusted file, up to and with its ``-i``; ``-ss`` and ``-t`` go before."""
    return (
        "-protocol_whitelist", PROTOCOLS,
        "-format_whitelist", FORMATS,
        "-codec_whitelist", CODECS,
        "-max_pixels", str(MAX_PIXELS),
        "-max_streams", str(MAX_STREAMS),
        "-i", f"file:{source}",
    )  # fmt: skip


def run_ffmpeg(  # noqa: PLR0913 (the caller's whole wish for one run; a value would only rename it)
    ffmpeg: Path,
    arguments: Sequence[str],
    *,
    cwd: Path,
    reads: tuple[Path, ...] = (),
    expected_s: float | None = None,
    tick: Tick | None = None,
    limits: Limits = NORMAL,
    stdout: int | None = None,
) -> Child:
    """Run ffmpeg to its end and return the ended child.

    ``arguments`` are everything after the global options. ``expected_s`` is the length of what it makes,
    from which ``tick`` gets the share done; what ``tick`` raises stops the child. Without ``stdout`` its
    output goes nowhere. Raises ToolError when it fails, or moves nothing for 60 s.
    """
    progress, progress_end = os.pipe()
    with open(progress, "rb", buffering=0) as reports, open(os.devnull, "wb") as nowhere:
        argv = (str(ffmpeg), *GLOBAL, "-progress", "pipe:0", "-stats_period", "0.5", *arguments)
        devices = _devices(arguments)
        # A graphics driver maps more than any bound on address space, so its memory is watched instead.
        profile = Profile.ML if devices else Profile.MEDIA
        command = Command("ffmpeg", argv, cwd, profile, reads, limits, devices)
        try:
            # It never reads its descriptor 0 (-nostdin), so its progress leaves by that.
            child = launch(command, stdin=progress_end, stdout=nowhere.fileno() if stdout is None else stdout)
        finally:
            os.close(progress_end)
        try:
            _watch(child, reports.fileno(), expected_s, tick)
            child.wait()
        finally:
            child.stop()
    return child


GLOBAL = ("-nostdin", "-hide_banner", "-v", "error", "-nostats", "-max_error_rate", "1")
"""A damaged source is worked on for as far as it can be read: ffmpeg itself gives up when two of three
packets fail. That the result is whole is proved on the result."""


def pick_encoder(ffmpeg: Ffmpeg, wanted: str = "auto") -> str:
    """The H.264 encoder to use: one that really encoded a few frames just now.

    ``auto`` tries the hardware encoders and falls back to ``libx264``. Raises SettingsError for a name that
    is no known encoder, MissingError for one that does not work here.
    """
    if wanted not in ("auto", "libx264", *HARDWARE):
        names = ", ".join(("auto", "libx264", *HARDWARE))
        raise SettingsError(f"The encoder {wanted!r} is unknown; use one of {names}.", code="encoder-unknown")
    if wanted != "auto":
        if not encoder_works(ffmpeg, wanted):
            raise MissingError(
                f"The encoder {wanted} does not work on this machine; use libx264 or auto.",
                code="encoder-missing",
            )
        return wanted
    return next((name for name in HARDWARE if encoder_works(ffmpeg, name)), "libx264")


@lru_cache(maxsize=16)
def encoder_works(ffmpeg: Ffmpeg, name: str) -> bool:
    """Whether the encoder turns a few frames into video here; being compiled in means nothing."""
    if name not in ffmpeg.encoders:
        return False
    encoder = Encoder(name)
    upload = upload_filter(encoder) or "null"
    trial = (
        *device_arguments(encoder),
        *("-f", "lavfi", "-i", "color=size=1080x1920:rate=30:duration=0.2"),
        *("-vf", upload, "-c:v", name, "-f", "null", "-"),
    )
    with tempfile.TemporaryDirectory(prefix="clipmill-") as folder:
        try:
            run_ffmpeg(ffmpeg.path, trial, cwd=Path(folder), limits=Limits(wall_s=20, cpu_s=20))
        except ToolError:
            return False
    return True


# --- finding --------------------------------------------------------------------------------------


def _embedded() -> Path | None:
    spec = importlib.util.find_spec("imageio_ffmpeg")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0], "binaries")
    programs = (path for path in sorted(folder.glob("ffmpeg*")) if os.access(path, os.X_OK))
    return next(programs, None)


def _on_path() -> Path:
    found = shutil.which("ffmpeg")
    if not found:
        raise MissingError(
            "ffmpeg is not installed. Install it with `pip install imageio-ffmpeg` or from your system.",
            code="ffmpeg-missing",
        )
    return Path(found)


@lru_cache(maxsize=8)
def _tested(path: Path, changed_ns: int) -> Ffmpeg:  # noqa: ARG001 (a replaced program is tested anew)
    with tempfile.TemporaryDirectory(prefix="clipmill-") as folder:
        version, filters, encoders = (
            _said(path, option, Path(folder)) for option in ("-version", "-filters", "-encoders")
        )
    found = Ffmpeg(path, version.split()[2], _names(filters), _names(encoders))
    lacking = sorted((FILTERS - found.filters) | (ENCODERS - found.encoders))
    if lacking:
        raise MissingError(
            f"ffmpeg {found.version} lacks {', '.join(lacking)}. Remove the ffmpeg setting to use "
            "the embedded one, or install a build with libass and libx264.",
            code="ffmpeg-incomplete",
        )
    return found


def _said(path: Path, option: str, folder: Path) -> str:
    limits = Limits(wall_s=30, cpu_s=20)
    argv = (str(path), "-nostdin", "-hide_banner", option)
    with launch(Command("ffmpeg", argv, folder, limits=limits)) as child:
        assert child.stdout is not None
        text = child.stdout.read(LISTING_BYTES).decode(errors="replace")
        child.wait()
    if not text.strip():
        raise MissingError(
            f"{path.name} is not an ffmpeg: it does not answer {option}.", code="ffmpeg-missing"
        )
    return text


def _names(listing: str) -> frozenset[str]:
    """The second column of what ``-filters`` or ``-encoders`` prints."""
    rows = map(str.split, listing.splitlines())
    return frozenset(row[1] for row in rows if len(row) > 2 and row[1] != "=")


# --- watching -------------------------------------------------------------------------------------


def _devices(arguments: Sequence[str]) -> tuple[Path, ...]:
    """The device files of a hardware encoder, for arguments that ask for one."""
    if not set(arguments) & set(HARDWARE):
        return ()
    return graphics_devices()


def _watch(child: Child, progress: int, expected_s: float | None, tick: Tick | None) -> None:
    """Call ``tick`` at least once a second until the progress pipe ends; raise when nothing moves."""
    share, seen, moved = 0.0, "", time.monotonic()
    for report in _reports(progress):
        state = _state(report)
        if state and state != seen:
            seen, moved = state, time.monotonic()
        if time.monotonic() - moved > STILL_S:
            raise ToolError(
                f"ffmpeg made no progress for {STILL_S:.0f} s and was stopped.",
                code="tool-timeout",
                detail=child.stderr_tail(),
            )
        if expected_s:
            share = max(share, min(1.0, (out_time(report) or 0.0) / expected_s))
        if tick:
            tick(share)


def _reports(progress: int) -> Iterator[dict[str, str]]:
    """What ffmpeg tells about its progress, as it comes; an empty one for every second without."""
    ready = select.poll()
    ready.register(progress, select.POLLIN)
    rest = b""
    while True:
        if not ready.poll(1000):
            yield {}
            continue
        more = os.read(progress, 65536)
        if not more:
            return
        *lines, rest = (rest + more).split(b"\n")
        pairs = (line.decode(errors="replace").partition("=") for line in lines)
        yield {name: value.strip() for name, _, value in pairs}


def _state(report: dict[str, str]) -> str:
    return " ".join(report.get(name, "") for name in ("frame", "out_time_us", "total_size")).strip()


def out_time(report: dict[str, str]) -> float | None:
    """Seconds of output made so far; ffmpeg says ``N/A`` or a negative number before the first."""
    with contextlib.suppress(KeyError, ValueError):
        return max(0.0, int(report["out_time_us"]) / 1_000_000)
    return None
