"""The way out: who is let in, where it leads, what comes back, and what becomes of it in trouble."""

import contextlib
import http.client
import http.server
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import OpenerDirector, ProxyHandler, build_opener

import pytest

from clipmill.addresses import Place
from clipmill.errors import SettingsError
from clipmill.media import dialing, gateway, relay
from clipmill.media.egress import Pass, close_ways, way_out
from clipmill.media.heads import basic_word


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    yield
    close_ways()


class Site(http.server.ThreadingHTTPServer):
    """A server on loopback that remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visitor)
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: dict[str, Callable[[Visitor], None]] = {}

    @property
    def place(self) -> Place:
        return Place("127.0.0.1", self.server_port)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Visitor(http.server.BaseHTTPRequestHandler):
    """Answers by path; everything else gets ``hello``."""

    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        self.server.answers.get(self.path, lambda visitor: visitor.say(b"hello"))(self)

    do_POST = do_HEAD = do_GET  # noqa: N815

    def say(self, body: bytes, status: int = 200, **fields: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | fields).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None] = lambda _: None) -> Iterator[tuple[Place, list[int]]]:
    """A listener, and the ports of those that came."""
    came: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    guest, (_, port) = server.accept()
                    came.append(port)
                    with guest, contextlib.suppress(OSError):
                        serve(guest)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield Place("127.0.0.1", server.getsockname()[1]), came
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def opener(leave: Pass) -> OpenerDirector:
    return build_opener(ProxyHandler({"http": leave.proxy, "https": leave.proxy}))


def body_of(leave: Pass, address: str, data: bytes | None = None) -> bytes:
    with opener(leave).open(address, data, timeout=20) as answer:
        return bytes(answer.read())


def refusal(leave: Pass, address: str) -> tuple[int, str]:
    """The status and reason with which the proxy answers."""
    with pytest.raises(HTTPError) as caught:
        body_of(leave, address)
    with caught.value as answer:
        return answer.code, answer.reason


def raw(leave: Pass, request: bytes, *, word: bool = True) -> bytes:
    """All that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", leave.port), timeout=20) as link:
        link.sendall(request.replace(b"\n", b"\r\n").replace(b"WORD", shown(leave) if word else b"x"))
        return b"".join(iter(lambda: link.recv(65536), b""))


def shown(leave: Pass) -> bytes:
    parts = urlsplit(leave.proxy)
    return b"Proxy-Authorization: " + basic_word(parts.username or "", parts.password or "").encode()


def tunnel(leave: Pass, target: str) -> tuple[socket.socket, bytes]:
    """A connection through CONNECT, and the first line of the answer."""
    link = socket.create_connection(("127.0.0.1", leave.port), timeout=20)
    link.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n".encode() + shown(leave) + b"\r\n\r\n")
    head = b""
    while not head.endswith(b"\r\n\r\n") and (more := link.recv(1)):
        head += more
    return link, head.partition(b"\r\n")[0]


def told(place: Place) -> str:
    return f"{place.host}:{place.port}"


# --- what goes through ----------------------------------------------------------------------------


def test_a_page_comes_through_and_its_bytes_are_counted(site: Site) -> None:
    site.answers["/large"] = lambda visitor: visitor.say(b"x" * 3_000_000)
    with way_out(allow=frozenset({site.place})) as leave:
        assert body_of(leave, f"{site.address}/large") == b"x" * 3_000_000
        assert 3_000_000 < leave.received < 3_001_000
        assert leave.refused == []


def test_the_site_gets_the_request_without_what_was_meant_for_the_proxy(site: Site) -> None:
    with way_out(allow=frozenset({site.place})) as leave:
        answer = raw(
            leave,
            f"GET {site.address}/a?b=c#d HTTP/1.1\nHost: other\nWORD\nConnection: X-Hop\nX-Hop: 1\n"
            "X-Kept: \xe9\nExpect: 100-continue\nUpgrade: h2c\n\n".encode("latin-1"),
        )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"Connection: close\r\n\r\nhello")
    [(method, path, fields, _)] = site.asked
    assert (method, path) == ("GET", "/a?b=c")
    assert fields == {"Host": told(site.place), "X-Kept": "\xe9", "Connection": "close"}


