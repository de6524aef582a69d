"""Bring a video from an address to a file, with its captions, by yt-dlp in a sandboxed child."""

from dataclasses import dataclass
from pathlib import Path

from clipmill.addresses import Place
from clipmill.media.launcher import Tick
from clipmill.model import CaptionTrack, Listing


@dataclass(frozen=True, slots=True)
class Fetching:
    """How to fetch, and how much.

    ``height`` is how many lines of picture are enough, ``most_mb`` the largest file. ``allow`` and
    ``upstream`` are those of ``egress.way_out``. ``cookies`` is a cookies.txt that is used when a site shows
    the video to nobody without; ``ytdlp`` another version of yt-dlp to use (a wheel, zip or folder).
    """

    height: int = 1080
    most_mb: int = 20_000
    allow: frozenset[Place] = frozenset()
    upstream: str = ""
    cookies: Path | None = None
    ytdlp: Path | None = None


ANYHOW = Fetching()
"""As it is done unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched: the video's file, and the captions that lie beside it."""

    video: Path
    captions: tuple[CaptionTrack, ...]


def list_videos(address: str, *, fetching: Fetching, cwd: Path, most: int) -> tuple[str, ...]:
    """The addresses of the videos of a playlist or channel, at most ``most``; of one video just its own."""
    raise NotImplementedError


def look_up(address: str, *, fetching: Fetching, cwd: Path, max_duration_s: float) -> Listing:
    """What the site says about one video. Raises SourceError or RemoteError: docs/reference/errors.md."""
    raise NotImplementedError


def fetch(listing: Listing, *, fetching: Fetching, ffmpeg: Path, folder: Path, tick: Tick) -> Fetched:
    """Fetch a video and its captions into ``folder``; what is there of an earlier try is gone on with."""
    raise NotImplementedError
