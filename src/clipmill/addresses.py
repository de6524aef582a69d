"""Addresses from outside: which may be asked for at all, and which machines may be connected to.

Nothing here looks a name up: that is done where it is connected to, in ``media.dialing``.
"""

import contextlib
import ipaddress
import re
import unicodedata
from dataclasses import dataclass

from clipmill.errors import SourceError

PORTS = frozenset({80, 443, 8080, 8443})
"""The ports at which videos are served; others belong to services that nobody means to publish."""

LONGEST = 8192
"""Longest address in characters; the longest of a video site are about 2,000."""


LONGEST_NAME = 253


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

    Raises SourceError ``address-wrong`` for what is no http or https address, ``address-refused`` for one
    that is not of the public network. No name is looked up here: ``media.egress`` checks what it means.
    """
    place_of(text, allow=allow)
    return text


def place_of(text: str, *, allow: frozenset[Place] = NOWHERE) -> Place:
    """The place that an address leads to, its host in the one form that is looked up.

    Raises SourceError as ``checked_address`` does. A place of ``allow`` is taken as it is written there.
    """
    written, port = _split(text)
    if Place(written.strip("[]").lower(), port) in allow:
        return Place(written.strip("[]").lower(), port)
    host = _plain_host(written)
    if port not in PORTS:
        raise _refused(f"its port is {port}, and only {', '.join(map(str, sorted(PORTS)))} are")
    if not (public(host) if is_number(host) else _public_name(host)):
        raise _refused("it leads to this machine, to a local network or to none")
    return Place(host, port)


def allowed_places(text: str) -> frozenset[Place]:
    """The places named in ``host:port,host:port``; ValueError for what is none."""
    return frozenset(_named_place(part.strip()) for part in text.split(",") if part.strip())


def _named_place(text: str) -> Place:
    host, colon, port = text.rpartition(":")
    host = host.strip("[]").lower()
    if not colon or not re.fullmatch(r"[a-z0-9_.:-]+", host):
        raise ValueError(f"{text!r} is no host:port")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(f"{port!r} is no port")
    return Place(host, int(port))


# --- how it is written ------------------------------------------------------------------------------


def _split(text: str) -> tuple[str, int]:
    """The host as it is written and the port, of what is an address at all."""
    if len(text) > LONGEST or any(_out_of_place(letter) for letter in text):
        raise _wrong("it is too long, or holds spaces, control characters or a backslash")
    match = re.match(r"(https?)://([^/?#]*)", text, re.IGNORECASE)
    if match is None:
        raise _wrong("it does not start with https:// or http://")
    scheme, authority = match.groups()
    if "@" in authority:
        raise _wrong("it holds a name or a password before its host")
    parts = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]+)(?::([0-9]{1,5}))?", authority)
    if parts is None:
        raise _wrong("it names no host, or its port is no number")
    host, port = parts.groups()
    return host, int(port or (443 if scheme.lower() == "https" else 80))


def _out_of_place(letter: str) -> bool:
    """Whether a character has no business in an address: it steers, separates, or cannot be seen."""
    return letter == "\\" or unicodedata.category(letter)[0] in "CZ"


def _plain_host(written: str) -> str:
    """A host in the one form that machines are looked up by: a number, or small letters of ASCII."""
    if written.startswith("["):
        return _ipv6(written[1:-1])
    host = unicodedata.normalize("NFKC", written).replace("\u3002", ".").casefold().removesuffix(".")
    if len(host) > LONGEST_NAME:
        raise _wrong("its host is no name")
    with contextlib.suppress(UnicodeError):
        host = host.encode("ascii" if host.isascii() else "idna").decode()
    if len(host) > LONGEST_NAME or not re.fullmatch(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*", host):
        raise _wrong("its host is no name")
    return _ipv4(host) if re.search(r"(^|\.)(\d+|0x[0-9a-f]*)$", host) else host


def _ipv6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise _wrong("its host is no IPv6 address") from None


def _ipv4(host: str) -> str:
    """The number that a resolver makes of ``127.1``, ``0x7f000001``, ``017700000001`` or ``2130706433``."""
    *high, last = [_number(part) for part in host.split(".")]
    room = 256 ** (4 - len(high))
    if len(high) > 3 or any(part > 255 for part in high) or last >= room:
        raise _wrong("its host is no name and no IPv4 address")
    return str(ipaddress.IPv4Address(sum(part << 8 * (3 - at) for at, part in enumerate(high)) + last))


def _number(part: str) -> int:
    for base, digits in ((16, r"0x([0-9a-f]*)"), (8, r"0([0-7]*)"), (10, r"([1-9][0-9]*)")):
        if found := re.fullmatch(digits, part):
            return int(found[1] or "0", base)
    raise _wrong("its host is no name and no IPv4 address")


# --- what it names ----------------------------------------------------------------------------------

LOCAL_ENDS = frozenset({
    "localhost", "local", "internal", "localdomain", "intranet", "lan", "home", "corp", "private", "test",
    "invalid", "example", "onion", "alt", "arpa",
})  # fmt: skip
"""Last parts of names that belong to no public machine."""


def _public_name(host: str) -> bool:
    first, *rest = host.split(".")
    return bool(rest) and rest[-1] not in LOCAL_ENDS and first != "metadata"


def is_number(host: str) -> bool:
    """Whether a host in its plain form is a number rather than a name."""
    return ":" in host or host.replace(".", "").isdigit()


def loopback(host: str) -> bool:
    """Whether a host is this machine under one of the names that only it has: no proxy leads there."""
    with contextlib.suppress(ValueError):
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    return False


# IANA's registries of special-purpose addresses, with what clouds put at addresses of their own. Those few
# that are reachable (anycast of AS112, AMT, TURN) serve no videos.
SPECIAL_4 = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip

GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
"""The only part of IPv6 that machines of the public network have addresses of."""

SPECIAL_6 = tuple(
    ipaddress.IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20")
)
MAPPED, TRANSLATED = ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96")
SIX_TO_FOUR, TEREDO = ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("2001::/32")
TUNNELLED = (0x00005EFE, 0x02005EFE)
"""What stands before the IPv4 address in the last 64 bits of an ISATAP address."""


def public(ip: str) -> bool:
    """Whether an address as a number is one of the public network.

    One that wraps an IPv4 address (mapped, NAT64, 6to4, Teredo, ISATAP) is as public as what is inside.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return _public_4(address)
    return address.scope_id is None and _public_6(address)