def test_a_body_goes_out_whole_and_head_has_none(site: Site) -> None:
    with way_out(allow=frozenset({site.place})) as leave:
        assert body_of(leave, f"{site.address}/form", b"y" * 300_000) == b"hello"
        answer = raw(leave, f"HEAD {site.address} HTTP/1.1\nWORD\n\n".encode())
    assert site.asked[0][3] == b"y" * 300_000
    assert site.asked[1][:2] == ("HEAD", "/")
    assert answer.partition(b"\r\n\r\n")[2] == b""


def test_a_tunnel_carries_bytes_both_ways_and_ends_with_the_far_side() -> None:
    def turn_round(guest: socket.socket) -> None:
        said = b"".join(iter(lambda: guest.recv(65536), b""))
        guest.sendall(said[::-1])

    with listening(turn_round) as (place, came), way_out(allow=frozenset({place})) as leave:
        link, first = tunnel(leave, told(place))
        with link:
            assert first == b"HTTP/1.1 200 Connection established"
            link.sendall(b"abc" * 100_000)
            link.shutdown(socket.SHUT_WR)
            assert b"".join(iter(lambda: link.recv(65536), b"")) == b"cba" * 100_000
        assert leave.received == 300_000
        assert len(came) == 1


def test_an_answer_before_the_answer_is_left_out() -> None:
    def serve(guest: socket.socket) -> None:
        guest.recv(65536)
        guest.sendall(
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nKeep-Alive: 5\r\n\r\nyes"
        )

    with listening(serve) as (place, _), way_out(allow=frozenset({place})) as leave:
        answer = raw(leave, f"GET http://{told(place)}/ HTTP/1.1\nWORD\n\n".encode())
    assert answer == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nyes"


def test_several_children_go_out_at_once_each_with_its_own_count(site: Site) -> None:
    site.answers["/1"] = lambda visitor: visitor.say(b"x" * 1_000_000)
    site.answers["/2"] = lambda visitor: visitor.say(b"x" * 2_000_000)
    allow = frozenset({site.place})
    with way_out(allow=allow) as one, way_out(allow=allow) as two:
        assert one.port == two.port
        assert one.proxy != two.proxy
        fetching = [
            threading.Thread(target=body_of, args=(leave, f"{site.address}/{name}"))
            for leave, name in ((one, 1), (two, 2), (one, 1), (two, 2))
        ]
        for thread in fetching:
            thread.start()
        for thread in fetching:
            thread.join()
        assert (one.received // 10**6, two.received // 10**6) == (2, 4)


# --- who is let in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    ["", "Proxy-Authorization: Basic eDp5\n", "Proxy-Authorization: Basic !\n", "Proxy-Authorization: x\n"],
)
def test_without_a_pass_nobody_is_let_in(site: Site, word: str) -> None:
    with way_out(allow=frozenset({site.place})) as leave:
        for line in (f"GET {site.address}/", f"CONNECT {told(site.place)}"):
            answer = raw(leave, f"{line} HTTP/1.1\n{word}\n".encode())
            assert answer.startswith(b"HTTP/1.1 407 ")
            assert b"Proxy-Authenticate: Basic" in answer
    assert site.asked == []


def test_the_name_of_a_pass_is_not_enough(site: Site) -> None:
    with way_out(allow=frozenset({site.place})) as leave:
        word = basic_word(urlsplit(leave.proxy).username or "", "guess")
        answer = raw(leave, f"GET {site.address}/ HTTP/1.1\nProxy-Authorization: {word}\n\n".encode())
    assert answer.startswith(b"HTTP/1.1 407 ")
    assert site.asked == []


def test_a_pass_ends_with_its_block_and_with_it_what_it_had_open() -> None:
    with listening(lambda guest: guest.recv(1)) as (place, _):
        allow = frozenset({place})
        with way_out(allow=allow) as leave:
            link, first = tunnel(leave, told(place))
            assert b"200" in first
        with link, contextlib.suppress(ConnectionResetError):
            assert link.recv(1) == b""
        with way_out(allow=allow) as other:
            assert other.port == leave.port
            link, first = tunnel(leave, told(place))
            link.close()
            assert b" 407 " in first


