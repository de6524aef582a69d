"""What bringing a file from an address costs: bytes beyond its size when the line breaks, and CPU seconds."""

import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.servers import cpu_of
from bench.speech import FFMPEG
from bench.table import Row
from clipmill.addresses import Place
from clipmill.media.egress import way_out
from clipmill.media.fetch import Fetching, fetch, look_up

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from site_kit import site

SHARE = float(os.environ.get("BENCH_SHARE", "1"))
CUTS = 10
SECONDS = 120
MEGABYTES, TURNS = 1000, 3
MOST_AGAIN, SEED = 1.10, 7
BLOCK = 1 << 16


def measure(folder: Path) -> list[Row]:
    """All rows; ``folder`` is for what is made on the way."""
    return [_with_cuts(folder), *_costs(folder)]


# --- a line that breaks ---------------------------------------------------------------------------


def _with_cuts(folder: Path) -> Row:
    """The bytes that a site sent until a video was here, with the line broken at random places."""
    served, target = folder / "served", folder / "fetched"
    for each in (served, target):
        each.mkdir()
    video = _noisy_film(served / "talk.mp4", seconds=max(10, round(SECONDS * SHARE)))
    size, chance = video.stat().st_size, random.Random(SEED)
    with site(served) as there:
        fetching = Fetching(allow=there.allowed)
        listing = look_up(there.url("/talk.mp4"), fetching=fetching, cwd=target, max_duration_s=7200)
        before = there.sent["/talk.mp4"]
        there.behave("/talk.mp4", cuts=tuple(chance.sample(range(1, size), CUTS)))
        found = fetch(listing, fetching=fetching, ffmpeg=FFMPEG, folder=target, tick=lambda _: None)
        sent = there.sent["/talk.mp4"] - before
    if found.video.read_bytes() != video.read_bytes():
        raise RuntimeError("what was fetched is not what was served")
    what = f"bytes sent for a file of {size / 1e6:.0f} MB whose line breaks {CUTS} times"
    return Row(what, f"{sent / size:.3f}x", f"<= {MOST_AGAIN:.2f}x", sent <= MOST_AGAIN * size)


def _noisy_film(target: Path, *, seconds: int) -> Path:
    """A film that is hard to compress."""
    picture = f"testsrc2=s=640x360:r=25:d={seconds},noise=alls=30:allf=t,format=yuv420p"
    arguments = (
        *("-v", "error", "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=d={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "24", "-c:a", "aac"),
        *("-movflags", "+faststart", str(target)),
    )
    subprocess.run([FFMPEG, *arguments], check=True, stdin=subprocess.DEVNULL)
    return target


# --- what a byte costs ----------------------------------------------------------------------------


def _costs(folder: Path) -> Iterator[Row]:
    """CPU seconds of the receiving side for a GB, in four ways that take turns."""
    served = folder / "large"
    served.mkdir()
    size = max(20, round(MEGABYTES * SHARE)) * 10**6
    with (served / "large.bin").open("wb") as file:
        file.truncate(size)
    with _plain_server(served) as (server, port):
        url, place = f"http://127.0.0.1:{port}/large.bin", Place("127.0.0.1", port)
        with way_out(allow=frozenset({place})) as leave:
            ways: dict[str, Callable[[], None]] = {
                "curl": lambda: _curl(url),
                "httpx": lambda: _httpx(url),
                "curl through the guarded proxy": lambda: _curl(url, "-x", leave.proxy),
                "httpx through the guarded proxy": lambda: _httpx(url, proxy=leave.proxy),
            }
            spent: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(TURNS):
                for name, way in ways.items():
                    spent[name].append(_cpu(way, beside=server))
    for name, seconds in spent.items():
        yield Row(
            f"fetching, {name}, CPU-s a GB",
            f"{statistics.median(seconds) * 1e9 / size:.2f}",
            "reported",
            True,
        )


@contextmanager
def _plain_server(folder: Path) -> Iterator[tuple[int, int]]:
    """A web server in a process of its own that serves a folder; its pid and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "-d", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(port)
        yield server.pid, port
    finally:
        server.kill()
        server.wait()


def _await(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the server did not start in 30 s")


def _cpu(way: Callable[[], None], *, beside: int) -> float:
    """CPU seconds of this process and its children, but for the server's."""
    roots = [os.getpid()]
    before = cpu_of(roots) - cpu_of([beside])
    way()
    return cpu_of(roots) - cpu_of([beside]) - before


def _curl(url: str, *words: str) -> None:
    command = ["curl", "-sS", "--fail", "--noproxy", "" if words else "*", *words, "-o", os.devnull, url]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _httpx(url: str, *, proxy: str | None = None) -> None:
    with (
        httpx.Client(trust_env=False, proxy=proxy) as client,
        client.stream("GET", url) as answer,
        Path(os.devnull).open("wb") as nowhere,
    ):
        answer.raise_for_status()
        for block in answer.iter_bytes(BLOCK):
            nowhere.write(block)
