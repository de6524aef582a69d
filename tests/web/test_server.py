"""The server starts where it is told and ends in peace."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from clipmill.errors import SettingsError
from clipmill.web.server import demand_loopback
from web_kit import serving

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

home = Path(sys.argv[1])
database = Database(f"sqlite:///{home / 'jobs.db'}")
migrate(database)
store = Store(database)
accepting = Accepting(store, 10)
uploads = Uploads(database, home, Rules())
app = create_app(Floor(store, accepting, home, (home,), uploads=uploads, reserve_mb=0))
serve_app(app, port=0, started=lambda url: print(url, flush=True), drain_s=float(sys.argv[2]))
accepting.close()
database.close()
print("ended", flush=True)
"""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_others_are_kept_out(host: str) -> None:
    with pytest.raises(SettingsError) as caught:
        demand_loopback(host)
    assert caught.value.code == "keys-required"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_this_machine_may_be_listened_on(host: str) -> None:
    demand_loopback(host)


def test_a_port_that_is_taken_is_said_so(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as site:
        port = int(site.url.rpartition(":")[2])
        with pytest.raises(SettingsError) as caught:
            site.server.serve_on("127.0.0.1", port)
    assert caught.value.code == "address-taken"


def started(folder: Path, drain_s: float) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-c", SERVE, str(folder), str(drain_s)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_is_told_first_and_then_streams_are_closed(tmp_path: Path, number: int) -> None:
    (tmp_path / "talk.mp4").write_bytes(b"x")
    process, url = started(tmp_path, 1.5)
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
        job = http.post("/v1/jobs", json={"source": str(tmp_path / "talk.mp4")}).json()["id"]
        told: list[str] = []
        followed, waited = threading.Event(), threading.Event()

        def follow() -> None:
            with httpx.stream("GET", f"{url}/v1/jobs/{job}/events", timeout=30, trust_env=False) as stream:
                for line in stream.iter_lines():
                    told.append(line)
                    followed.set()

        def wait() -> None:
            looked = httpx.get(f"{url}/v1/jobs/{job}?wait=60", timeout=30, trust_env=False)
            assert looked.status_code in (200, 503)
            waited.set()

        others = [threading.Thread(target=follow), threading.Thread(target=wait)]
        for other in others:
            other.start()
        assert followed.wait(20)
        os.kill(process.pid, number)
        while "stopping" not in [name for name, check in checks(http).items() if not check["ok"]]:
            pass
        assert http.post("/v1/jobs", json={"source": str(tmp_path / "talk.mp4")}).status_code == 503
        for other in others:
            other.join(20)
        assert waited.is_set()
    assert process.wait(20) == 0
    assert process.stdout is not None
    assert process.stdout.read() == "ended\n"
    process.stdout.close()
    assert "event: queued" in told
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/healthz", trust_env=False)


def checks(http: httpx.Client) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = http.get("/readyz").json()["checks"]
    return found


def test_who_never_finishes_asking_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipmill.web.server.HEAD_S", 0.3)
    monkeypatch.setattr("clipmill.web.bodies.BODY_S", 0.3)
    with serving(tmp_path / "home") as site:
        address = ("127.0.0.1", int(site.url.rpartition(":")[2]))
        for sent in (b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-"):
            with socket.create_connection(address, timeout=20) as line:
                line.sendall(sent)
                assert line.recv(100) == b""
        with socket.create_connection(address, timeout=20) as line:
            line.sendall(
                b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 10\r\n\r\n{"
            )
            assert line.recv(100).startswith(b"HTTP/1.1 408 ")
        with socket.create_connection(address, timeout=20) as line:  # one who is just slow to ask again
            for _ in range(2):
                line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answer = b""
                while not answer.endswith(b"}"):
                    answer += line.recv(4096)
                assert answer.startswith(b"HTTP/1.1 200 ")