def test_one_pass_opens_so_many_connections_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "AT_ONCE", 3)
    with contextlib.ExitStack() as open_ones:
        servers = [open_ones.enter_context(listening(lambda guest: guest.recv(1))) for _ in range(4)]
        leave = open_ones.enter_context(way_out(allow=frozenset(place for place, _ in servers)))
        firsts = []
        for place, _ in servers:
            link, first = tunnel(leave, told(place))
            open_ones.enter_context(link)
            firsts.append(first.split()[1])
        assert firsts == [b"200", b"200", b"200", b"503"]
        assert [len(came) for _, came in servers] == [1, 1, 1, 0]


# --- where it leads -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
     "10.0.0.1", "169.254.169.254", "192.168.1.1", "100.100.100.200", "localhost", "localhost.", "db",
     "nas.local", "metadata.google.internal"],
)  # fmt: skip
def test_neither_a_page_nor_a_tunnel_leads_inside(host: str) -> None:
    def unasked(name: str, _: int) -> tuple[str, ...]:
        raise AssertionError(f"looked up {name}")

    with way_out(resolve=unasked) as leave:
        for port in (80, 8080, 6379):
            assert refusal(leave, f"http://{host}:{port}/x?secret") == (403, "Not a public address")
            link, first = tunnel(leave, f"{host}:{port}")
            link.close()
            assert first == b"HTTP/1.1 403 Not a public address"
        assert leave.refused[:2] == [f"http://{host}:80/x", f"{host}:80"]
        assert len(leave.refused) == 6


def test_a_redirect_to_the_inside_is_refused_and_never_arrives(site: Site) -> None:
    with serving() as inner, way_out(allow=frozenset({site.place})) as leave:
        site.answers["/"] = lambda visitor: visitor.say(b"", 302, Location=f"{inner.address}/keys")
        assert refusal(leave, f"{site.address}/") == (403, "Not a public address")
        assert leave.refused == [f"{inner.address}/keys"]
        assert (len(site.asked), inner.asked) == (1, [])


@pytest.mark.parametrize(
    "answer",
    [
        ("127.0.0.1",),
        ("93.184.216.34", "127.0.0.1"),
        ("93.184.216.34", "::1"),
        ("2606:2800:220:1::1", "10.0.0.1"),
        ("93.184.216.34", "fe80::1%eth0"),
        ("::ffff:127.0.0.1",),
        ("93.184.216.34", "nonsense"),
    ],
)
def test_a_name_of_which_any_number_is_inside_is_refused_whole(answer: tuple[str, ...]) -> None:
    asked: list[tuple[str, int]] = []

    def resolve(name: str, port: int) -> tuple[str, ...]:
        asked.append((name, port))
        return answer

    with way_out(resolve=resolve) as leave:
        assert refusal(leave, "http://video.com:8080/") == (403, "Not a public address")
        link, first = tunnel(leave, "video.com:443")
        link.close()
        assert first == b"HTTP/1.1 403 Not a public address"
        assert asked == [("video.com", 8080), ("video.com", 443)]
        assert leave.refused == ["http://video.com:8080/", "video.com:443"]


