"""Bring a video from an address to a file, with its captions, by yt-dlp in a sandboxed child."""

import json
import math
import os
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from clipmill.addresses import Place, checked_address
from clipmill.errors import BusyError, ClipmillError, RemoteError, SettingsError, SourceError, ToolError
from clipmill.media.asking import ask
from clipmill.media.egress import Pass, way_out
from clipmill.media.launcher import Limits, Tick
from clipmill.model import CaptionTrack, Listing

CAPTIONS = "captions"

LOOK = Limits(wall_s=180, cpu_s=120, memory_mb=2048, file_mb=256)
"""yt-dlp takes 150 MB, deno as much again while it runs a site's scripts."""

COOKIE_BYTES = 4 << 20

_LISTING = TypeAdapter(Listing)
_TRACKS = TypeAdapter(tuple[CaptionTrack, ...])


@dataclass(frozen=True, slots=True)
class Fetching:
    """How to fetch, and how much.

    ``height`` is how many lines of picture are enough, ``most_mb`` the largest file. ``allow`` and
    ``upstream`` are those of ``egress.way_out``. ``cookies`` is a cookies.txt that is used when a site shows
    the video to nobody without; ``ytdlp`` another version of yt-dlp to use (a wheel, zip or folder). A site
    that sends less than ``slow_bytes`` a second over ``slow_s`` seconds is too slow, and none gets longer
    than ``longest_s``. ``list_most`` is how many videos of a list are taken, ``reserve_mb`` the MiB of disk
    that stay free.
    """

    height: int = 1080
    most_mb: int = 20_000
    allow: frozenset[Place] = frozenset()
    upstream: str = ""
    cookies: Path | None = None
    ytdlp: Path | None = None
    slow_s: float = 60.0
    slow_bytes: float = 2048.0
    longest_s: float = 6 * 3600.0
    list_most: int = 50
    reserve_mb: int = 200


ANYHOW = Fetching()
"""As it is done unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched: the video's file, and the captions that lie beside it in the folder ``captions``."""

    video: Path
    captions: tuple[CaptionTrack, ...]


def list_videos(address: str, *, fetching: Fetching, cwd: Path, most: int) -> tuple[str, ...]:
    """The addresses of the videos of a playlist or channel, at most ``most``; of one video just its own.

    Raises what ``look_up`` does.
    """
    request = {"task": "list", "address": checked_address(address, allow=fetching.allow), "most": most}
    return tuple(map(str, _asked(request, fetching, cwd)["addresses"]))


def look_up(address: str, *, fetching: Fetching, cwd: Path, max_duration_s: float) -> Listing:
    """What the site says about one video; leaves in ``cwd`` what ``fetch`` goes on from.

    Raises SourceError: ``address-wrong``, ``address-refused``, ``address-list``, ``video-live``,
    ``video-gone``, ``video-private``, ``video-protected``, ``no-video``, ``site-unsupported``,
    ``source-too-long``, ``source-too-large``. RemoteError: ``login-needed``, ``video-geo``, ``site-blocked``,
    ``site-refused``, ``redirect-loop``, ``download-slow``, ``ytdlp-broken``. OutageError ``site-down``.
    BusyError ``fetch-underway`` while somebody else works in ``cwd``.
    """
    request = {
        "task": "look",
        "address": checked_address(address, allow=fetching.allow),
        "longest_s": max_duration_s,
    }
    return _listing(_asked(request, fetching, cwd)["listing"])


def fetch(
    listing: Listing,
    *,
    fetching: Fetching,
    ffmpeg: Path,
    folder: Path,
    tick: Tick,
    max_duration_s: float = math.inf,
) -> Fetched:
    """Fetch a video and its captions into ``folder``; what is there of an earlier try is gone on with.

    Raises what ``look_up`` does, RemoteError ``download-incomplete`` when a part cannot be had, and
    BudgetError ``disk-full``.
    """
    request = {
        "task": "fetch",
        "address": checked_address(listing.address, allow=fetching.allow),
        "longest_s": max_duration_s,
    }
    done = _asked(request, fetching, folder, ffmpeg=ffmpeg, tick=tick)
    video = folder / Path(done["video"]).name
    if not video.is_file():
        raise _nonsense()
    return Fetched(video, _tracks(done["captions"], folder / CAPTIONS))


def versions(*, fetching: Fetching, cwd: Path) -> tuple[str, str]:
    """The versions of yt-dlp and of deno that fetch; empty where there is none. Nothing is asked for outside.

    Raises SettingsError ``setting-wrong`` when CLIPMILL_YTDLP names what is none.
    """
    found = _asked({"task": "check"}, fetching, cwd)
    return str(found["ytdlp"]), str(found["deno"])


