"""What the failures of yt-dlp mean: one table from what a site said to our own errors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from yt_dlp.cookies import CookieLoadError
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import ExtractorError, GeoRestrictedError, UnsupportedError, UserNotLive

from clipmill.errors import (
    ClipmillError,
    OutageError,
    RemoteError,
    SettingsError,
    SourceError,
    disk_error,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of failure: the class and code of our error, its sentence, and how the site puts it."""

    kind: type[ClipmillError]
    code: str
    text: str
    said: str = "(?!)"

    def error(self) -> ClipmillError:
        """The error to raise."""
        return self.kind(self.text, code=self.code)


LIVE = Fault(
    SourceError,
    code="video-live",
    text="The video is live or has not begun yet: try again when its recording is there.",
    said=r"live event will begin|premieres? (?:in|will)|will begin (?:in|shortly)|not currently live"
    r"|is offline|live stream recording is not available|livestream has not started"
    r"|this live event has(?:n't| not) started"
    r"|live (?:HLS )?streams? (?:is|are) not supported",
)
BLOCKED = Fault(
    RemoteError,
    code="site-blocked",
    text="The site refuses to give the video to this machine: wait an hour, or give it cookies of a browser"
    " in which the video plays with CLIPMILL_COOKIES.",
    said=r"not a bot|unusual traffic|rate.?limit|too many requests|captcha|anti-bot|cloudflare|access denied"
    r"|content isn't available, try again later",
)
PRIVATE = Fault(
    SourceError,
    code="video-private",
    text="The video is private: pass the file itself, or cookies of somebody who may see it with"
    " CLIPMILL_COOKIES.",
    said=r"private video|video is private|is private\b|has been made private",
)
GEO = Fault(
    RemoteError,
    code="video-geo",
    text="The site does not show the video in this country: pass the file itself.",
    said=r"geo.?restrict|not available (?:in|from) your (?:country|location|region)"
    r"|in your (?:country|region)",
)
LOGIN = Fault(
    RemoteError,
    code="login-needed",
    text="The site shows the video only to those who are logged in or old enough: give it cookies of such a"
    " browser with CLIPMILL_COOKIES.",
    said=r"sign in|log.?in|logged.?in|registered users|account credentials|members.only|join this channel"
    r"|confirm your age|age.?restrict|password|subscri(?:be|ption)|premium|--cookies|authenticat|purchase"
    r"|rental",
)
PROTECTED = Fault(
    SourceError,
    code="video-protected",
    text="The video is protected (DRM): use a copy without protection.",
    said=r"\bDRM\b",
)
INCOMPLETE = Fault(
    RemoteError,
    code="download-incomplete",
    text="A part of the video cannot be had from the site, so there would be a hole in it: try again later.",
    said=r"fragment .{0,30}not found|content too short|the downloaded file is empty|did not get any data"
    r"|initialization fragment found|unable to continue",
)
GONE = Fault(
    SourceError,
    code="video-gone",
    text="There is no such video at this address (any more): check the address.",
    said=r"video (?:is )?(?:unavailable|not available|no longer available)"
    r"|(?:was|been) (?:removed|deleted|taken down|terminated)|does(?:n't| not) exist|not found"
    r"|no longer (?:exists|available)|account.{0,60}terminated|copyright (?:claim|grounds)"
    r"|violat\w+ youtube|incomplete youtube id",
)
UNSUPPORTED = Fault(
    SourceError,
    code="site-unsupported",
    text="Videos of this site cannot be fetched: pass the file itself.",
    said=r"piracy|no longer supported|impersonat|unsupported url scheme|file:// URLs are disabled",
)
NO_VIDEO = Fault(
    SourceError,
    code="no-video",
    text="There is no video at this address, or only sound: give the address of the video's own page.",
    said=r"requested format is not available|no video formats? found|no media found|no video could be found"
    r"|there(?:'s| is) no video|unsupported url:|no formats found|no playable|is not a valid url",
)
DOWN = Fault(
    OutageError,
    code="site-down",
    text="The site does not answer, or breaks off each time: try again later.",
    said=r"timed? ?out|connection (?:reset|refused|aborted|broken)|remote end closed|temporary failure"
    r"|name or service not known|bad gateway|unable to connect|tunnel connection failed|max retries exceeded",
)
LOOP = Fault(
    RemoteError,
    code="redirect-loop",
    text="The site sends us round in circles: check the address in a browser.",
    said=r"redirect loop|too many redirects",
)
BROKEN = Fault(
    RemoteError,
    code="ytdlp-broken",
    text="yt-dlp does not understand this site any more: get its newest version (a wheel, a zip file or a"
    " folder) and name it with CLIPMILL_YTDLP.",
    said=r"please report this issue|an extractor error has occurred|unable to extract"
    r"|failed to (?:parse|extract)|nsig extraction|requires? (?:a )?javascript runtime",
)
COOKIES = Fault(
    SettingsError,
    code="setting-wrong",
    text="CLIPMILL_COOKIES names a file that is no cookies.txt in Netscape's form: export it again.",
)
UNCLEAR = Fault(
    RemoteError,
    code="site-refused",
    text="The site does not give the video.",
)

