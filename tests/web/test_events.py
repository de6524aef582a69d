"""Events over SSE and WebSocket: all of them, in order, once each, whatever happens in between."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from clipmill.errors import BusyError
from server_kit import Site, serving


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path / "home") as found:
        yield found


def told(site: Site, job: str, *, after: int | None = None, known: int | None = None) -> list[dict[str, Any]]:
    """All that a stream says, until it ends."""
    headers = {} if known is None else {"Last-Event-ID": str(known)}
    query = {} if after is None else {"after": str(after)}
    url = f"{site.url}/v1/jobs/{job}/events"
    answer = httpx.get(url, headers=headers, params=query, timeout=20, trust_env=False)
    assert answer.status_code == 200
    return read(answer.text)


def read(text: str) -> list[dict[str, Any]]:
    """The events in the text of a stream."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            facts = json.loads(fields["data"])
            assert fields["id"] == str(facts["number"])
            assert fields["event"] == facts["kind"]
            found.append(facts)
    return found


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [event["number"] for event in events]


def ws(site: Site, job: str, after: int = 0, **more: Any) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{site.port}/v1/jobs/{job}/ws?after={after}", open_timeout=5, proxy=None, **more
    )


def close_code(socket: ClientConnection) -> int | None:
    """How the other side closes a socket, after all that it still says."""
    with suppress(ConnectionClosed):
        while True:
            socket.recv(timeout=15)
    return socket.protocol.close_code


# --- what is said ---------------------------------------------------------------------------------


def test_the_stream_of_an_ended_job_tells_everything_and_ends(site: Site) -> None:
    job = site.add_job()
    site.burst(job.id, 1200)
    site.end_job(job.id)
    events = told(site, job.id)
    assert numbers(events) == list(range(1, 1203))
    assert [events[0]["kind"], events[-1]["kind"]] == ["queued", "succeeded"]
    assert events[5]["share"] == 0.5


def test_an_event_says_its_job_number_kind_and_time(site: Site) -> None:
    job = site.add_job()
    site.end_job(job.id, "failed")
    event = told(site, job.id)[-1]
    assert (event["job"], event["number"], event["kind"]) == (job.id, 2, "failed")
    assert event["at"].endswith("Z")
    assert event["at"][10] == "T"


def test_a_finished_clip_comes_with_its_links(site: Site) -> None:
    job = site.add_job()
    site.happen(
        job.id, "clip.ready", clip="clip_1", number=1, title="A \u2028 title\nof two lines", score=9.0
    )
    site.end_job(job.id)
    event = told(site, job.id)[1]
    assert event["links"]["video"].startswith("/v1/clips/clip_1/video")
    assert event["title"] == "A \u2028 title\nof two lines"


def test_the_headers_keep_everybody_on_the_way_from_holding_events_back(site: Site) -> None:
    job = site.add_job()
    site.end_job(job.id)
    answer = httpx.get(f"{site.url}/v1/jobs/{job.id}/events", trust_env=False)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.text.startswith("retry: 1000\n\n")