def deno() -> Path | None:
    """The program that runs a site's scripts for yt-dlp, None where it is not installed."""
    beside = Path(sysconfig.get_path("scripts")) / "deno"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("deno")
    return Path(found).resolve() if found else None


# --- asking -----------------------------------------------------------------------------------------


def _asked(
    request: dict[str, Any],
    fetching: Fetching,
    cwd: Path,
    *,
    ffmpeg: Path | None = None,
    tick: Tick | None = None,
) -> dict[str, Any]:
    with way_out(allow=fetching.allow, upstream=fetching.upstream) as leave:
        try:
            done: dict[str, Any] = _child(request, fetching, cwd, leave, ffmpeg, tick)
        except (SourceError, RemoteError, ToolError) as error:
            raise _understood(error, leave, fetching) from None
    if "busy" in done:
        raise BusyError(
            "Another attempt is fetching this video: wait for it.", code="fetch-underway", retry_after=5.0
        )
    return done


def _child(  # one call, put together
    request: dict[str, Any],
    fetching: Fetching,
    cwd: Path,
    leave: Pass,
    ffmpeg: Path | None,
    tick: Tick | None,
) -> Any:
    script = deno()
    told = {
        "height": fetching.height,
        "most_mb": fetching.most_mb,
        "slow_s": fetching.slow_s,
        "slow_bytes": fetching.slow_bytes,
        "ffmpeg": str(ffmpeg or ""),
        "deno": str(script or ""),
    }
    version = fetching.ytdlp.expanduser().absolute() if fetching.ytdlp else None
    with _secrets({"proxy": leave.proxy, "cookies": _cookies(fetching)}) as stdin:
        return ask(
            "fetch",
            request | {"ytdlp": str(version or ""), "manner": told},
            cwd=cwd,
            reads=(version,) if version else (),
            stdin=stdin,
            tick=tick,
            limits=_limits(fetching) if ffmpeg else LOOK,
            port=leave.port,
            runs=tuple(program for program in (script, ffmpeg) if program),
        )


def _limits(fetching: Fetching) -> Limits:
    """Bounds on a fetch: a file that is merged from two is written twice."""
    return Limits(
        wall_s=fetching.longest_s,
        cpu_s=int(fetching.longest_s),
        memory_mb=LOOK.memory_mb,
        file_mb=fetching.most_mb + 1024,
    )


@contextmanager
def _secrets(values: dict[str, str]) -> Iterator[int]:
    """A file without a name that holds what nobody else may read, as the child's stdin."""
    with tempfile.TemporaryFile() as file:
        file.write(json.dumps(values).encode() + b"\n")
        file.seek(0)
        yield file.fileno()


def _cookies(fetching: Fetching) -> str:
    """The text of the user's cookies, empty without; the file itself is never given away."""
    if fetching.cookies is None:
        return ""
    try:
        with fetching.cookies.expanduser().open() as file:
            return file.read(COOKIE_BYTES)
    except (OSError, UnicodeDecodeError):
        raise SettingsError(
            f"CLIPMILL_COOKIES names {fetching.cookies}, which cannot be read.", code="setting-wrong"
        ) from None


def _understood(error: ClipmillError, leave: Pass, fetching: Fetching) -> ClipmillError:
    """What went wrong: the child sees only that a connection or a write failed."""
    if leave.refused:
        return SourceError(
            "The address leads to this machine or to a private network, which nothing is fetched from.",
            code="address-refused",
        )
    match error.code:
        case "tool-timeout":
            return RemoteError("The site is too slow: try again later.", code="download-slow")
        case "output-too-large":
            return SourceError(
                f"The video is larger than {fetching.most_mb} MB: raise CLIPMILL_DOWNLOAD_MB.",
                code="source-too-large",
            )
    return error


# --- the answers, which are foreign -----------------------------------------------------------------


def _listing(found: Any) -> Listing:
    try:
        return _LISTING.validate_python(found)
    except ValidationError:
        raise _nonsense() from None


def _tracks(found: Any, folder: Path) -> tuple[CaptionTrack, ...]:
    """The captions of which there is a file in the folder."""
    try:
        tracks = _TRACKS.validate_python(found)
    except ValidationError:
        return ()
    plain = (track for track in tracks if Path(track.file).name == track.file)
    return tuple(track for track in plain if (folder / track.file).is_file())


def _nonsense() -> ToolError:
    return ToolError("yt-dlp gave no usable answer.", code="tool-failed")