def test_an_exception_is_looked_up_and_connected_to_wherever_it_is(site: Site) -> None:
    allowed = Place("nas.local", site.server_port)
    names: list[str] = []

    def resolve(name: str, _: int) -> tuple[str, ...]:
        names.append(name)
        return ("::1", "127.0.0.1")

    with way_out(allow=frozenset({allowed}), resolve=resolve) as leave:
        assert body_of(leave, f"http://NAS.local:{site.server_port}/") == b"hello"
        assert refusal(leave, f"http://127.0.0.1:{site.server_port}/")[0] == 403
    assert names == ["nas.local"]
    assert site.asked[0][2]["Host"] == f"nas.local:{site.server_port}"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\n\n", 400),
        (b"GET / HTTP/1.1\nWORD\n\n", 400),
        (b"GET https://video.com/ HTTP/1.1\nWORD\n\n", 400),
        (b"GET ftp://video.com/ HTTP/1.1\nWORD\n\n", 400),
        (b"GET http://a@video.com/ HTTP/1.1\nWORD\n\n", 400),
        (b"GET http://vid\xe9o.com/ HTTP/1.1\nWORD\n\n", 400),
        (b"GET http://video.com/ HTTP/1.1\nWORD\n folded\n\n", 400),
        (b"GET http://video.com/ HTTP/1.1\nWORD\nX: a\rb\n\n", 400),
        (b"GET http://video.com/ HTTP/2\nWORD\n\n", 400),
        (b"CONNECT video.com HTTP/1.1\nWORD\n\n", 400),
        (b"CONNECT video.com/x:443 HTTP/1.1\nWORD\n\n", 400),
        (b"CONNECT a@video.com:443 HTTP/1.1\nWORD\n\n", 400),
        (b"DELETE http://video.com/ HTTP/1.1\nWORD\n\n", 405),
        (b"POST http://video.com/ HTTP/1.1\nWORD\nTransfer-Encoding: chunked\n\n", 411),
        (b"POST http://video.com/ HTTP/1.1\nWORD\nContent-Length: 1\nContent-Length: 2\n\n", 411),
        (b"POST http://video.com/ HTTP/1.1\nWORD\nContent-Length: -1\n\n", 411),
        (b"GET http://video.com/ HTTP/1.1\nWORD\nX: " + b"x" * 40_000 + b"\n\n", 431),
    ],
)
def test_what_is_no_plain_request_is_answered_and_leads_nowhere(request_: bytes, status: int) -> None:
    def unasked(name: str, _: int) -> tuple[str, ...]:
        raise AssertionError(f"looked up {name}")

    with way_out(resolve=unasked) as leave:
        assert raw(leave, request_).startswith(f"HTTP/1.1 {status} ".encode())
        assert leave.refused == []


def test_a_field_of_nothing_but_spaces_keeps_nobody_waiting(site: Site) -> None:
    with way_out(allow=frozenset({site.place})) as leave:
        field = b"X: " + (b" " * 500 + b"x") * 60
        answer = raw(leave, f"GET {site.address}/ HTTP/1.1\nWORD\n".encode() + field + b"\n\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert site.asked[0][2]["X"].endswith("x")


def test_of_many_refusals_the_first_hundred_are_remembered() -> None:
    with way_out() as leave:
        for number in range(110):
            tunnel(leave, f"10.0.0.{number}:80")[0].close()
        assert len(leave.refused) == 100


# --- when things go wrong -------------------------------------------------------------------------


def no_name(name: str, port: int) -> tuple[str, ...]:
    raise socket.gaierror(socket.EAI_NONAME, f"{name}:{port}")


def test_a_name_that_nobody_knows_is_told_so() -> None:
    with way_out(resolve=no_name) as leave:
        assert refusal(leave, "http://video.com/") == (502, "No such name")
        assert leave.refused == []


def test_a_name_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialing, "LOOK_UP_S", 0.2)
    hold = threading.Event()

    def resolve(_: str, __: int) -> tuple[str, ...]:
        hold.wait(20)
        return ("127.0.0.1",)

    with way_out(resolve=resolve) as leave:
        assert refusal(leave, "http://video.com/") == (504, "Name not found in time")
        hold.set()


def test_hanging_names_use_up_no_more_than_so_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialing, "_look_ups", threading.BoundedSemaphore(1))
    monkeypatch.setattr(dialing, "LOOK_UP_S", 0.2)
    hold = threading.Event()

    def resolve(_: str, __: int) -> tuple[str, ...]:
        hold.wait(20)
        return ()

    with way_out(resolve=resolve) as leave:
        assert [refusal(leave, "http://video.com/")[0] for _ in range(2)] == [504, 503]
        hold.set()


