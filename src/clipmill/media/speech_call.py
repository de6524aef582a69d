"""One call to a speech service: a file goes, JSON comes, in bounded time."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from clipmill import __version__
from clipmill.addresses import loopback
from clipmill.errors import RemoteError, SettingsError
from clipmill.media.launcher import Tick
from clipmill.media.speech_service import SpeechService, Trouble, refusal

T = TypeVar("T")

CONNECT_S, READ_S = 10.0, 60.0
"""How long it may take to reach the service, and each next part of the answer to come."""

CALL_S, CALL_RATE = 120.0, 1.0
"""How long a call may take in all: so many seconds, and so many more for each second of sound."""

ANSWER_BYTES = 32 << 20
"""A day of words takes less."""

TELL_S = 0.5
"""How often somebody may ask for the call to stop."""

KINDS = {"ogg": "audio/ogg", "m4a": "audio/mp4"}
"""What each kind of file is called on the way."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one call asks: the words of a ``file`` of so many ``seconds``.

    ``language`` is empty to let the service find out. ``exact`` asks for the times of words, not only of
    segments. ``key`` names the call: the same call again has the same.
    """

    file: Path
    seconds: float
    key: str
    language: str = ""
    exact: bool = True


def ask_service(service: SpeechService, call: Call, *, begin: Callable[[], None], tick: Tick) -> Any:
    """The service's answer to one call, as parsed JSON.

    ``begin`` is called when the service was reached, right before the first byte goes; what it raises ends
    the call. Raises Trouble, TooLarge or NotSo, and RemoteError for what will not pass: ``speech-key-wrong``,
    ``speech-model-unknown``, ``speech-quota-used-up``, ``speech-refused``.
    """
    answer = asyncio.run(_watched(_asked(service, call, begin), tick))
    if answer.status_code == 200:
        return _parsed(answer.content)
    raise refusal(service, answer)


async def _watched(work: Coroutine[Any, Any, T], tick: Tick) -> T:
    """Do the work, and let ``tick`` stop it."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            tick(0.0)
            await asyncio.wait({task}, timeout=TELL_S)
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _asked(service: SpeechService, call: Call, begin: Callable[[], None]) -> httpx.Response:
    seconds = CALL_S + CALL_RATE * call.seconds
    try:
        async with asyncio.timeout(seconds), _client(service, seconds) as client:
            request = _request(client, service, call)
            request.extensions["trace"] = _before_first_byte(begin)
            answer = await client.send(request, stream=True)
            try:
                content = await _body(answer)
            finally:
                await answer.aclose()
            return httpx.Response(answer.status_code, headers=_plain(answer.headers), content=content)
    except (TimeoutError, httpx.TimeoutException):
        raise Trouble("it did not answer in time") from None
    except httpx.ConnectError as error:
        trusted = "CERTIFICATE" not in str(error)
        why = "it cannot be reached" if trusted else "its certificate is not trusted here"
        raise Trouble(why) from None
    except (httpx.TransportError, httpx.StreamError, httpx.DecodingError):
        raise Trouble("the connection broke") from None


def _client(service: SpeechService, seconds: float) -> httpx.AsyncClient:
    """A client whose wait for the first byte of an answer is bounded by the call's own deadline only."""
    try:
        return httpx.AsyncClient(
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S, read=seconds),
            trust_env=not _is_here(service.url),
            headers={"User-Agent": f"clipmill/{__version__}", "Accept-Encoding": "identity"},
        )
    except (ImportError, ValueError, httpx.InvalidURL):  # such as a SOCKS proxy, which needs a package
        raise SettingsError(
            "The proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY name cannot be used for the speech service.",
            code="setting-wrong",
        ) from None


def _request(client: httpx.AsyncClient, service: SpeechService, call: Call) -> httpx.Request:
    if not (service.key.isascii() and service.key.isprintable()):
        raise RemoteError(
            "The key of the speech service has characters that no key has: check CLIPMILL_SPEECH_KEY.",
            code="speech-key-wrong",
        )
    granularities = ["word", "segment"] if call.exact else ["segment"]
    fields = {
        "model": service.model,
        "response_format": "verbose_json",
        "temperature": "0",
        "timestamp_granularities[]": granularities,
    }
    language = {"language": call.language} if call.language else {}
    headers = {"Idempotency-Key": call.key}
    if service.key:
        headers["Authorization"] = f"Bearer {service.key}"
    kind = KINDS.get(call.file.suffix.removeprefix("."), "application/octet-stream")
    return client.build_request(
        "POST",
        f"{service.url}/audio/transcriptions",
        data=fields | language,
        files={"file": (call.file.name, call.file.read_bytes(), kind)},
        headers=headers,
    )


def _before_first_byte(
    begin: Callable[[], None],
) -> Callable[[str, dict[str, Any]], Coroutine[Any, Any, None]]:
    async def trace(event: str, facts: dict[str, Any]) -> None:
        if event.endswith(".send_request_headers.started") and facts["request"].method == b"POST":
            begin()  # a proxy on the way was asked to CONNECT before

    return trace


async def _body(answer: httpx.Response) -> bytes:
    """The whole body, each part of which comes in time. Raises Trouble when it is endless."""
    body = bytearray()
    chunks = answer.aiter_bytes(65536)
    while True:
        async with asyncio.timeout(READ_S):
            part = await anext(chunks, b"")
        if not part:
            return bytes(body)
        body += part
        if len(body) > ANSWER_BYTES:
            raise Trouble("its answer has no end")


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """The headers that are looked at; those that say how the body was packed are not true any more."""
    return {name: headers[name] for name in ("retry-after", "date", "content-type") if name in headers}


def _is_here(url: str) -> bool:
    """Whether an address is on this machine, to which no proxy leads."""
    host = httpx.URL(url).host
    return loopback(host) or host.endswith(".localhost")


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Trouble("its answer is not JSON") from None
