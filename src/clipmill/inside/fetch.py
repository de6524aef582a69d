"""Looks a video up at its address and fetches it, by yt-dlp; secrets come as one line of JSON on stdin."""

import fcntl
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipmill.errors import RemoteError, SettingsError
from clipmill.inside import serve, tell

if TYPE_CHECKING:
    from clipmill.inside.ytdlp import Downloader, Manner

INFO = "info.json"
CAPTIONS = "captions"
LOCK = "lock"

PIPE = -1
SCRIPT_S = 30.0

BUSY = {"busy": True}
"""The answer while another attempt works in this folder."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """A list of addresses, what is known of one video, or its files; by ``request["task"]``."""
    _use_version(request["ytdlp"])
    if not _only_one():
        return BUSY
    _load()
    match request["task"]:
        case "list":
            return _tried(request, _listed)
        case "look":
            return _tried(request, _looked_up)
        case "check":
            return _checked(request)
    return _tried(request, _fetched)


def _use_version(path: str) -> None:
    """Take yt-dlp from a wheel, zip file or folder, when one is named; SettingsError when that has none."""
    if not path:
        return
    sys.path.insert(0, path)
    try:
        found = importlib.import_module("yt_dlp").__file__ or ""
    except (ImportError, SyntaxError, OSError) as error:
        found = f"{error}"
    if not found.startswith(os.path.abspath(path)):
        raise SettingsError(
            f"CLIPMILL_YTDLP names {path}, from which yt-dlp cannot be loaded: name a wheel or zip file"
            " of it, or the folder in which the folder yt_dlp lies.",
            code="setting-wrong",
        )


def _load() -> None:
    """Load yt-dlp; RemoteError ``ytdlp-broken`` for a version that is made otherwise than we know it."""
    try:
        importlib.import_module("clipmill.inside.ytdlp")
    except (ImportError, AttributeError) as error:
        raise RemoteError(
            f"This version of yt-dlp cannot be used ({error}): name another one with CLIPMILL_YTDLP.",
            code="ytdlp-broken",
        ) from None


def _only_one() -> bool:
    """Whether nobody else works in this folder; as long as this process lives nobody else will."""
    lock = os.open(LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


Task = Callable[[dict[str, Any], "Downloader"], dict[str, Any]]


def _tried(request: dict[str, Any], task: Task) -> dict[str, Any]:
    """The task done as nobody, and where the site refuses that, once more with the user's cookies."""
    from clipmill.inside import ytdlp, ytdlp_faults, ytdlp_web

    manner = _manner(request)
    for cookies in (False, True):
        try:
            with (
                ytdlp.Downloader(manner, cookies=cookies, more=_more(request)) as downloader,
                ytdlp.watched(downloader.web.pace),
            ):
                return task(request, downloader)
        except ytdlp_web.LinkFailed as error:
            failure = error.error()
        except ytdlp.FAILURES as error:
            failure = ytdlp_faults.meaning(error)
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        if cookies or not manner.cookies or failure.code not in ytdlp_faults.ASK_WITH_COOKIES:
            raise failure
    raise RemoteError("The site does not give the video.", code="site-refused")


def _manner(request: dict[str, Any]) -> "Manner":
    from clipmill.inside.ytdlp import Manner

    return Manner(**request["manner"], **json.loads(sys.stdin.readline() or "{}"))


def _more(request: dict[str, Any]) -> dict[str, Any]:
    """Options of a task."""
    return {"extract_flat": "in_playlist", "playlist_items": f"1:{request.get('most', 2)}"}


# --- a list -----------------------------------------------------------------------------------------


def _listed(request: dict[str, Any], downloader: "Downloader") -> dict[str, Any]:
    from clipmill.inside.ytdlp import list_entries

    found = downloader.extract_info(request["address"], download=False)
    return {"addresses": list_entries(found, request["address"], request["most"])}


# --- one video --------------------------------------------------------------------------------------


def _looked_up(request: dict[str, Any], downloader: "Downloader") -> dict[str, Any]:
    """What the site says; leaves it in ``info.json`` for the fetch."""
    from clipmill.inside import ytdlp, ytdlp_facts

    info = downloader.look(request["address"])
    ytdlp.refuse(info, longest_s=request["longest_s"], most_mb=downloader.manner.most_mb)
    listing = ytdlp_facts.listing(info, request["address"])
    kept = {"address": listing["address"], "made": time.time(), "info": downloader.keepable(info)}
    _write(INFO, json.dumps(kept))
    return {"listing": listing}


def _fetched(request: dict[str, Any], downloader: "Downloader") -> dict[str, Any]:
    """The files of a video; by what the look-up left, and where its links do not work by fresh ones."""
    from clipmill.inside import ytdlp

    with downloader.showing(_teller()):
        info = _found(request["address"])
        try:
            done = downloader.process_ie_result(info, download=True) if info else _fresh(request, downloader)
        except ytdlp.STALE:
            if info is None:
                raise
            done = _fresh(request, downloader)
    video = done["requested_downloads"][0]["filepath"]
    captions = ytdlp.fetch_captions(downloader, done, Path(CAPTIONS))
    return {"video": os.path.relpath(video), "captions": captions}


def _fresh(request: dict[str, Any], downloader: "Downloader") -> dict[str, Any]:
    """The video fetched by links that are asked for anew."""
    from clipmill.inside import ytdlp

    Path(INFO).unlink(missing_ok=True)
    info = downloader.look(request["address"])
    ytdlp.refuse(info, longest_s=request["longest_s"], most_mb=downloader.manner.most_mb)
    done: dict[str, Any] = downloader.process_ie_result(downloader.keepable(info), download=True)
    return done


def _found(address: str) -> dict[str, Any] | None:
    """What a look-up of the same address left, None where there was none."""
    try:
        kept = json.loads(Path(INFO).read_text())
        return dict(kept["info"]) if kept["address"] == address else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _write(name: str, text: str) -> None:
    part = Path(f"{name}.new")
    part.write_text(text)
    part.replace(name)


def _teller() -> Callable[[float], None]:
    """Tells the share done, at most twice a second."""
    told = [0.0]

    def show(share: float) -> None:
        if time.monotonic() - told[0] >= 0.5 or share >= 1.0:
            told[0] = time.monotonic()
            tell(share)

    return show


# --- itself -----------------------------------------------------------------------------------------


def _checked(request: dict[str, Any]) -> dict[str, Any]:
    """The versions of yt-dlp and of deno, which runs a site's scripts for it; empty where that cannot."""
    from yt_dlp.utils import Popen
    from yt_dlp.utils._jsruntime import DenoJsRuntime
    from yt_dlp.version import __version__

    path = request["manner"]["deno"]
    found = DenoJsRuntime(path=path).info if path else None
    works = False
    if found and found.supported:
        # As yt-dlp runs it, which takes any word on stderr for a failure.
        line = [path, "run", "--ext=js", "--no-code-cache", "--no-prompt", "--no-remote", "--no-lock"]
        line += ["--node-modules-dir=none", "--no-config", "--no-npm", "--cached-only", "-"]
        with Popen(line, text=True, stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:
            out, err = process.communicate_or_kill("console.log(6 * 7)", timeout=SCRIPT_S)
        print(err, file=sys.stderr)
        works = not process.returncode and not err and out.strip() == "42"
    return {"ytdlp": __version__, "deno": found.version if found and works else ""}


if __name__ == "__main__":
    serve(answer)
