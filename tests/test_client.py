"""The client against a real server: what it understands, what it survives, and how it fails."""

import ast
import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clipmill import errors
from clipmill.answers import CODES, fault_of
from clipmill.client import Client
from clipmill.errors import (
    BusyError,
    ClipmillError,
    JobCancelled,
    NothingFound,
    RemoteError,
    SourceError,
    StateError,
    UnknownError,
    UsageError,
)
from server_kit import Site, serving

SOURCE = Path(__file__).parents[1] / "src" / "clipmill"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path / "home") as found:
        yield found


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    with Client(site.url) as found:
        yield found


@contextmanager
def other_server(status: int, body: bytes) -> Iterator[str]:
    """A server that is not ours: it says the same to everything."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "7")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def raised() -> Iterator[tuple[str, str]]:
    """Every code that is given to an error's class somewhere in the source, with the class."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for word in node.keywords:
                    if word.arg == "code" and isinstance(word.value, ast.Constant):
                        yield node.func.id, str(word.value.value)


def test_a_code_gives_back_the_class_that_it_was_raised_as() -> None:
    matter = {kind.__name__ for kind in CODES}
    wrong = {
        (name, code) for name, code in raised() if name in matter and code not in CODES[getattr(errors, name)]
    }
    assert wrong == set()
    assert type(fault_of("no-speech", "Nobody speaks.")) is NothingFound
    assert type(fault_of("cancelled", "Somebody asked.")) is JobCancelled
    assert fault_of("poison", "It brought down three workers.").exit_code == 1


def test_a_job_comes_back_as_it_was_handed_in(client: Client, tmp_path: Path) -> None:
    talk = tmp_path / "talk.mp4"
    talk.write_bytes(b"x")
    request = {"source": {"path": str(talk)}, "options": {"count": 2}, "priority": 3, "metadata": {"a": "b"}}
    job = client.submit(request, key="one")
    assert (job.status, job.source, job.position, job.ended) == ("queued", str(talk), 1, False)
    assert job.facts["metadata"] == {"a": "b"}
    assert client.submit(request, key="one").id == job.id
    assert client.submit(request, key="two").id != job.id
    assert client.job(job.id).facts == job.facts


def test_jobs_come_newest_first_over_as_many_pages_as_it_takes(client: Client, site: Site) -> None:
    ids = [site.add_job().id for _ in range(103)]
    assert [job.id for job in client.jobs(limit=1000)] == ids[::-1]
    assert [job.id for job in client.jobs(limit=102)] == ids[:0:-1]
    site.store.cancel(ids[5])
    assert [job.id for job in client.jobs(status="cancelled", limit=10)] == [ids[5]]


def test_errors_come_back_as_what_they_are(client: Client, site: Site) -> None:
    job = site.add_job()
    site.end_job(job.id, "failed", fault_code="no-speech", fault_message="Nobody speaks.")
    assert isinstance(client.job(job.id).fault, NothingFound)
    with pytest.raises(UnknownError, match="nobody"):
        client.job("nobody")
    with pytest.raises(StateError):
        client.act(job.id, "pause")
    with pytest.raises(UsageError, match="priority"):
        client.submit({"source": "/x.mp4", "priority": 77}, key="a")
    with pytest.raises(SourceError):
        client.submit({"source": "/nowhere/x.mp4"}, key="b")


def test_a_job_can_be_paused_resumed_cancelled_and_tried_again(client: Client, site: Site) -> None:
    job = site.add_job()
    actions = ("pause", "resume", "cancel", "retry")
    assert [client.act(job.id, action).status for action in actions] == [
        "paused",
        "queued",
        "cancelled",
        "queued",
    ]


def test_events_are_followed_through_restarts_of_the_server(tmp_path: Path) -> None:
    heard: list[int] = []

    def follow(url: str, job: str) -> None:
        with Client(url) as client:
            heard.extend(event.number for event in client.follow(job))

    with serving(tmp_path / "home") as site:
        job = site.add_job()
        follower = threading.Thread(target=follow, args=(site.url, job.id))
        follower.start()
        site.burst(job.id, 3)
        while len(heard) < 4:
            time.sleep(0.05)
    for _ in range(2):
        with serving(tmp_path / "home", port=site.port) as again:
            again.burst(job.id, 300)
            time.sleep(0.5)
    with serving(tmp_path / "home", port=site.port) as last:
        last.end_job(job.id)
        follower.join()
    assert heard == list(range(1, 606))


def test_what_was_heard_before_is_left_out(client: Client, site: Site) -> None:
    job = site.add_job()
    site.burst(job.id, 4)
    site.end_job(job.id)
    assert [event.number for event in client.follow(job.id, after=3)] == [4, 5, 6]
    assert list(client.follow(job.id, after=6)) == []
    with pytest.raises(UnknownError):
        next(client.follow("nobody"))


def test_no_server_is_told_at_once_and_how_to_get_one() -> None:
    with Client("http://127.0.0.1:9") as client:
        for ask in (lambda: client.job("x"), lambda: next(client.follow("x"))):
            with pytest.raises(RemoteError, match="clipmill serve") as error:
                ask()
            assert (error.value.code, error.value.exit_code) == ("server-unreachable", 6)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (200, b"<html>welcome</html>", RemoteError, "server-not-understood"),
        (200, b'{"id": 5}', RemoteError, "server-not-understood"),
        (200, b"[]", RemoteError, "server-not-understood"),
        (404, b"not here", RemoteError, "server-not-understood"),
        (502, b"bad gateway", RemoteError, "server-unreachable"),
        (429, b'{"code": "queue-full", "detail": "Too many wait."}', BusyError, "queue-full"),
        (507, b'{"code": "disk-full", "detail": "Full."}', errors.BudgetError, "disk-full"),
        (500, b'{"code": "internal-error", "detail": "Sorry."}', ClipmillError, "internal-error"),
    ],
)
def test_what_is_no_answer_of_ours_is_an_error_too(
    status: int, body: bytes, kind: type[ClipmillError], code: str
) -> None:
    with other_server(status, body) as url, Client(url) as client, pytest.raises(kind) as error:
        client.job("x")
    assert error.value.code == code
    assert type(error.value) is kind


def test_a_stream_that_is_none_is_not_followed() -> None:
    for body in (b"<html>welcome</html>", b"data: 5"):
        with other_server(200, body) as url, Client(url) as client, pytest.raises(RemoteError) as error:
            next(client.follow("x"))
        assert error.value.code == "server-not-understood"
