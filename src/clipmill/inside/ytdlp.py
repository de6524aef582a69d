"""yt-dlp as a library: what it may do, and what it is told to do."""

import hashlib
import io
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yt_dlp
import yt_dlp.globals
from yt_dlp.downloader import get_suitable_downloader
from yt_dlp.downloader.external import ExternalFD
from yt_dlp.networking import HEADRequest, Request, Response
from yt_dlp.utils import YoutubeDLError

from clipmill.errors import ClipmillError, SourceError
from clipmill.inside import ytdlp_facts as facts
from clipmill.inside.ytdlp_faults import LIVE, NO_VIDEO
from clipmill.inside.ytdlp_pace import Pace, too_large
from clipmill.inside.ytdlp_web import LinkFailed, Web

PAGE_BYTES = 64 << 20
"""Most bytes of one answer while a video is looked up."""

CAPTION_BYTES = 16 << 20
NAME = "video"

FAILURES = (
    YoutubeDLError, LinkFailed, ClipmillError, OSError, ArithmeticError, AssertionError, AttributeError,
    LookupError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What comes out of yt-dlp when it fails; its extractors raise whatever a changed site makes of them."""

STALE = (YoutubeDLError, LinkFailed)
"""What comes out of a fetch when the links that it goes on from do not work any more."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How to fetch: the request's own fields, and the secrets that came with it."""

    height: int
    most_mb: int
    slow_s: float
    slow_bytes: float
    ffmpeg: str
    deno: str
    proxy: str
    cookies: str

    @property
    def most_bytes(self) -> int:
        """The largest file."""
        return self.most_mb * 1_000_000


class Downloader(yt_dlp.YoutubeDL):  # type: ignore[misc]  # it has no types
    """yt-dlp whose requests go through ``web``, which gives every file its name itself."""

    def __init__(self, manner: Manner, *, cookies: bool, more: dict[str, Any] | None = None) -> None:
        yt_dlp.globals.plugin_dirs.value = []
        self.manner = manner
        self.web = Web(Path.cwd(), Pace(manner.slow_s, manner.slow_bytes), PAGE_BYTES)
        self._show: Callable[[float], None] = lambda _: None
        self._files, self._done = 1, dict[str, int]()
        jar = {"cookiefile": io.StringIO(manner.cookies)} if cookies else {}
        pauses = {kind: self.web.pause for kind in ("http", "fragment", "extractor")}
        told = options(manner) | {"retry_sleep_functions": pauses} | jar | (more or {})
        super().__init__(told, auto_init=True)
        self.add_progress_hook(self._progressed)

    def urlopen(self, req: Any) -> Response:
        """The answer to a request."""
        request = req if isinstance(req, Request) else Request(req)
        return self.web.open(request, super().urlopen)

    def process_info(self, info_dict: facts.Info) -> None:
        """Fetch what was chosen, under a name that is the same for the same choice."""
        chosen = facts.chosen(info_dict)
        self._files = len(chosen)
        mark = "|".join(f"{one.get('format_id')} {one.get('protocol')}" for one in chosen)
        name = hashlib.sha256(f"{info_dict.get('id')} {mark}".encode()).hexdigest()[:12]
        self.params["outtmpl"]["default"] = f"{NAME}-{name}.%(ext)s"
        super().process_info(info_dict)

    def dl(self, name: str, info: facts.Info, subtitle: bool = False, test: bool = False) -> Any:
        """Fetch one file."""
        way = get_suitable_downloader(dict(info), self.params)
        if way is None or issubclass(way, ExternalFD):
            raise SourceError(
                "The video is sent in a way that only other programs understand: pass the file itself.",
                code="site-unsupported",
            )
        self.web.most = CAPTION_BYTES if subtitle else self.manner.most_bytes
        self.web.begin(
            Path(f"{name}.part"),
            info["url"],
            playlist=way.FD_NAME == "hlsnative",
            whole=way.FD_NAME == "http",
            chunks=bool((info.get("downloader_options") or {}).get("http_chunk_size")),
        )
        try:
            return super().dl(name, info, subtitle, test)
        finally:
            self.web.end()

    def look(self, address: str) -> facts.Info:
        """The one video at an address, with the forms that would be fetched chosen."""
        found = self.extract_info(address, download=False)
        info = one_video(found, lambda entry: dict(self.process_ie_result(entry, download=False)))
        self._measure(info)
        return info

    def _measure(self, info: facts.Info) -> None:
        """Add the sizes that servers said while the video was looked up, or say now."""
        for form in facts.chosen(info):
            address = str(form.get("url") or "")
            if facts.size({**form, "duration": None}):
                continue
            if self.web.size_of(address) is None and form.get("protocol") in ("http", "https"):
                with suppress(*FAILURES):  # whether the file can be had is found out by fetching it
                    self.urlopen(HEADRequest(address, headers=form.get("http_headers") or {})).close()
            form["filesize"] = self.web.size_of(address)

    def keepable(self, info: facts.Info) -> facts.Info:
        """What a fetch goes on from: without the user's cookies, and only captions that it would take."""
        kept: facts.Info = self.sanitize_info(info, remove_private_keys=True)
        for kind in ("subtitles", "automatic_captions"):
            kept[kind] = {}
        for track in facts.tracks(info):
            name = f"{track['language']}-orig" if track["automatic"] else track["language"]
            kept["automatic_captions" if track["automatic"] else "subtitles"][name] = [track["source"]]
        if self.params.get("cookiefile"):
            for form in (kept, *facts.formats(kept)):
                form.pop("cookies", None)
        return kept

    # --- progress ---

    @contextmanager
    def showing(self, show: Callable[[float], None]) -> Iterator[None]:
        """Tell ``show`` the share that is done."""
        self._show, before = show, self._show
        try:
            yield
        finally:
            self._show = before

    def _progressed(self, state: facts.Info) -> None:
        self._done[str(state.get("filename"))] = state.get("downloaded_bytes") or 0
        if sum(self._done.values()) > self.manner.most_bytes:
            raise too_large(self.manner.most_bytes)
        self._show(min(1.0, self._share(state)))

    def _share(self, state: facts.Info) -> float:
        """The share of all; of several files each counts the same, as not all say their size."""
        if state.get("status") == "finished":
            own = 1.0
        elif state.get("fragment_count"):
            own = (state.get("fragment_index") or 0) / state["fragment_count"]
        else:
            own = (state.get("downloaded_bytes") or 0) / (state.get("total_bytes") or self.manner.most_bytes)
        return (len(self._done) - 1 + own) / self._files


def options(manner: Manner) -> dict[str, Any]:
    """What yt-dlp is told: see docs/explain/security.md for what it is kept from."""
    return {
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logtostderr": True,
        "color": "never",
        "noplaylist": True,
        "ignoreerrors": False,
        "cachedir": False,
        "proxy": manner.proxy,
        "socket_timeout": 20,
        "extractor_retries": 2,
        "retries": 100,  # those that bring nothing are counted by Web
        "fragment_retries": 5,
        "file_access_retries": 0,
        "skip_unavailable_fragments": False,
        "concurrent_fragment_downloads": 1,
        "sleep_interval_requests": 0.25,
        "external_downloader": {"default": "native"},
        "hls_prefer_native": True,
        "format": "bv*+ba/b/bv*",
        "format_sort": [f"res:{manner.height}", "vcodec:h264", "acodec:aac", "ext:mp4:m4a", "size"],
        "merge_output_format": "mp4/mkv",
        "fixup": "never",
        "updatetime": False,
        "outtmpl": {"default": f"{NAME}.%(ext)s"},
        "windowsfilenames": True,
        "ffmpeg_location": manner.ffmpeg or "/nonexistent/ffmpeg",
        "js_runtimes": {"deno": {"path": manner.deno}} if manner.deno else {},
        "remote_components": set(),
        "enable_file_urls": False,
        "usenetrc": False,
        "allow_unplayable_formats": False,
        "geo_bypass": False,
        "default_search": "error",
    }


@contextmanager
def watched(pace: Pace) -> Iterator[None]:
    """Look each second whether enough comes in, wherever it is waited for."""

    def look(*_: object) -> None:
        pace.check()

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 1.0, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def one_video(found: facts.Info, resolved: Callable[[facts.Info], facts.Info]) -> facts.Info:
    """The one video of what was found at an address; ``resolved`` looks up what is only named there.

    Of several videos that one page plays it is the first. Raises SourceError ``address-list`` for a list.
    """
    if found.get("_type", "video") == "video":
        return found
    entries = [one for one in found.get("entries") or () if one]
    if not entries:
        raise NO_VIDEO.error()
    if len(entries) > 1 and any(map(_is_link, entries)):
        raise SourceError(
            "This is a list of videos: give the address of one of them, or take them all with clipmill make.",
            code="address-list",
        )
    return one_video(resolved(entries[0]) if _is_link(entries[0]) else entries[0], resolved)


def _is_link(entry: facts.Info) -> bool:
    return str(entry.get("_type")).startswith("url")


def list_entries(found: facts.Info, address: str, most: int) -> list[str]:
    """The addresses of a list's videos; of one video its own."""
    if found.get("_type", "video") not in ("playlist", "multi_video"):
        return [address]
    addresses = [one.get("webpage_url") or one.get("url") or "" for one in found.get("entries") or () if one]
    web = [one for one in addresses if one.startswith(("https://", "http://"))]
    named = str(found.get("extractor_key") or "").lower() not in facts.NAMELESS
    return list(dict.fromkeys(web))[:most] if named or len(web) > 1 else [address]


def refuse(info: facts.Info, *, longest_s: float, most_mb: int) -> None:
    """Raise SourceError for a video that is not fetched: live, only sound, too long or too large."""
    seconds, size = info.get("duration") or 0, facts.size(info) or 0
    if facts.is_live(info):
        raise LIVE.error()
    if facts.only_sound(info):
        raise SourceError("There is only sound at this address; clips need a picture.", code="no-video")
    if seconds > longest_s:
        raise SourceError(
            f"The video lasts {seconds / 3600:.1f} hours, more than {longest_s / 3600:g}: raise"
            " CLIPMILL_MAX_HOURS, or pass a part of it as a file.",
            code="source-too-long",
        )
    if size > most_mb * 1_000_000:
        raise too_large(most_mb * 1_000_000)


def fetch_captions(downloader: Downloader, info: facts.Info, folder: Path) -> list[dict[str, Any]]:
    """Fetch the captions worth having; what cannot be had is left out."""
    folder.mkdir(exist_ok=True)
    found = []
    for track in facts.tracks(info):
        name = f"{_plain(track['language'])}{'-auto' if track['automatic'] else ''}.{track['form']}"
        source = {"http_headers": info.get("http_headers"), **track["source"], "ext": track["form"]}
        with suppress(*FAILURES):  # a video without captions is better than none
            downloader.dl(str(folder / name), source, subtitle=True)
        if (folder / name).is_file() and (folder / name).stat().st_size:
            found.append({key: track[key] for key in ("language", "automatic", "form")} | {"file": name})
    return found


def _plain(language: str) -> str:
    return (
        "".join(
            letter if letter.isascii() and (letter.isalnum() or letter == "-") else "_" for letter in language
        )[:32]
        or "und"
    )