def test_a_stream_on_which_nothing_happens_is_kept_open(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipmill.web.events.SSE_PING_S", 0.2)
    job = site.add_job()
    threading.Timer(4.0, lambda: site.end_job(job.id)).start()
    text = httpx.get(f"{site.url}/v1/jobs/{job.id}/events", timeout=30, trust_env=False).text
    assert text.count(": ping\n\n") >= 2
    assert numbers(read(text)) == [1, 2]


# --- from any number on ---------------------------------------------------------------------------


def test_a_stream_goes_on_after_any_number(site: Site) -> None:
    job = site.add_job()
    for _ in range(8):
        site.happen(job.id, "progress")
    site.end_job(job.id)
    for known in range(10):
        assert numbers(told(site, job.id, after=known)) == list(range(known + 1, 11))
        assert numbers(told(site, job.id, known=known)) == list(range(known + 1, 11))
    assert numbers(told(site, job.id, after=1, known=7)) == [8, 9, 10]


def test_a_browser_that_comes_back_for_more_than_there_is_is_told_to_stop(site: Site) -> None:
    job = site.add_job()
    site.end_job(job.id)
    url = f"{site.url}/v1/jobs/{job.id}/events"
    assert httpx.get(url, headers={"Last-Event-ID": "2"}, trust_env=False).status_code == 204
    assert numbers(told(site, job.id, after=2)) == []


def test_a_number_that_was_never_reached_counts_as_the_last(site: Site) -> None:
    job = site.add_job()
    with httpx.stream("GET", f"{site.url}/v1/jobs/{job.id}/events?after=999", trust_env=False) as answer:
        chunks = answer.iter_text()
        assert next(chunks).startswith("retry")
        site.end_job(job.id)
        assert numbers(read("".join(chunks))) == [2]


def test_numbers_that_were_thrown_away_are_skipped(site: Site) -> None:
    job = site.add_job()
    for _ in range(3):
        site.happen(job.id, "progress")
    site.end_job(job.id, ended=time.time() - 7200)
    site.store.prune()
    assert numbers(told(site, job.id)) == [1, 5]
    assert numbers(told(site, job.id, after=2)) == [5]


def test_a_job_that_was_tried_again_is_followed_past_its_first_end(site: Site) -> None:
    job = site.add_job()
    site.end_job(job.id, "failed")
    site.store.retry(job.id)
    with ws(site, job.id) as socket:
        kinds = [json.loads(socket.recv(timeout=5))["kind"] for _ in range(3)]
        assert kinds == ["queued", "failed", "retried"]
        site.store.cancel(job.id)
        assert json.loads(socket.recv(timeout=5))["kind"] == "cancelled"
        assert close_code(socket) == 1000


def test_nothing_is_lost_or_said_twice_while_events_are_written(site: Site) -> None:
    streams = 5
    job = site.add_job()
    found: dict[int, list[int]] = {}

    def listen(place: int) -> None:
        time.sleep(place * 0.05)
        if place % 2:
            with ws(site, job.id) as socket:
                found[place] = [json.loads(text)["number"] for text in socket]
        else:
            found[place] = numbers(told(site, job.id))

    threads = [threading.Thread(target=listen, args=(place,)) for place in range(streams)]
    for thread in threads:
        thread.start()
    for count in (1, 5, 1, 300, 1, 2, 40) * 2:
        site.burst(job.id, count)
    site.end_job(job.id)
    for thread in threads:
        thread.join()
    assert all(found[place] == list(range(1, 703)) for place in range(streams))


def test_a_burst_larger_than_the_buffer_arrives_whole(site: Site) -> None:
    job = site.add_job()
    with ws(site, job.id) as socket:
        assert json.loads(socket.recv(timeout=5))["number"] == 1
        site.burst(job.id, 1500)
        site.end_job(job.id)
        assert [json.loads(text)["number"] for text in socket] == list(range(2, 1503))


# --- who may listen -------------------------------------------------------------------------------


def test_a_job_that_is_not_there_is_a_problem_or_a_close_code(site: Site) -> None:
    answer = httpx.get(f"{site.url}/v1/jobs/nobody/events", trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (404, "job-unknown")
    assert answer.headers["content-type"] == "application/problem+json"
    with ws(site, "nobody") as socket:
        assert close_code(socket) == 4404


@pytest.mark.parametrize("known", ["x", "-1", "1.5", "9" * 40])
def test_a_number_that_is_none_is_refused(site: Site, known: str) -> None:
    job = site.add_job()
    url = f"{site.url}/v1/jobs/{job.id}/events"
    assert httpx.get(url, headers={"Last-Event-ID": known}, trust_env=False).status_code == 422
    assert httpx.get(url, params={"after": known}, trust_env=False).status_code == 422


def test_a_page_of_another_site_cannot_listen(site: Site) -> None:
    job = site.add_job()
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{site.port}.evil.example"):
        with pytest.raises(InvalidStatus) as refused:
            ws(site, job.id, origin=origin)
        assert refused.value.response.status_code == 403
    with ws(site, job.id, origin=f"http://127.0.0.1:{site.port}") as socket:
        assert json.loads(socket.recv(timeout=5))["kind"] == "queued"


def test_a_message_that_is_too_large_ends_the_socket(site: Site) -> None:
    job = site.add_job()
    with ws(site, job.id) as socket:
        socket.send("x" * 4096)
        assert json.loads(socket.recv(timeout=5))["kind"] == "queued"
        socket.send("x" * 4097)
        assert close_code(socket) == 1009


def test_more_listeners_than_there_is_room_for_are_told_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path / "home", bound=2) as site:
        job = site.add_job()
        url = f"{site.url}/v1/jobs/{job.id}/events"
        with ws(site, job.id) as first, ws(site, job.id) as second:
            first.recv(timeout=5), second.recv(timeout=5)
            answer = httpx.get(url, trust_env=False)
            assert (answer.status_code, answer.json()["code"]) == (503, "too-many-listeners")
            assert int(answer.headers["retry-after"]) >= 1
            with ws(site, job.id) as third:
                assert close_code(third) == 1013
        site.end_job(job.id)
        assert until(lambda: httpx.get(url, trust_env=False).status_code == 200)


def until(true: Any, *, seconds: float = 10.0) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(found)


# --- who does not read ----------------------------------------------------------------------------


UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def deaf(site: Site, path: str, headers: str) -> socket.socket:
    """A client that asks for a stream and reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", site.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode())
    return client


@pytest.mark.parametrize(("way", "headers"), [("events", ""), ("ws", UPGRADE)])
def test_one_who_reads_nothing_is_cut_off_and_holds_up_nobody(way: str, headers: str, tmp_path: Path) -> None:
    with serving(tmp_path / "home", write_s=1.0) as site:
        job = site.add_job()
        path = f"/v1/jobs/{job.id}/{way}"
        with closing(deaf(site, path, headers)), ws(site, job.id) as attentive:
            assert until(lambda: site.watch.listeners == 2)
            for round_ in range(1, 9):  # 8 MB in all: more than the system's buffers hold
                site.burst(job.id, 100, words="x" * 10_000)
                assert any(json.loads(text)["number"] == 100 * round_ + 1 for text in attentive)
            assert until(lambda: site.watch.listeners == 1)
            assert until(lambda: len(site.watch.connections) == 1)


# --- when things go wrong -------------------------------------------------------------------------


def test_streams_end_at_once_when_the_server_ends(tmp_path: Path) -> None:
    ends: dict[str, Any] = {}

    def listen_by_socket(site: Site, job: str) -> None:
        with ws(site, job) as socket:
            ends["socket"] = close_code(socket)

    def listen_by_stream(site: Site, job: str) -> None:
        ends["stream"] = numbers(told(site, job))

    with serving(tmp_path / "home") as site:
        job = site.add_job()
        listening = (listen_by_socket, listen_by_stream)
        threads = [threading.Thread(target=each, args=(site, job.id)) for each in listening]
        for thread in threads:
            thread.start()
        assert until(lambda: site.watch.listeners == 2)
        site.happen(job.id, "progress")
        time.sleep(1)
    for thread in threads:
        thread.join()
    assert ends == {"socket": 1012, "stream": [1, 2]}


def test_an_outage_of_the_database_is_waited_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    job = site.add_job()
    with ws(site, job.id) as socket:
        assert json.loads(socket.recv(timeout=5))["number"] == 1
        asked = threading.Event()

        def down(*_: Any, **__: Any) -> Any:
            asked.set()
            raise BusyError("The database is away.", code="database-down", retry_after=5)

        with monkeypatch.context() as broken:
            broken.setattr(site.store, "heads", down)
            broken.setattr(site.store, "events", down)
            assert asked.wait(10)
            site.burst(job.id, 3)
        assert [json.loads(socket.recv(timeout=10))["number"] for _ in range(3)] == [2, 3, 4]


def test_nobody_listening_means_that_nothing_is_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    heads = site.store.heads
    monkeypatch.setattr(site.store, "heads", lambda ids: (asked.append(1), heads(ids))[1])
    job = site.add_job()
    with ws(site, job.id) as socket:
        socket.recv(timeout=5)
        assert until(lambda: len(asked) > 3)
    assert until(lambda: site.watch.listeners == 0)
    time.sleep(0.3)
    before = len(asked)
    time.sleep(0.5)
    assert len(asked) == before


# --- long polls -----------------------------------------------------------------------------------


def test_a_long_poll_returns_when_the_job_changes(site: Site) -> None:
    job = site.add_job()
    url = f"{site.url}/v1/jobs/{job.id}?wait=20"
    threading.Timer(0.5, lambda: site.happen(job.id, "progress")).start()
    answer = httpx.get(url, headers={"If-None-Match": '"1"'}, timeout=30, trust_env=False)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')


def test_a_long_poll_of_which_nothing_comes_says_so(site: Site) -> None:
    job = site.add_job()
    url = f"{site.url}/v1/jobs/{job.id}?wait=0.5"
    assert httpx.get(url, headers={"If-None-Match": '"1"'}, trust_env=False).status_code == 304
    assert until(lambda: site.watch.listeners == 0)
