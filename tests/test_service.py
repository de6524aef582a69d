"""The quickstart of the service as the docs have it: the real ``clipmill serve``, its worker, and curl."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from pg_kit import free_port
from site_kit import site

STAGES = ["download", "transcribe", "score", "encode", "encode"]


class Service:
    """A running ``clipmill serve`` on a fresh home."""

    def __init__(self, home: Path, allow: Path, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        small = {"CLIPMILL_HEIGHT": "320", "CLIPMILL_PRESET": "ultrafast", "CLIPMILL_HOME": str(home)}
        words = ("serve", "--port", str(self.port), "--allow", str(allow))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "clipmill", *words], env={**os.environ, **small, **settings}
        )
        self.until(lambda: self.status("/readyz") == 200)

    def status(self, path: str) -> int:
        try:
            return httpx.get(self.url + path, timeout=5).status_code
        except httpx.HTTPError:
            return 0

    def until(self, happens: Any, seconds: float = 120) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := happens()):
            assert time.monotonic() < deadline, "it did not happen"
            assert self.process.poll() is None
            time.sleep(0.1)
        return found

    def curl(self, *arguments: str) -> str:
        answer = subprocess.run(
            ["curl", "-s", "-S", *arguments], check=True, capture_output=True, timeout=120
        )
        return answer.stdout.decode()


@pytest.fixture
def service(tmp_path: Path, talk: Path) -> Iterator[Service]:
    if not shutil.which("curl"):
        pytest.skip("needs curl (apt-get install curl)")
    running = Service(tmp_path / "home", talk.parent)
    yield running
    running.process.kill()
    running.process.wait()


def events_of(text: str) -> list[dict[str, Any]]:
    """The events in a stream of server-sent events; their ids must be their numbers."""
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        for block in text.split("\n\n")
    ]
    found = [(int(block["id"]), json.loads(block["data"])) for block in blocks if "data" in block]
    assert [number for number, _ in found] == [event["number"] for _, event in found]
    return [event for _, event in found]


def test_the_quickstart_holds(service: Service, talk: Path) -> None:
    jobs = f"{service.url}/v1/jobs"
    options = {"count": 2, "least": 4, "most": 8, "transcript": str(talk.with_suffix(".srt"))}
    body = json.dumps({"source": {"path": str(talk)}, "options": options, "metadata": {"mine": 7}})
    job = json.loads(service.curl(jobs, "-H", "Content-Type: application/json", "-d", body))
    assert (job["status"], job["metadata"]) == ("queued", {"mine": 7})

    by_socket: list[dict[str, Any]] = []

    def listen() -> None:
        with connect(f"ws://127.0.0.1:{service.port}/v1/jobs/{job['id']}/ws?after=0") as socket:
            by_socket.extend(json.loads(message) for message in socket)

    listener = threading.Thread(target=listen)
    listener.start()
    streamed = events_of(service.curl("-N", f"{jobs}/{job['id']}/events"))
    listener.join(30)

    assert by_socket == streamed
    assert [event["number"] for event in streamed] == list(range(1, len(streamed) + 1))
    kinds = [event["kind"] for event in streamed]
    assert [event["stage"] for event in streamed if event["kind"] == "stage.started"] == STAGES
    assert [event["stage"] for event in streamed if event["kind"] == "stage.done"] == STAGES
    assert (kinds[0], kinds[1], kinds[-1]) == ("queued", "started", "succeeded")
    assert kinds.count("clip.ready") == 2
    shares = [event["progress"] for event in streamed if "progress" in event]
    assert shares == sorted(shares)

    clips = json.loads(service.curl(f"{jobs}/{job['id']}/clips"))["data"]
    assert [clip["number"] for clip in clips] == [1, 2]
    video = service.url + clips[0]["links"]["video"]
    whole = httpx.get(video).content
    assert whole[4:8] == b"ftyp"
    assert len(whole) == clips[0]["quality"]["size_bytes"]
    parts = [httpx.get(video, headers={"Range": f"bytes={span}"}) for span in ("0-9999", "10000-")]
    assert [part.status_code for part in parts] == [206, 206]
    assert b"".join(part.content for part in parts) == whole


def test_a_video_that_curl_uploads_becomes_clips_and_stays_as_long_as_its_job(
    service: Service, talk: Path
) -> None:
    upload = json.loads(service.curl("-T", str(talk), f"{service.url}/v1/uploads/"))
    assert (upload["name"], upload["done"], upload["length"]) == ("talk.mp4", True, talk.stat().st_size)
    options = {"count": 1, "least": 4, "most": 8, "transcript": str(talk.with_suffix(".srt"))}
    body = json.dumps({"source": {"upload": upload["id"]}, "options": options})
    job = json.loads(
        service.curl(f"{service.url}/v1/jobs", "-H", "Content-Type: application/json", "-d", body)
    )
    look = f"{service.url}/v1/jobs/{job['id']}"
    ended = service.until(lambda: (seen := httpx.get(look).json())["ended_at"] and seen)
    assert (ended["status"], ended["title"]) == ("succeeded", "talk")
    assert ended["source"] == {"upload": upload["id"]}
    (clip,) = httpx.get(f"{look}/clips").json()["data"]
    assert clip["words_by"] == ended["words_by"] == "file talk.srt"
    assert httpx.delete(f"{service.url}/v1/uploads/{upload['id']}").status_code == 409


def test_each_video_of_a_list_becomes_a_job_of_its_own(tmp_path: Path, talk: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    with site(folder) as there:
        items = ""
        for name in ("first", "second"):
            shutil.copy(talk, folder / f"{name}.mp4")
            items += f"<item><title>{name}</title><link>{there.url(f'/{name}.mp4')}</link></item>"
        feed = f"<rss version='2.0'><channel><title>Talks</title>{items}</channel></rss>"
        there.pages["/feed.xml"] = feed.encode()
        running = Service(tmp_path / "home", talk.parent, CLIPMILL_EGRESS_ALLOW=there.place)
        try:
            options = {"count": 1, "least": 4, "most": 8, "transcript": str(talk.with_suffix(".srt"))}
            asked = {
                "source": {"address": there.url("/feed.xml")},
                "options": options,
                "metadata": {"mine": 1},
            }
            job = httpx.post(f"{running.url}/v1/jobs", json=asked).json()
            jobs = f"{running.url}/v1/jobs"
            running.until(
                lambda: (
                    all(each["ended_at"] for each in httpx.get(jobs).json()["data"])
                    and len(httpx.get(jobs).json()["data"]) == 2
                )
            )
            second, first = httpx.get(jobs).json()["data"]
        finally:
            running.process.kill()
            running.process.wait()
    assert [(each["status"], each["error"]) for each in (first, second)] == [("succeeded", None)] * 2
    assert (first["id"], first["title"], second["title"]) == (job["id"], "first", "second")
    assert second["source"] == {"address": there.url("/second.mp4")}
    assert second["metadata"] == {"mine": 1, "list": job["id"]}


def test_a_service_told_to_end_says_so_and_ends_with_0(service: Service) -> None:
    service.process.send_signal(signal.SIGTERM)
    assert service.status("/readyz") in (0, 503)
    assert service.process.wait(30) == 0


def test_a_killed_service_takes_its_worker_along_and_goes_on_when_started_again(
    service: Service, talk: Path, tmp_path: Path
) -> None:
    options = {"count": 1, "least": 4, "most": 8, "transcript": str(talk.with_suffix(".srt"))}
    job = httpx.post(f"{service.url}/v1/jobs", json={"source": str(talk), "options": options}).json()
    look = f"/v1/jobs/{job['id']}"
    service.until(lambda: httpx.get(service.url + look).json()["stage"] == "encode")
    service.process.kill()
    service.process.wait()
    again = Service(tmp_path / "home", talk.parent)
    try:
        ended = again.until(lambda: (seen := httpx.get(again.url + look).json())["ended_at"] and seen)
        assert ended["status"] == "succeeded"
    finally:
        again.process.kill()
        again.process.wait()


def test_work_goes_on_after_the_database_was_away(tmp_path: Path, talk: Path, postgres: Any) -> None:
    running = Service(tmp_path / "home", talk.parent, CLIPMILL_DATABASE_URL=postgres.create_database())
    try:
        options = {"count": 2, "least": 4, "most": 8, "transcript": str(talk.with_suffix(".srt"))}
        job = httpx.post(f"{running.url}/v1/jobs", json={"source": str(talk), "options": options}).json()
        look = f"{running.url}/v1/jobs/{job['id']}"
        running.until(lambda: httpx.get(look).json()["stage"] == "encode")
        postgres.stop()
        away = httpx.get(look, timeout=30)
        assert (away.status_code, away.json()["code"]) == (503, "database-down")
        assert int(away.headers["Retry-After"]) > 0
        postgres.start()
        running.until(lambda: (seen := httpx.get(look, timeout=30)).is_success and seen.json()["ended_at"])
        assert httpx.get(look).json()["status"] == "succeeded"
    finally:
        running.process.kill()
        running.process.wait()
