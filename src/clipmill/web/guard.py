"""What every request passes first: whom it is addressed to, who sent it, and how much comes."""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from clipmill.errors import BusyError, ClipmillError
from clipmill.web.bodies import streams, whole_body
from clipmill.web.problems import Refused, problem_response
from clipmill.web.tus import VERSION

AT_ONCE = 512
"""So many requests are answered at once; more are told to come back. Who listens is counted elsewhere."""

SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))

ALWAYS = frozenset(("/healthz", "/readyz"))
"""These are answered however many requests there are."""


class Guard:
    """Refuses requests for another machine, from another site's page, too large ones and too many."""

    def __init__(self, app: ASGIApp, hosts: Collection[str], *, at_once: int = AT_ONCE) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._at_once = at_once
        self._now = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a problem."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        _take_override(scope)
        counted = not _lasts(scope)
        self._now += counted
        try:
            await self._guarded(scope, receive, send)
        finally:
            self._now -= counted

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check(scope)
            if scope["type"] == "http" and not streams(scope):
                receive = await whole_body(scope, receive)
        except ClipmillError as error:
            await _refuse(problem_response(error), scope, receive, send)
            return
        except ConnectionResetError:
            return
        await self._app(scope, receive, _hardened(send, scope["path"]))

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if self._now > self._at_once and not _lasts(scope) and scope["path"] not in ALWAYS:
            raise BusyError(
                "Too many requests are being answered: try again in a second.",
                code="too-many-requests",
                retry_after=1.0,
            )
        host = headers.get("host", "")
        if host_name(host) not in self._hosts:
            raise Refused(
                "This server does not answer to that host name: use 127.0.0.1 or localhost.",
                code="host-not-allowed",
            )
        unsafe = scope["type"] == "websocket" or scope["method"] not in SAFE
        origin = headers.get("origin")
        if unsafe and origin is not None and not same_origin(origin, host):
            raise Refused("A page of another site may not do this.", code="origin-not-allowed")


def _lasts(scope: Scope) -> bool:
    """Whether this is a stream, an upload or a long poll, which last long and are counted elsewhere."""
    if scope["type"] == "websocket" or scope["path"].endswith("/events"):
        return True
    return streams(scope) or b"wait=" in scope["query_string"]


def _take_override(scope: Scope) -> None:
    """Let uploads be sent by who can only POST, as tus wants it."""
    if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/v1/uploads/"):
        wanted = Headers(scope=scope).get("x-http-method-override", "").upper()
        if wanted in ("PATCH", "DELETE"):
            scope["method"] = wanted


def host_name(host: str) -> str:
    """The name in a Host header, without its port, in lower case; empty when it cannot be read."""
    try:
        return (urlsplit(f"//{host}").hostname or "") if "@" not in host else ""
    except ValueError:
        return ""


def same_origin(origin: str, host: str) -> bool:
    """Whether a page of ``origin`` came from the server that ``host`` names."""
    scheme, _, rest = origin.partition("://")
    return scheme in ("http", "https") and rest.lower() == host.lower()


def _hardened(send: Send, path: str) -> Send:
    """Add the headers that every answer has."""

    async def hardened(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "private, no-cache")
            headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
            headers.setdefault("Referrer-Policy", "no-referrer")
            headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
            if path.startswith("/v1/uploads"):
                headers["Tus-Resumable"] = VERSION
        await send(message)

    return hardened


async def _refuse(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(answer)
    else:
        await answer(scope, receive, _hardened(send, scope["path"]))
