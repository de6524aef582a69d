"""Addresses from outside: which may be asked for at all, and which machines may be connected to."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from clipmill.errors import SourceError


@dataclass(frozen=True, slots=True)
class Place:
    """A machine by name or number, and a port."""

    host: str
    port: int


NOWHERE: frozenset[Place] = frozenset()
"""No places."""


def is_address(source: str) -> bool:
    """Whether a source is meant as an address rather than as a file."""
    return "://" in source


def checked_address(text: str, *, allow: frozenset[Place] = NOWHERE) -> str:
    """An address that may be fetched, as it was given.

    Raises SourceError ``address-wrong`` for what is no http or https address, ``address-refused`` for one that
    is not of the public network. No name is looked up here: ``media.egress`` checks what it means.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SourceError(
            "This is no address of a video: give one that starts with https://.", code="address-wrong"
        )
    return text


def allowed_places(text: str) -> frozenset[Place]:
    """The places named in ``host:port,host:port``; ValueError for what is none."""
    named = (part.strip().rpartition(":") for part in text.split(",") if part.strip())
    return frozenset(Place(host.strip("[]").lower(), int(port)) for host, _, port in named)
