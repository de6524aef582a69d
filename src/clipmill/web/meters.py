"""What is counted about requests: how many of each kind, how they ended and how long they took."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The times at which each figure began would double the lines and say nothing.
disable_created_metrics()  # type: ignore[no-untyped-call]

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"))

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
"""Seconds: from a look at a job to a long poll."""


class Meters:
    """The figures of one application about its requests."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        labels = ("method", "route", "status")
        self._requests = Counter(
            "clipmill_http_requests", "Requests answered.", labels, registry=self.registry
        )
        self._seconds = Histogram(
            "clipmill_http_seconds",
            "Time until a request was answered to its last byte.",
            ("route",),
            registry=self.registry,
            buckets=BUCKETS,
        )

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one request. Labels are names of ours only, so nobody outside can make more of them."""
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class Metered:
    """Counts every request."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count it when it is over."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, begun = 499, time.monotonic()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._meters.count(scope, status, time.monotonic() - begun)