def test_a_machine_that_does_not_answer_is_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = Place("127.0.0.1", server.getsockname()[1])
    with way_out(allow=frozenset({place})) as leave:
        assert refusal(leave, f"http://{told(place)}/") == (502, "Not reachable")
        assert leave.refused == []


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"x" * 100_000])
def test_what_answers_in_no_http_is_told_so(answer: bytes) -> None:
    def serve(guest: socket.socket) -> None:
        guest.recv(65536)
        guest.sendall(answer)

    with listening(serve) as (place, _), way_out(allow=frozenset({place})) as leave:
        assert refusal(leave, f"http://{told(place)}/") == (502, "No HTTP answer")


def test_an_answer_that_is_cut_off_is_seen_to_be_cut_off() -> None:
    def serve(guest: socket.socket) -> None:
        guest.recv(65536)
        guest.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin")

    with listening(serve) as (place, _), way_out(allow=frozenset({place})) as leave:
        with pytest.raises(http.client.IncompleteRead) as caught:
            body_of(leave, f"http://{told(place)}/")
        assert caught.value.partial == b"begin"


def test_an_answer_of_no_length_that_is_reset_is_reset_here_too() -> None:
    def serve(guest: socket.socket) -> None:
        guest.recv(65536)
        guest.sendall(b"HTTP/1.1 200 OK\r\n\r\nbegin")
        time.sleep(0.2)
        guest.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with (
        listening(serve) as (place, _),
        way_out(allow=frozenset({place})) as leave,
        pytest.raises(ConnectionResetError),
    ):
        body_of(leave, f"http://{told(place)}/")


def test_a_head_that_does_not_end_and_a_line_that_falls_silent_are_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gateway, "HEAD_S", 0.2)
    monkeypatch.setattr(relay, "IDLE_S", 0.3)
    with listening(lambda guest: guest.recv(1)) as (place, _), way_out(allow=frozenset({place})) as leave:
        assert raw(leave, b"GET http://video.com/ HTTP/1.1\n").startswith(b"HTTP/1.1 408 ")
        link, first = tunnel(leave, told(place))
        assert b"200" in first
        with link, contextlib.suppress(ConnectionResetError):
            assert link.recv(1) == b""


def test_a_line_on_which_something_moves_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "IDLE_S", 2.0)

    def drip(guest: socket.socket) -> None:
        for _ in range(12):
            guest.sendall(b".")
            time.sleep(0.25)

    with listening(drip) as (place, _), way_out(allow=frozenset({place})) as leave:
        link, _ = tunnel(leave, told(place))
        with link:
            assert b"".join(iter(lambda: link.recv(1), b"")) == b"." * 12


def test_a_slow_reader_makes_the_site_wait_instead_of_filling_our_memory() -> None:
    sent = [0]

    def pour(guest: socket.socket) -> None:
        guest.recv(65536)
        guest.settimeout(20)
        guest.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(300):
            guest.sendall(b"x" * (1 << 20))
            sent[0] += 1

    with (
        listening(pour) as (place, _),
        way_out(allow=frozenset({place})) as leave,
        socket.create_connection(("127.0.0.1", leave.port), timeout=20) as link,
    ):
        link.sendall(f"GET http://{told(place)}/ HTTP/1.1\r\n".encode() + shown(leave) + b"\r\n\r\n")
        before = -1
        while before < sent[0] or not sent[0]:
            before = sent[0]
            time.sleep(0.5)
        assert sent[0] < 64


# --- through the proxy of this machine ------------------------------------------------------------


