"""Live events of a job by SSE and WebSocket, from any event number on."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from contextlib import aclosing, suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response, WebSocket
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from clipmill.errors import BusyError, UnknownError
from clipmill.web.guard import same_origin
from clipmill.web.messages import Ending, sse_text
from clipmill.web.watch import Listener, Watch

__all__ = ["SERVER_OPTIONS", "Watch", "router"]

SOCKET_LOOK_S = 60.0
"""A socket's pings come from the server; nothing has to be done here in the meantime."""

RETRY_MS = 1000
"""How long a browser waits before it comes back."""

SSE_PING_S = 15.0
"""Proxies end connections on which nothing passes, most of them after 30 s or more."""

SERVER_OPTIONS: dict[str, Any] = {
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    "ws_max_size": 4096,
    "ws_per_message_deflate": False,
}
"""What uvicorn must be told for the sockets: it sends the pings and measures what comes in.

Events are a few hundred bytes: packing them costs more memory for each socket than it saves.
"""

CLOSE_CODES = {Ending.FINAL: 1000, Ending.GONE: 4404, Ending.STOPPED: 1012}
"""How a socket is closed: all is told, there is no such job, the server ends."""

REFUSALS = {UnknownError: 4404, BusyError: 1013}
"""How a socket is closed at once: there is no such job, try again later."""

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Nobody on the way may keep events, or hold them back to send several at once."""

router = APIRouter(tags=["events"])

After = Annotated[
    int, Query(ge=0, le=2**53, description="The number of the last event that is known already.")
]
KnownByHeader = Annotated[
    str, Header(pattern="^[0-9]{0,15}$", description="The same, as browsers say it; it goes before `after`.")
]


class Stuck(Exception):  # noqa: N818 (it is an outcome)
    """A client takes nothing."""


class EventStream(Response):
    """The answer that goes on: every event of a listener as server-sent events."""

    media_type = "text/event-stream"

    def __init__(self, watch: Watch, listener: Listener) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._watch = watch
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until there is nothing more to come or nobody reads."""
        with self._listener:
            try:
                await _first_of(self._write(_timed(send, self._watch)), _gone(receive))
            except Stuck:
                await _cut(self._watch, scope)

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send(_body(f"retry: {RETRY_MS}\n\n"))
        async with aclosing(self._listener.batches(SSE_PING_S)) as batches:
            async for batch in batches:
                await send(_body(sse_text(batch)))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@router.get(
    "/v1/jobs/{job_id}/events",
    status_code=200,
    response_class=EventStream,
    responses={
        200: {"description": "The events, until the final one."},
        204: {"description": "There is nothing more to come: how a browser is told not to come back."},
    },
    summary="Follow a job by server-sent events",
)
async def follow_events(
    request: Request, job_id: str, after: After = 0, last_event_id: KnownByHeader = ""
) -> Response:
    """Every event after a number, from the log and then live, until the job has ended."""
    watch: Watch = request.app.state.watch
    listener = await watch.listen(job_id, int(last_event_id or after))
    if listener.finished and last_event_id:
        with listener:
            return Response(status_code=204)
    return EventStream(watch, listener)


@router.websocket("/v1/jobs/{job_id}/ws")
async def follow_socket(socket: WebSocket, job_id: str, after: After = 0) -> None:
    """The same events as JSON messages; what the client says is not looked at."""
    origin = socket.headers.get("origin")  # browsers say whose page it is, others say nothing
    if origin is not None and not same_origin(origin, socket.headers.get("host", "")):
        await socket.close(1008)
        return
    watch: Watch = socket.app.state.watch
    await socket.accept()
    try:
        listener = await watch.listen(job_id, after)
    except (UnknownError, BusyError) as error:
        await socket.close(REFUSALS[type(error)], error.one_line()[:100])
        return
    with listener, suppress(WebSocketDisconnect):
        await _serve_socket(watch, listener, socket)


async def _serve_socket(watch: Watch, listener: Listener, socket: WebSocket) -> None:
    send = _timed(socket.send, watch)

    async def tell() -> None:
        async with aclosing(listener.batches(SOCKET_LOOK_S)) as batches:
            async for batch in batches:
                for each in batch:
                    await send({"type": "websocket.send", "text": each.text})

    try:
        if await _first_of(tell(), _gone(socket.receive)) and listener.ending:
            await send({"type": "websocket.close", "code": CLOSE_CODES[listener.ending], "reason": ""})
    except Stuck:
        await _cut(watch, socket.scope)
    except RuntimeError:  # the server closed it under us: no answer to its ping, or a message too large
        return


def _timed(send: Send, watch: Watch) -> Send:
    """A way to send that raises Stuck when the client takes nothing, with the buffers of both sides full."""

    async def timed(message: MutableMapping[str, Any]) -> None:
        try:
            async with asyncio.timeout(watch.write_s):
                await send(message)
        except TimeoutError:
            raise Stuck from None

    return timed


def _body(text: str) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}


async def _gone(receive: Callable[[], Awaitable[MutableMapping[str, Any]]]) -> None:
    """Until the client has gone; anything that it sends is dropped."""
    while not (await receive())["type"].endswith(".disconnect"):
        pass


async def _first_of(work: Coroutine[Any, Any, None], other: Coroutine[Any, Any, None]) -> bool:
    """Do both until one ends, and end the other; True when ``work`` came to its end."""
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(other)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()
    return not tasks[0].cancelled()


async def _cut(watch: Watch, scope: Scope) -> None:
    """Drop a connection with all that waits to be sent: closing it would wait for the client to read."""
    for connection in tuple(watch.connections):
        if scope["client"] and connection.client == tuple(scope["client"]):
            connection.transport.abort()
    await asyncio.sleep(0)  # the server learns of it before we return
