"""Can addresses be fetched from, and a speech service be asked? Part of what the doctor looks for."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx

from clipmill.addresses import Place
from clipmill.doctor import Check, Health
from clipmill.errors import ClipmillError
from clipmill.media.fetch import Fetching, versions
from clipmill.media.launcher import fetch_level
from clipmill.media.speech_api import SpeechService

OLD_DAYS = 60
"""Sites change, and yt-dlp with them, about once a month."""

ANSWER_S = 5.0
"""How long a speech service may take to say which models it has."""

NEWER = "pip install -U yt-dlp, or name a newer wheel, zip file or folder with CLIPMILL_YTDLP."


def reach(fetching: Fetching, speech: SpeechService | None, *, today: date) -> tuple[Check, ...]:
    """Look at all that fetching needs, without asking any site, and whether the speech service answers."""
    return (
        *_programs(fetching, today),
        _confined(),
        *_cookies(fetching.cookies),
        *_allowed(fetching.allow),
        *([_service(speech)] if speech else []),
    )


def _programs(fetching: Fetching, today: date) -> Iterator[Check]:
    with tempfile.TemporaryDirectory(prefix="clipmill-") as folder:
        try:
            ytdlp, deno = versions(fetching=replace(fetching, cookies=None), cwd=Path(folder))
        except ClipmillError as error:
            yield Check("yt-dlp", Health.WARN, f"does not run ({error.code})", f"{error.message} {NEWER}")
            return
    yield _fresh(ytdlp, today)
    if deno:
        yield Check("deno", Health.OK, f"{deno}, which runs the scripts of sites that need it")
    else:
        remedy = "Without it YouTube and the like may give nothing: pip install deno"
        yield Check("deno", Health.WARN, "none that runs", remedy)


def _fresh(version: str, today: date) -> Check:
    """Whether a version of yt-dlp, which is named by its day, is new enough."""
    age = None
    with suppress(ValueError, TypeError):
        age = (today - date(*(int(part) for part in version.split(".")[:3]))).days
    if age is not None and age > OLD_DAYS:
        return Check("yt-dlp", Health.WARN, f"{version}, {age} days old", f"Where a site fails: {NEWER}")
    if not version:
        return Check("yt-dlp", Health.WARN, "none", f"Files work, addresses do not: {NEWER}")
    return Check("yt-dlp", Health.OK, version)


def _confined() -> Check:
    level = fetch_level()
    if level == "full":
        return Check("fetch sandbox", Health.OK, "full: fetching reaches nothing but our own proxy")
    remedy = "Linux 6.7 or newer keeps a yt-dlp that was taken over from connecting past the proxy."
    return Check("fetch sandbox", Health.WARN, level, remedy)


def _cookies(cookies: Path | None) -> Iterator[Check]:
    """Whether the file of cookies can be read; what is in it is nobody's business."""
    if cookies is None:
        return
    try:
        with cookies.expanduser().open(encoding="utf-8") as file:
            readable = bool(file.readline())
    except (OSError, UnicodeDecodeError):
        readable = False
    if readable:
        yield Check("cookies", Health.OK, str(cookies))
    else:
        remedy = "CLIPMILL_COOKIES must name a cookies.txt in Netscape's form that this account can read."
        yield Check("cookies", Health.WARN, f"{cookies} cannot be read, or is empty", remedy)


def _allowed(places: frozenset[Place]) -> Iterator[Check]:
    if places:
        named = ", ".join(sorted(f"{place.host}:{place.port}" for place in places))
        yield Check("allowed places", Health.OK, f"{named}, though not public (CLIPMILL_EGRESS_ALLOW)")


def _service(speech: SpeechService) -> Check:
    """Whether the service answers; nothing that costs is asked."""
    headers = {"Authorization": f"Bearer {speech.key}"} if speech.key else {}
    try:
        answer = httpx.get(f"{speech.url}/models", headers=headers, timeout=ANSWER_S)
    except httpx.HTTPError as error:
        why = "does not answer in time" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
        remedy = "Check CLIPMILL_SPEECH_URL; until it answers the local model listens instead."
        return Check("speech service", Health.WARN, f"{speech.url} {why}", remedy)
    if answer.status_code in (401, 403):
        remedy = "Check CLIPMILL_SPEECH_KEY or CLIPMILL_SPEECH_KEY_FILE."
        return Check("speech service", Health.WARN, f"{speech.url} refuses the key", remedy)
    return Check("speech service", Health.OK, f"{speech.url} answers; model {speech.model}")