@contextlib.contextmanager
def relaying(site: Site) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that takes the word ``me:p@ss`` and leads everything to ``site``; and the heads that it got."""
    heads: list[bytes] = []

    def serve(guest: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += guest.recv(1)
        heads.append(head)
        if basic_word("me", "p@ss").encode() not in head:
            guest.sendall(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
            return
        if head.startswith(b"CONNECT"):
            guest.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            head = guest.recv(65536)
        with socket.create_connection(("127.0.0.1", site.server_port)) as far:
            far.sendall(head)
            while piece := far.recv(65536):
                guest.sendall(piece)

    with listening(serve) as (place, _):
        yield f"http://me:p%40ss@{told(place)}", heads


def test_pages_and_tunnels_go_through_the_proxy_that_this_machine_has(site: Site) -> None:
    for path in ("/x", "http://video.com/x"):
        site.answers[path] = lambda visitor: visitor.say(b"through", Connection="close")
    with relaying(site) as (address, heads), way_out(upstream=address, resolve=no_name) as leave:
        assert body_of(leave, "http://video.com/x") == b"through"
        link, first = tunnel(leave, "video.com:443")
        with link:
            assert b"200" in first
            link.sendall(b"GET /x HTTP/1.1\r\nHost: video.com\r\nConnection: close\r\n\r\n")
            assert b"".join(iter(lambda: link.recv(65536), b"")).endswith(b"through")
    assert heads[0].startswith(b"GET http://video.com/x HTTP/1.1\r\nHost: video.com\r\n")
    assert heads[1].startswith(b"CONNECT video.com:443 HTTP/1.1\r\n")


def test_through_another_proxy_the_inside_is_refused_as_well(site: Site) -> None:
    inside = {"rebound.com": ("127.0.0.1",), "both.com": ("93.184.216.34", "::1")}
    with (
        relaying(site) as (address, heads),
        way_out(upstream=address, resolve=lambda name, _: inside[name]) as leave,
    ):
        for host in ("127.0.0.1", "169.254.169.254", "[::1]", "localhost", "db", "rebound.com", "both.com"):
            assert refusal(leave, f"http://{host}/")[0] == 403
            link, first = tunnel(leave, f"{host}:443")
            link.close()
            assert b" 403 " in first
    assert heads == []


def test_an_exception_goes_past_the_proxy_of_this_machine(site: Site) -> None:
    with (
        relaying(site) as (address, heads),
        way_out(allow=frozenset({site.place}), upstream=address) as leave,
    ):
        assert body_of(leave, f"{site.address}/") == b"hello"
    assert heads == []


def test_a_proxy_that_does_not_let_us_in_is_told_of(site: Site) -> None:
    with relaying(site) as (address, _):
        stranger = address.replace("me:", "you:")
        with way_out(upstream=stranger, resolve=no_name) as leave:
            answered = (502, "The proxy of this machine answered 407")
            assert refusal(leave, "http://video.com/") == answered
            link, first = tunnel(leave, "video.com:443")
            link.close()
            assert first == b"HTTP/1.1 502 The proxy of this machine answered 407"


@pytest.mark.parametrize("address", ["socks5://host:1080", "https://host", "http://", "http://host:x", "://"])
def test_a_proxy_that_cannot_be_used_is_a_wrong_setting(address: str) -> None:
    with pytest.raises(SettingsError) as caught, way_out(upstream=address):
        pass
    assert caught.value.code == "proxy-wrong"


def test_a_proxy_may_be_named_without_its_scheme() -> None:
    found = dialing.upstream_of("proxy.corp:3128")
    assert found
    assert found.place == Place("proxy.corp", 3128)


# --- the program's end ----------------------------------------------------------------------------


def test_the_program_ends_though_lines_are_open_and_a_name_is_not_found() -> None:
    code = (
        "import socket, threading, time\nfrom clipmill.addresses import Place\n"
        "from clipmill.media.egress import way_out\n"
        "server = socket.create_server(('127.0.0.1', 0)); port = server.getsockname()[1]\n"
        "def resolve(*_): time.sleep(600)\n"
        "leave = way_out(allow=frozenset({Place('127.0.0.1', port), Place('x', 80)}), resolve=resolve)\n"
        "given = leave.__enter__()\n"
        "from urllib.parse import urlsplit\nfrom clipmill.media.heads import basic_word\n"
        "parts = urlsplit(given.proxy); links = []\n"
        "word = basic_word(parts.username, parts.password)\n"
        "for target in (f'127.0.0.1:{port}', 'x:80'):\n"
        "    link = socket.create_connection(('127.0.0.1', given.port)); links.append(link)\n"
        "    head = f'CONNECT {target} HTTP/1.1\\r\\nProxy-Authorization: {word}\\r\\n\\r\\n'\n"
        "    link.sendall(head.encode())\n"
        "print(links[0].recv(12).decode()); time.sleep(0.2)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        cwd=Path(__file__).parent,
    )
    assert (ran.stdout, ran.stderr) == ("HTTP/1.1 200\n", "")
