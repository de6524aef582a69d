"""Addresses that carry their own leave: signed with a secret of the server, good for a time."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request

from clipmill.jobs.store import Store
from clipmill.web.floor import Floor, Ground
from clipmill.web.problems import Refused

LEEWAY_S = 60.0
"""Clocks of two machines may differ by this much."""

STEP_S = 3600
"""A link's end is a multiple of this, so that the same clip has the same links for a while."""

CLIP_FILES: Mapping[str, str] = {
    "video": ".mp4",
    "thumb": ".jpg",
    "captions.srt": ".srt",
    "captions.vtt": ".vtt",
    "captions.ass": ".ass",
    "data": ".json",
}
"""The last part of a clip file's address, and how the file's name ends."""


def sign(path: str, *, secret: bytes, expires: int) -> str:
    """The signature of a path until a time in seconds since 1970: HMAC-SHA256, in hexadecimal."""
    return hmac.new(secret, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()


def signed(path: str, floor: Floor) -> str:
    """A path that opens without a key until it expires."""
    expires = int(-(-(time.time() + floor.link_s) // STEP_S) * STEP_S)
    signature = sign(path, secret=_secret(floor.store), expires=expires)
    return f"{path}?expires={expires}&signature={signature}"


def clip_links(clip: str, floor: Floor) -> dict[str, str]:
    """All addresses of one clip; those of its files are signed."""
    place = f"/v1/clips/{clip}"
    files = {name.replace(".", "_"): signed(f"{place}/{name}", floor) for name in CLIP_FILES}
    return {"self": place, "render": f"{place}/render", **files}


def checked_link(
    request: Request,
    floor: Ground,
    expires: Annotated[
        int | None, Query(ge=0, le=2**40, description="When the signed link ends, in seconds since 1970.")
    ] = None,
    signature: Annotated[
        str | None, Query(max_length=128, description="The link's signature; not needed on this machine.")
    ] = None,
) -> None:
    """Refuse a link whose signature is wrong or old; one without a signature is open on this machine."""
    if expires is None and signature is None:
        return
    ours = sign(request.scope["path"], secret=_secret(floor.store), expires=expires or 0)
    if not hmac.compare_digest(ours.encode(), (signature or "").encode("utf-8", "replace")):
        raise Refused("The signature of this link is wrong: ask for the clip again.", code="link-wrong")
    if (expires or 0) + LEEWAY_S < time.time():
        raise Refused("This link has expired: ask for the clip again.", code="link-expired")


@lru_cache(maxsize=4)
def _secret(store: Store) -> bytes:
    """The secret never changes, so a store is asked once."""
    return store.secret("links")


Signed = Depends(checked_link)
"""Goes with every endpoint that signed links lead to."""
