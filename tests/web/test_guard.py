"""What is refused before anything is looked at."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from clipmill.web.guard import Guard, host_name, same_origin
from web_kit import Site


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


# --- whom and who ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST:8420", "localhost"),
        ("127.0.0.1:1", "127.0.0.1"),
        ("[::1]:8420", "::1"),
        ("evil.example", "evil.example"),
        ("localhost@evil.example", ""),
        ("[::1", ""),
        ("", ""),
    ],
)
def test_a_host_is_read_without_its_port(host: str, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("[::1]:9", 200), ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("", 421)],
)
def test_only_this_machine_may_be_meant(site: Site, host: str, status: int) -> None:
    answer = site.http.get("/healthz", headers={"Host": host})
    assert answer.status_code == status
    if status != 200:
        assert code(answer) == (421, "host-not-allowed")


@pytest.mark.parametrize(
    ("origin", "same"),
    [
        ("http://localhost:8420", True),
        ("https://LOCALHOST:8420", True),
        ("http://localhost:3000", False),
        ("http://localhost", False),
        ("null", False),
        ("ftp://localhost:8420", False),
        ("http://localhost:8420.evil.example", False),
        ("", False),
    ],
)
def test_an_origin_is_the_same_with_its_port_only(origin: str, same: bool) -> None:
    assert same_origin(origin, "localhost:8420") is same


def test_a_page_of_another_site_may_look_but_not_touch(site: Site) -> None:
    foreign = {"Origin": "http://evil.example"}
    assert site.http.get("/v1/jobs", headers=foreign).status_code == 200
    for method, path in (("POST", "/v1/jobs"), ("DELETE", "/v1/jobs/a"), ("POST", "/v1/jobs/a/cancel")):
        assert code(site.http.request(method, path, headers=foreign)) == (403, "origin-not-allowed")
    own = {"Origin": site.url}
    assert code(site.http.delete("/v1/jobs/a", headers=own)) == (404, "job-unknown")


def test_every_answer_says_how_it_may_be_used(site: Site) -> None:
    for path in ("/healthz", "/nothing", "/v1/jobs"):
        headers = site.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "server" not in headers


# --- how much -------------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_refused_by_what_it_says_and_by_what_comes(site: Site) -> None:
    for size in (70_000, 5_000_000):
        large = b'"' + b"x" * size + b'"'
        headers = {"Content-Type": "application/json"}
        said = site.http.post("/v1/jobs", content=large, headers=headers)
        assert code(said) == (413, "body-too-large")
        came = site.http.post("/v1/jobs", content=iter([large[:50_000], large[50_000:]]), headers=headers)
        assert code(came) == (413, "body-too-large")


def test_a_plan_may_be_larger_but_not_endless(site: Site) -> None:
    place, headers = "/v1/jobs/aaaa/plan", {"Content-Type": "application/json", "If-Match": "*"}
    fits = site.http.put(place, content=b"x" * 1_000_000, headers=headers)
    assert code(fits) == (404, "job-unknown")
    large = site.http.put(place, content=b"x" * (17 << 20), headers=headers)
    assert code(large) == (413, "body-too-large")


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "", "application/jsonx"])
def test_a_body_must_say_that_it_is_json(site: Site, kind: str) -> None:
    answer = site.http.post("/v1/jobs", content=b"{}", headers={"Content-Type": kind})
    assert code(answer) == (415, "content-type-wrong")


def test_json_may_name_its_letters(site: Site) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert code(site.http.post("/v1/jobs", content=b"{}", headers=headers)) == (422, "request-wrong")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "line 1, column 2"),
        (b'{"metadata": {"a": NaN}}', "nan is no number"),
        (b'{"metadata": {"a": 1e999}}', "a number is too large"),
        (b'{"metadata": {"a": ' + b"9" * 5000 + b"}}", "limit"),
        (b'{"metadata": {"a": "\\ud800"}}', "UTF-8"),
        (b'{"source": "\xff"}', "UTF-8"),
        ('{"source": "a"}'.encode("utf-16"), "UTF-8"),
        (b'{"metadata": {"a": ' + b"[" * 70 + b"]" * 70 + b"}}", "nested too deep"),
        (b"[" * 60_000, "nested too deep"),
    ],
)
def test_what_is_not_json_as_the_standard_has_it_is_refused(site: Site, body: bytes, said: str) -> None:
    answer = site.http.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert code(answer) == (422, "body-unreadable")
    assert said in answer.json()["detail"]


def test_a_body_where_none_is_needed_does_no_harm(site: Site) -> None:
    job = site.queued()
    assert site.http.post(f"/v1/jobs/{job.id}/pause", json={}).status_code == 200
    assert site.http.post(f"/v1/jobs/{job.id}/resume", content=b"").status_code == 200


# --- how many -------------------------------------------------------------------------------------


def test_too_many_at_once_are_told_to_come_back_but_health_is_told() -> None:
    release = asyncio.Event()

    async def slow(_: Scope, __: Receive, send: Send) -> None:
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(guard: Guard, path: str, query: bytes = b"") -> int:
        status = 0

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)

        headers = [(b"host", b"localhost")]
        scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": headers}
        await guard(scope, receive, send)
        return status

    async def story() -> list[int]:
        guard = Guard(slow, ("localhost",), at_once=2)
        first = [asyncio.create_task(ask(guard, "/v1/jobs")) for _ in range(2)]
        await asyncio.sleep(0)
        over = await ask(guard, "/v1/jobs")
        others = [("/healthz", b""), ("/v1/jobs/a/events", b""), ("/v1/jobs/a", b"wait=9")]
        more = [asyncio.create_task(ask(guard, *other)) for other in others]
        await asyncio.sleep(0)
        release.set()
        done = await asyncio.gather(*first, *more)
        return [over, *done, await ask(guard, "/v1/jobs")]

    assert asyncio.run(story()) == [429, 200, 200, 200, 200, 200, 200]


def test_a_hundred_at_once_are_all_answered(site: Site) -> None:
    job = site.queued().id
    with ThreadPoolExecutor(20) as many:
        answers = list(many.map(lambda _: site.http.get(f"/v1/jobs/{job}").status_code, range(100)))
    assert answers == [200] * 100


# --- what is no request ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000, b"431"),
        (b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_request_is_answered_with_a_problem_too(site: Site, sent: bytes, status: bytes) -> None:
    address = site.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=10) as line:
        line.sendall(sent)
        answer = b""
        while chunk := line.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"content-type: application/problem+json" in answer
    assert answer.endswith(b"}")