def _public_4(address: ipaddress.IPv4Address) -> bool:
    return not any(address in block for block in SPECIAL_4)


def _public_6(address: ipaddress.IPv6Address) -> bool:
    inside = _inside(address)
    if not all(map(_public_4, inside)):
        return False
    if any(address in block for block in (MAPPED, TRANSLATED, SIX_TO_FOUR, TEREDO)):
        return True
    return address in GLOBAL_6 and not any(address in block for block in SPECIAL_6)


def _inside(address: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address wraps."""
    bits = int(address)
    if address in MAPPED or address in TRANSLATED or bits >> 32 & 0xFFFFFFFF in TUNNELLED:
        return (_four(bits),)
    if address in SIX_TO_FOUR:
        return (_four(bits >> 80),)
    if address in TEREDO:
        return (_four(bits >> 64), _four(~bits))
    return ()


def _four(bits: int) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(bits & 0xFFFFFFFF)


# --- what is said of it -----------------------------------------------------------------------------


def _wrong(why: str) -> SourceError:
    return SourceError(
        f"This is no address of a video: {why}. Give one such as https://host/video.", code="address-wrong"
    )


def _refused(why: str) -> SourceError:
    return SourceError(
        f"This address is not fetched from: {why}. Only public addresses are; the administrator can make"
        " exceptions with CLIPMILL_EGRESS_ALLOW.",
        code="address-refused",
    )
