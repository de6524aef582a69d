"""Bodies of requests: how much is taken, within which time, and that it is JSON as the standard has it."""

import asyncio
import json
import math
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from clipmill.web.problems import Refused

BODY_BYTES = 64 << 10
"""The largest body that is taken, but for a plan."""

PLAN_BYTES = 16 << 20
"""The largest plan: one of a four hour talk has about 2 MiB."""

DEEP = 64
"""Lists and objects may lie in one another so deep; nobody needs more, and what writes them overflows."""

BODY_S = 30.0
"""A body must have come within this time."""


def strict_json(body: bytes) -> Any:
    """What a body says; raises Refused for what RFC 8259 does not know: NaN, half characters."""
    try:
        said = json.loads(body.decode("utf-8"), parse_constant=_no_number, parse_float=_finite)
        json.dumps(said, ensure_ascii=False).encode("utf-8")
        _shallow(said)
    except json.JSONDecodeError as error:
        why = f"{error.msg.lower()} in line {error.lineno}, column {error.colno}"
    except UnicodeError:
        why = "it has characters that UTF-8 does not know"
    except RecursionError:
        why = "it is nested too deep"
    except ValueError as error:
        why = str(error).partition(":")[0].lower()
    else:
        return said
    raise Refused(f"The body is not JSON that can be read: {why}.", code="body-unreadable")


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError("a number is too large")
    return number


def body_limit(scope: Scope) -> int:
    """How many bytes of body an address takes."""
    is_plan = scope["method"] == "PUT" and scope["path"].endswith("/plan")
    return PLAN_BYTES if is_plan else BODY_BYTES


def streams(scope: Scope) -> bool:
    """Whether the body of a request is taken as it comes by the one who answers it."""
    of_uploads = scope["path"] == "/v1/uploads" or scope["path"].startswith("/v1/uploads/")
    return of_uploads and scope["method"] in ("POST", "PUT", "PATCH")


def _shallow(said: Any) -> None:
    level = [said]
    for _ in range(DEEP):
        level = [below for each in level for below in _inside(each)]
    if level:
        raise RecursionError


def _inside(said: Any) -> Iterable[Any]:
    if isinstance(said, dict):
        return said.values()
    return said if isinstance(said, list) else ()


async def whole_body(scope: Scope, receive: Receive) -> Receive:
    """Read all of a body, as much as is taken, and hand it on as one message."""
    headers, limit = Headers(scope=scope), body_limit(scope)
    told = headers.get("content-length", "")
    if told.isdecimal() and int(told[:18]) > limit:
        raise _too_large(limit)
    if not told.strip("0") and "transfer-encoding" not in headers:
        return receive
    try:
        async with asyncio.timeout(BODY_S):
            body = await _read(receive, limit)
    except TimeoutError:
        raise Refused("The body did not come in time.", code="body-slow") from None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/json":
        raise Refused(
            "A body must be JSON and say so: Content-Type: application/json.", code="content-type-wrong"
        )
    if body and limit == BODY_BYTES:
        strict_json(body)  # a plan is checked where it is read, off the loop
    return _once(body, receive)


async def _read(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return bytes(body)


def _too_large(limit: int) -> Refused:
    return Refused(
        f"The body is larger than the {limit >> 10} KiB that this address takes.",
        code="body-too-large",
    )


def _once(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
