"""A service that speaks OpenAI's transcription API: where it is, and what it means when it gives no words."""

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from clipmill.errors import RemoteError, SettingsError

LONGEST_WAIT_S, DEFAULT_WAIT_S = 3600.0, 10.0
"""The longest time that a service can send us away for, and the time when it does not say one."""


@dataclass(frozen=True, slots=True)
class SpeechService:
    """A service that listens: where it is, the key and model to ask with, and what a minute of sound costs.

    ``most_mb`` is the largest file that it takes, ``patience_s`` how long a job waits for it in all before
    the local model listens instead.
    """

    url: str
    key: str = field(default="", repr=False)
    model: str = "whisper-1"
    usd_a_minute: float = 0.0
    most_mb: float = 24.0
    patience_s: float = 900.0

    def __post_init__(self) -> None:
        try:
            httpx.URL(self.url)
        except httpx.InvalidURL:
            raise SettingsError("CLIPMILL_SPEECH_URL is no address.", code="setting-wrong") from None

    @property
    def host(self) -> str:
        """Where it is, as it may be told to everybody: without a name, a key or a path."""
        address = httpx.URL(self.url)
        return f"{address.host}:{address.port}" if address.port else address.host


class Trouble(Exception):  # noqa: N818 (it is what we met, not what is raised to people)
    """The service failed in a way that may pass; ``retry_after`` is how long it sent us away for."""

    def __init__(self, why: str, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after = retry_after


class TooLarge(Exception):  # noqa: N818
    """The service takes no file of this size."""


class NotSo(Exception):  # noqa: N818
    """The service does not take the call in this way; its own ``words`` on that, without secrets."""

    def __init__(self, status: int, words: str) -> None:
        self.words = f"HTTP {status}: {words}"
        super().__init__(self.words)
        said = words.lower()
        asked = "granularit" in said or "response_format" in said
        named = any(part in said for part in ("file", "decod", "codec", "audio"))
        self.about_file = not asked and (status == 415 or named)
        """Whether the file is to blame, not what was asked of it."""


def refusal(service: SpeechService, answer: httpx.Response) -> Exception:
    """What an answer other than 200 means."""
    status, words = answer.status_code, _words(service, answer)
    match status:
        case 401 | 403:
            return RemoteError(
                f"The speech service at {service.host} does not take the key (HTTP {status}): check"
                " CLIPMILL_SPEECH_KEY and what the key may do.",
                code="speech-key-wrong",
            )
        case 404:
            return RemoteError(
                f"The speech service at {service.host} does not know the model {service.model!r}, or is at"
                " another address (HTTP 404): check CLIPMILL_SPEECH_MODEL and CLIPMILL_SPEECH_URL.",
                code="speech-model-unknown",
            )
        case 402 | 429 if status == 402 or "insufficient_quota" in answer.text:
            return RemoteError(
                f"The speech service at {service.host} says that the quota is used up (HTTP {status}):"
                " see the account there.",
                code="speech-quota-used-up",
            )
        case 413:
            return TooLarge()
        case 400 | 415 | 422:
            return NotSo(status, words)
        case 429 | 503:
            waits = retry_after_s(answer.headers, now=datetime.now(UTC))
            default = DEFAULT_WAIT_S if status == 429 else None
            return Trouble(f"it is too busy (HTTP {status})", default if waits is None else waits)
    if status in (408, 409, 425) or status >= 500:
        return Trouble(f"it failed (HTTP {status})")
    return refused(service, f"HTTP {status}: {words}")


def refused(service: SpeechService, words: str) -> RemoteError:
    """What to say when the service does not take a call in any form."""
    return RemoteError(f"The speech service at {service.host} refused ({words}).", code="speech-refused")


def retry_after_s(headers: httpx.Headers, *, now: datetime) -> float | None:
    """The seconds that ``Retry-After`` asks for, at most an hour; None when it says nothing usable.

    A date counts from the answer's own ``Date``, so it does not matter when the service's clock is wrong.
    """
    said = headers.get("retry-after", "").strip()
    try:
        seconds = float(said)
    except ValueError:
        then, since = _date(said), _date(headers.get("date", "")) or now
        if then is None:
            return None
        seconds = (then - since).total_seconds()
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, LONGEST_WAIT_S)


def _date(text: str) -> datetime | None:
    """A date in any of HTTP's three forms."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _words(service: SpeechService, answer: httpx.Response) -> str:
    """What the service says about its refusal: one short line without the key."""
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError):
        said = {}
    inner = said.get("error", said.get("detail", "")) if isinstance(said, dict) else ""
    text = inner.get("message", "") if isinstance(inner, dict) else inner
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in str(text)).split())
    return (line.replace(service.key, "***") if service.key else line)[:200] or "no reason given"
