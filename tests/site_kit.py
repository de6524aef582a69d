"""A web site on loopback that serves files, misbehaves as it is told, and counts what it was asked for."""

import hashlib
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from clipmill.addresses import Place

TYPES = {
    ".mp4": "video/mp4", ".m4a": "audio/mp4", ".ts": "video/mp2t", ".m3u8": "application/vnd.apple.mpegurl",
    ".html": "text/html; charset=utf-8", ".vtt": "text/vtt", ".srt": "application/x-subrip",
    ".json3": "application/json",
}  # fmt: skip
BLOCK = 16384


@dataclass(frozen=True)
class Manner:
    """How one path is answered. ``cuts`` are offsets in the file at which the connection breaks, each once.

    ``status`` with ``body`` is answered instead of the file, ``times`` so often (-1 always). ``length`` is
    the Content-Length that is claimed, ``pause`` seconds after each byte. ``part`` is the offset from which
    any part begins, whatever was asked for. ``endless`` never stops. ``validators`` are sent unless False.
    """

    cuts: tuple[int, ...] = ()
    status: int = 0
    body: bytes = b""
    times: int = -1
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None
    pause: float = 0.0
    part: int | None = None
    ranges: bool = True
    endless: bool = False
    validators: bool = True


@dataclass
class Site:
    """A running site: ``folder`` is served, ``pages`` come first."""

    folder: Path
    port: int = 0
    pages: dict[str, bytes] = field(default_factory=dict)
    manners: dict[str, Manner] = field(default_factory=dict)
    hits: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def place(self) -> str:
        """The site as ``CLIPMILL_EGRESS_ALLOW`` names it."""
        return f"127.0.0.1:{self.port}"

    @property
    def allowed(self) -> frozenset[Place]:
        """The site as one that may be connected to."""
        return frozenset({Place("127.0.0.1", self.port)})

    def url(self, path: str) -> str:
        """The address of a path such as ``/talk.mp4``."""
        return f"http://{self.place}{path}"

    def behave(self, path: str, **manner: Any) -> None:
        """Answer a path in another manner from now on; without any as usual again."""
        self.manners[path] = Manner(**manner)

    def ranges(self, path: str) -> list[str]:
        """The Range headers that came for a path, empty where there was none."""
        return [headers.get("range", "") for where, headers in self.asked if where == path]

    def content(self, path: str) -> bytes | None:
        """What lies under a path."""
        if path in self.pages:
            return self.pages[path]
        with suppress(OSError):
            return (self.folder / path.lstrip("/")).read_bytes()
        return None

    def manner(self, path: str) -> Manner:
        """How a path is answered this time."""
        with self.lock:
            manner = self.manners.get(path, Manner())
            if manner.times == 0:
                return Manner()
            if manner.times > 0:
                self.manners[path] = replace(manner, times=manner.times - 1)
            return manner

    def cut_between(self, path: str, first: int, last: int) -> int | None:
        """Where the connection breaks next between two offsets; that place is used up."""
        with self.lock:
            manner = self.manners.get(path, Manner())
            cut = min((cut for cut in manner.cuts if first <= cut < last), default=None)
            if cut is not None:
                self.manners[path] = replace(manner, cuts=tuple(one for one in manner.cuts if one != cut))
            return cut


