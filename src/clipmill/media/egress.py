"""The only way out: a proxy on loopback that connects to public addresses and to nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from clipmill.addresses import Place


@dataclass(slots=True)
class Pass:
    """One child's leave to use the proxy, and what it did with it.

    ``proxy`` is the proxy's address with the name and word of this pass, ``port`` its port. ``refused`` are
    the addresses that it was kept from, ``received`` the bytes that came in from outside.
    """

    proxy: str
    port: int
    refused: list[str] = field(default_factory=list)
    received: int = 0


@contextmanager
def way_out(*, allow: frozenset[Place] = frozenset(), upstream: str = "") -> Iterator[Pass]:
    """A pass for one child, until the end of the block; the proxy is started when it is needed first.

    ``allow`` are places that may be connected to although they are not public. ``upstream`` is the proxy
    that the user of this machine goes through, empty for none.
    """
    raise NotImplementedError
    yield
