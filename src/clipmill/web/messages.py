"""Events as they go over the wire."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from clipmill.jobs.records import Event

FINAL = frozenset(("succeeded", "partial", "failed", "cancelled"))
"""Events after which nothing happens to a job by itself."""


class Ending(StrEnum):
    """Why there is nothing more to listen to."""

    FINAL = "final"
    GONE = "gone"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Message:
    """An event as it goes over the wire: ``text`` is its JSON."""

    number: int
    kind: str
    text: str


Links = Callable[[str], Mapping[str, str]]
"""The addresses of a clip by its id."""


def message_of(event: Event, links: Links) -> Message:
    """The message that tells of an event."""
    facts = {**event.data, "job": event.job, "number": event.number, "kind": event.kind, "at": utc(event.at)}
    if event.kind == "clip.ready":
        facts["links"] = dict(links(str(event.data["clip"])))
    # All in ASCII: many readers of streams take U+2028 and the like in a title for the end of a line.
    return Message(event.number, event.kind, json.dumps(facts, separators=(",", ":")))


def utc(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 text in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sse_text(batch: Sequence[Message]) -> str:
    """Messages as server-sent events; none at all is a ping."""
    lines = (f"id: {each.number}\nevent: {each.kind}\ndata: {each.text}\n\n" for each in batch)
    return "".join(lines) or ": ping\n\n"