class _Answerer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        manner = self.site.manner(path)
        with self.site.lock:
            self.site.hits[path] += 1
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.site.asked.append((path, headers))
        content = self.site.content(path)
        if manner.status:
            self._say(manner.status, manner.body, manner, {})
        elif content is None:
            self._say(404, b"nothing here", manner, {})
        else:
            self._serve(path, content, manner)

    def _serve(self, path: str, content: bytes, manner: Manner) -> None:
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        headers = {"ETag": etag, "Accept-Ranges": "bytes"} if manner.validators else {}
        start, end = self._asked_part(len(content), etag, manner)
        kind = TYPES.get(Path(path).suffix, "application/octet-stream")
        if start is None:
            self._body(path, 200, content, manner, headers | {"Content-Type": kind})
        elif start >= len(content):
            self._say(416, b"", manner, {"Content-Range": f"bytes */{len(content)}"})
        else:
            start = start if manner.part is None else manner.part
            headers |= {"Content-Type": kind, "Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
            self._body(path, 206, content[:end], manner, headers, start)

    def _asked_part(self, size: int, etag: str, manner: Manner) -> tuple[int | None, int]:
        """The first byte and the end of what is asked for; None for all."""
        asked = self.headers.get("Range", "")
        kept = self.headers.get("If-Range", etag) == etag
        if not (asked.startswith("bytes=") and manner.ranges and kept):
            return None, size
        first, _, last = asked.removeprefix("bytes=").partition("-")
        return int(first or 0), min(size, int(last) + 1) if last else size

    def _say(self, status: int, body: bytes, manner: Manner, headers: dict[str, str]) -> None:
        self.send_response(status)
        named = dict(manner.headers)
        for name, value in (headers | {"Content-Length": str(len(body))} | named).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(
        self, path: str, status: int, content: bytes, manner: Manner, headers: dict[str, str], start: int = 0
    ) -> None:
        self.send_response(status)
        length = len(content) - start if manner.length is None else manner.length
        given = headers | ({} if manner.endless else {"Content-Length": str(length)}) | dict(manner.headers)
        self.close_connection = manner.endless or manner.length is not None
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        with suppress(ConnectionError):
            self._send(path, content, manner, start)

    def _send(self, path: str, content: bytes, manner: Manner, at: int) -> None:
        cut = self.site.cut_between(path, at, len(content))
        end = len(content) if cut is None else cut
        while at < end or manner.endless:
            step = 1 if manner.pause else min(BLOCK, max(1, end - at))
            block = content[at : at + step] if at < end else bytes(BLOCK)
            self.wfile.write(block)
            with self.site.lock:
                self.site.sent[path] += len(block)
            at += len(block)
            time.sleep(manner.pause)
        if cut is not None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, address: object) -> None:
        """A client that goes away is no error here."""


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A site that serves a folder, at a port of its own."""
    running = Site(folder)
    server = _Server(("127.0.0.1", 0), type("Answerer", (_Answerer,), {"site": running}))
    running.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def video_page(title: str, video: str, *, tracks: dict[str, str] | None = None) -> bytes:
    """A page that plays a video; ``tracks`` are its captions by language."""
    lines = "".join(
        f'<track kind="subtitles" srclang="{language}" src="{src}">'
        for language, src in (tracks or {}).items()
    )
    return (
        f"<!doctype html><html><head><title>{title}</title></head><body>"
        f'<video controls><source src="{video}" type="video/mp4">{lines}</video></body></html>'
    ).encode()


def make_hls(ffmpeg: Path, source: Path, folder: Path, *, seconds: int = 2, key: bytes = b"") -> Path:
    """A playlist ``talk.m3u8`` of a video, in segments ``talk0.ts`` and so on; encrypted with ``key``."""
    locks = []
    if key:
        (folder / "talk.key").write_bytes(key)
        (folder / "keys.txt").write_text(f"talk.key\n{folder / 'talk.key'}\n")
        locks = ["-hls_key_info_file", str(folder / "keys.txt")]
    shape = ["-hls_time", str(seconds), "-hls_playlist_type", "vod", *locks]
    names = ["-hls_segment_filename", str(folder / "talk%d.ts"), str(folder / "talk.m3u8")]
    line = [ffmpeg, "-v", "error", "-i", source, "-c", "copy", "-f", "hls", *shape, *names]
    subprocess.run([str(part) for part in line], check=True, timeout=60)
    return folder / "talk.m3u8"


def make_master(ffmpeg: Path, source: Path, folder: Path, *, heights: tuple[int, ...]) -> Path:
    """A playlist ``master.m3u8`` of a video in several heights without sound, and of its sound apart."""
    shape = ["-f", "hls", "-hls_time", "4", "-hls_playlist_type", "vod"]
    lines = ["#EXTM3U", '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,URI="sound.m3u8"']
    kinds = {"sound": ["-vn", "-c:a", "copy"]}
    for height in heights:
        kinds[f"p{height}"] = ["-an", "-vf", f"scale=-2:{height}", "-preset", "ultrafast"]
        wide = height * 16 // 9
        lines.append(
            f'#EXT-X-STREAM-INF:BANDWIDTH={height * 1000},RESOLUTION={wide}x{height},AUDIO="a",'
            f'CODECS="avc1.42c00d,mp4a.40.2"\np{height}.m3u8'
        )
    for name, how in kinds.items():
        line = [ffmpeg, "-v", "error", "-i", source, *how, *shape, folder / f"{name}.m3u8"]
        subprocess.run([str(part) for part in line], check=True, timeout=60)
    (folder / "master.m3u8").write_text("\n".join(lines) + "\n")
    return folder / "master.m3u8"
