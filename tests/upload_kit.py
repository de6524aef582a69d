"""Uploads for tests: a server process that can be killed and started again, and senders that break off."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from pg_kit import free_port

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}

SERVE = """
import sys
from pathlib import Path
from clipmill.jobs.accepting import Accepting
from clipmill.jobs.database import Database
from clipmill.jobs.store import Store
from clipmill.jobs.tables import migrate
from clipmill.jobs.uploads import Rules, Uploads
from clipmill.web.app import create_app, serve_app
from clipmill.web.floor import Floor

home, port = Path(sys.argv[1]), int(sys.argv[2])
home.mkdir(exist_ok=True)
database = Database(f"sqlite:///{home / 'jobs.db'}")
migrate(database)
store = Store(database)
floor = Floor(store, Accepting(store, 10), home, uploads=Uploads(database, home, Rules(reserve_mb=0)))
serve_app(create_app(floor), port=port, started=lambda url: print(url, flush=True), drain_s=0.0)
"""


class Server:
    """A server of uploads in a process of its own, always on the same port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", SERVE, str(self.home), str(self.port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout
        assert process.stdout.readline().strip() == self.url.encode()
        return process

    def kill(self) -> None:
        """End it at once, as the system does when memory is short."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def restart(self) -> None:
        """Start it again after it was killed."""
        self.process = self._start()

    def file_of(self, place: str) -> Path:
        """The file of an upload on the disk."""
        (file,) = (self.home / "uploads" / place.rpartition("/")[2]).iterdir()
        return file


@contextlib.contextmanager
def server_process(home: Path) -> Iterator[Server]:
    """A server until the block ends."""
    server = Server(home)
    try:
        yield server
    finally:
        server.kill()


def begin(url: str, length: int, **headers: str) -> str:
    """Where a new upload is."""
    answer = httpx.post(f"{url}/v1/uploads", headers={**TUS, "Upload-Length": str(length), **headers})
    assert answer.status_code == 201, answer.text
    return f"{url}{answer.headers['location']}"


def offset_of(place: str) -> int:
    """How far an upload is, as it is told."""
    answer = httpx.head(place, headers=TUS, timeout=20)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def send_part(place: str, offset: int, said: int, body: bytes, **headers: str) -> socket.socket:
    """Say that ``said`` bytes come, send fewer, and leave the line open."""
    host, port = place.removeprefix("http://").partition("/")[0].split(":")
    line = socket.create_connection((host, int(port)), timeout=30)
    fields = {
        **PIECE,
        "Host": "localhost",
        "Upload-Offset": str(offset),
        "Content-Length": str(said),
        **headers,
    }
    path = place.partition(f":{port}")[2]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    line.sendall(f"PATCH {path} HTTP/1.1\r\n{head}\r\n".encode())
    with contextlib.suppress(OSError):
        line.sendall(body)
    return line


def answer_on(line: socket.socket) -> tuple[int, bytes]:
    """Status and body of the answer on a line, which may be closed after it."""
    line.settimeout(60)
    said = b""
    with contextlib.suppress(OSError):
        while b"\r\n\r\n" not in said or len(said) < _end_of(said):
            chunk = line.recv(65536)
            if not chunk:
                break
            said += chunk
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def _end_of(said: bytes) -> int:
    head, gap, _ = said.partition(b"\r\n\r\n")
    fields = dict(each.lower().split(b": ", 1) for each in head.split(b"\r\n")[1:])
    return len(head) + len(gap) + int(fields.get(b"content-length", b"0"))


def memory_peak_kib(pid: int) -> int:
    """The most memory that a process ever had, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    raise AssertionError(f"process {pid} tells nothing")


CUTS = int(os.environ.get("CLIPMILL_TEST_CUTS", "12"))
"""How many uploads are cut; a longer run sets more."""