SPOKEN = (
    LIVE,
    LOOP,
    PROTECTED,
    PRIVATE,
    GEO,
    BLOCKED,
    LOGIN,
    INCOMPLETE,
    GONE,
    UNSUPPORTED,
    NO_VIDEO,
    BROKEN,
    DOWN,
)
"""Asked in this order: ``Private video. Sign in if ...`` is private, ``Sign in to confirm you're not a bot``
a block."""

BY_STATUS = {
    401: LOGIN, 402: LOGIN, 403: BLOCKED, 404: GONE, 407: DOWN, 408: DOWN, 410: GONE, 416: INCOMPLETE,
    425: DOWN, 429: BLOCKED, 451: GEO,
}  # fmt: skip

ASK_WITH_COOKIES = frozenset({"login-needed", "site-blocked", "video-private"})
"""Failures that cookies of a logged-in browser may help against."""

SHOWN = 200
"""Letters of a site's own words that are shown."""


def meaning(error: BaseException) -> ClipmillError:
    """Our error for one that yt-dlp raised."""
    chain = tuple(_chain(error))
    for one in chain:
        if isinstance(one, ClipmillError):
            return one
        if isinstance(one, OSError) and (full := disk_error(one.errno, "the download")):
            return full
    fault = _by_kind(chain) or _by_words(chain) or _by_status(chain) or _by_rest(chain)
    return fault.error() if fault is not UNCLEAR else _told(error)


def of_status(status: int) -> Fault:
    """What an answer of this HTTP status means."""
    return BY_STATUS.get(status, DOWN if status >= 500 else UNCLEAR)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, the outermost first."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = getattr(one, "exc_info", None) or (None, None)
        waiting += [getattr(one, "cause", None), inner[1], one.__cause__, one.__context__]


def _by_kind(chain: tuple[BaseException, ...]) -> Fault | None:
    for one in chain:
        match one:
            case CookieLoadError():
                return COOKIES
            case GeoRestrictedError():
                return GEO
            case UserNotLive():
                return LIVE
            case UnsupportedError():
                return NO_VIDEO
            case HTTPError() if one.redirect_loop:
                return LOOP
    return None


def _by_words(chain: tuple[BaseException, ...]) -> Fault | None:
    """By what an extractor says; it has a bug only where the network is not to blame."""
    for one in chain:
        if isinstance(one, ExtractorError):
            words = str(one.orig_msg)
            if one.expected and not re.search(r"HTTP Error \d{3}", words):
                return _spoken(words)
            return _by_status(chain) or _transport(chain) or _spoken(words) or BROKEN
    return None


def _spoken(words: str) -> Fault | None:
    plain = words.replace("\u2019", "'")
    return next((fault for fault in SPOKEN if re.search(fault.said, plain, re.IGNORECASE)), None)


def _by_status(chain: tuple[BaseException, ...]) -> Fault | None:
    for one in chain:
        if isinstance(one, HTTPError):
            return of_status(one.status)
    found = re.search(r"HTTP Error (\d{3})", " ".join(map(str, chain)))
    return of_status(int(found[1])) if found else None


def _transport(chain: tuple[BaseException, ...]) -> Fault | None:
    return DOWN if any(isinstance(one, TransportError) for one in chain) else None


def _by_rest(chain: tuple[BaseException, ...]) -> Fault:
    ours = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
    said = _transport(chain) or _spoken(" ".join(map(str, chain)))
    return said or (BROKEN if isinstance(chain[0], ours) else UNCLEAR)


def _told(error: BaseException) -> ClipmillError:
    words = re.sub(r"\x1b\[[0-9;]*m|^ERROR: *|\[[\w:+.-]+\] *|https?://\S+", "", str(error))
    plain = " ".join(words.split())[:SHOWN].rstrip(".")
    return UNCLEAR.kind(f"The site does not give the video; it says: {plain}.", code="site-refused")
