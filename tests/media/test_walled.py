"""Hostile addresses and hostile names, with real look-ups and real packets, where nothing can leave."""

import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from clipmill.addresses import checked_address
from clipmill.errors import SourceError
from clipmill.media.egress import Pass, way_out
from clipmill.media.fetch import ANYHOW, fetch, look_up
from clipmill.media.launcher import launch
from media_kit import make_video
from site_kit import TYPES, make_hls, video_page
from walled_kit import (
    INSIDE,
    INSIDE_6,
    PUBLIC,
    PUBLIC_6,
    child_of,
    inner_services,
    naming,
    overheard,
    packets,
    walled,
)

HOSTS = (
    "127.0.0.1", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0177.0.0.1", "017700000001",
    "localhost", "localhost.", "foo.localhost", "metadata.google.internal", "127.0.0.1.",
    *INSIDE, *(f"[{ip}]" for ip in INSIDE_6), "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]", "[2001::1]",
    "[fe80::1]", "[fe80::1%25lo]", "[ff02::1]", "[100::1]",
)  # fmt: skip


class Public(http.server.BaseHTTPRequestHandler):
    """A site of the public network that shows its pages, and sends its visitors on to the inside."""

    pages: Mapping[str, bytes]

    def do_GET(self) -> None:
        body = self.pages.get(self.path, b"")
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", "http://" + self.path.removeprefix("/to/"))
        else:
            self.send_response(200)
        self.send_header("Content-Type", TYPES.get(Path(self.path).suffix, "text/html"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def public_site(pages: Mapping[str, bytes] | None = None) -> Iterator[None]:
    """The site at a public address, and at a port that ``inner_services`` leaves free here."""
    visitor = type("Visitor", (Public,), {"pages": pages or {}})
    with http.server.ThreadingHTTPServer((PUBLIC[0], 8443), visitor) as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            site.shutdown()
            thread.join()


def status(leave: Pass, address: str) -> int:
    opener = build_opener(ProxyHandler({"http": leave.proxy, "https": leave.proxy}))
    try:
        with opener.open(Request(address), timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


@walled
def test_the_listeners_of_these_tests_are_reached_by_who_is_not_kept_from_them() -> None:
    opener = build_opener(ProxyHandler({}))
    with inner_services(80, 8080) as came, naming(lambda *_: ("127.0.0.1",)) as asked:
        before = packets()
        for host in ("127.1", "0x7f000001", "10.0.0.1", "[::1]", "[64:ff9b::7f00:1]", "inside.video.com"):
            assert opener.open(f"http://{host}:8080/", timeout=30).read() == b"secret"
        assert len(came) == 6
        assert asked == ["inside.video.com"]
        assert packets() > before + 50


@walled
def test_the_check_of_an_address_sends_no_packet() -> None:
    before = packets()
    for host in HOSTS:
        for address in (f"http://{host}/", f"https://{host}:8080/x", f"http://video.com@{host}/"):
            with pytest.raises(SourceError):
                checked_address(address)
    checked_address("https://video.com/")
    assert packets() == before == 0


@walled
def test_no_hostile_address_is_reached_through_the_way_out(tmp_path: Path) -> None:
    code = (
        "import json, sys, urllib.error, urllib.request as r\n"
        "proxy, addresses = json.load(open('order.json'))\n"
        "site = r.build_opener(r.ProxyHandler({'http': proxy, 'https': proxy}))\n"
        "for address in addresses:\n"
        "    try: site.open(address, timeout=60)\n"
        "    except (OSError, ValueError) as error: print(error)\n"
        "    else: print('reached', address)\n"
    )
    hosts = [host.replace("%25", "%") for host in HOSTS]
    addresses = [
        f"{scheme}://{host}:{port}/" for host in hosts for scheme in ("http", "https") for port in (80, 8080)
    ]
    with inner_services(80, 8080, 443) as came, naming(lambda *_: INSIDE) as asked, way_out() as leave:
        (tmp_path / "order.json").write_text(json.dumps([leave.proxy, addresses]))
        with overheard() as ends, launch(child_of(code, tmp_path, leave.port)) as child:
            assert child.stdout
            lines = child.stdout.read().decode().splitlines()
            child.wait()
    assert len(lines) == len(addresses)
    assert [line for line in lines if "403" not in line] == []
    assert (came, asked) == ([], [])
    assert len(leave.refused) == 100
    assert len(ends) > 1000
    assert [pair for pair in ends if ("127.0.0.1", leave.port) not in pair] == []


@walled
def test_a_name_that_is_public_first_and_inside_next_does_not_lead_inside() -> None:
    def answers(_: str, times: int) -> tuple[str, ...]:
        return (PUBLIC[0],) if times == 0 else ("127.0.0.1",)

    with public_site(), inner_services(80, 8080) as came, naming(answers) as asked, way_out() as leave:
        assert status(leave, "http://turns.video.com:8443/") == 200
        assert status(leave, "http://turns.video.com:8443/") == 403
        assert status(leave, "http://turns.video.com:8080/") == 403
        assert asked == ["turns.video.com"] * 3
        assert came == []
        assert leave.refused == ["http://turns.video.com:8443/", "http://turns.video.com:8080/"]


@walled
def test_a_name_is_looked_up_once_for_each_request_and_that_answer_is_used() -> None:
    with public_site(), naming(lambda *_: (PUBLIC[0], PUBLIC[1])) as asked, way_out() as leave:
        for _ in range(3):
            assert status(leave, "http://video.com:8443/") == 200
        assert asked == ["video.com"] * 3


@walled
def test_a_site_of_both_kinds_is_reached_by_the_one_that_works() -> None:
    with public_site(), naming(lambda *_: (PUBLIC_6, PUBLIC[0])), way_out() as leave:
        assert status(leave, "http://video.com:8443/") == 200


@walled
def test_a_name_with_a_public_and_an_inner_number_is_refused_whole() -> None:
    def answers(name: str, _: int) -> tuple[str, ...]:
        return {
            "both.video.com": (PUBLIC[0], "::1"),
            "two.video.com": (PUBLIC[0], "10.0.0.1"),
            "six.video.com": (PUBLIC_6, "127.0.0.1"),
            "wrapped.video.com": (PUBLIC[0], "64:ff9b::7f00:1"),
        }[name]

    with public_site(), inner_services(80, 8080) as came, naming(answers), way_out() as leave:
        for name in ("both", "two", "six", "wrapped"):
            assert status(leave, f"http://{name}.video.com:8443/") == 403
            assert status(leave, f"http://{name}.video.com:8080/") == 403
        assert came == []


@walled
def test_a_public_site_that_redirects_inside_is_followed_no_further() -> None:
    def answers(name: str, _: int) -> tuple[str, ...]:
        return ("127.0.0.1",) if name == "inside.video.com" else (PUBLIC[0],)

    with public_site(), inner_services(80, 8080) as came, naming(answers), way_out() as leave:
        goals = ("127.0.0.1/", "127.1:8080/", "169.254.169.254/latest/meta-data/", "[::1]:8080/",
                 "inside.video.com/", "localhost/", "[64:ff9b::7f00:1]/")  # fmt: skip
        for goal in goals:
            assert status(leave, f"http://video.com:8443/to/{goal}") == 403
        assert status(leave, "http://video.com:8443/to/video.com:8443/") == 200
        assert came == []
        assert len(leave.refused) == len(goals)


@walled
def test_every_hostile_address_of_the_collection_is_refused_without_a_packet(shared_data: Path) -> None:
    urls = json.loads((shared_data / "badmedia" / "url_cases.json").read_text())["urls"]
    for url in urls:
        with pytest.raises(SourceError):
            checked_address(url)
    assert packets() == 0


# --- whole fetches --------------------------------------------------------------------------------


def fetched(address: str, folder: Path, ffmpeg: Path) -> bytes:
    """The video at an address, looked up and fetched as a job does it."""
    folder.mkdir()
    listing = look_up(address, fetching=ANYHOW, cwd=folder, max_duration_s=3600)
    return fetch(
        listing, fetching=ANYHOW, ffmpeg=ffmpeg, folder=folder, tick=lambda _: None
    ).video.read_bytes()


def playlist(segment: str) -> bytes:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{segment}\n#EXT-X-ENDLIST\n".encode()


@walled
def test_a_fetch_takes_a_video_from_a_public_site_by_its_name(tmp_path: Path, ffmpeg: Path) -> None:
    (tmp_path / "site").mkdir()
    make_hls(ffmpeg, make_video(ffmpeg, tmp_path / "talk.mp4", "-g", "25"), tmp_path / "site", seconds=1)
    pages = {f"/{path.name}": path.read_bytes() for path in (tmp_path / "site").iterdir()}
    with public_site(pages), naming(lambda *_: (PUBLIC[0],)) as asked:
        assert len(fetched("http://video.com:8443/talk.m3u8", tmp_path / "work", ffmpeg)) > 10_000
    assert set(asked) == {"video.com"}


@walled
def test_a_fetch_is_led_inside_by_no_site(tmp_path: Path, ffmpeg: Path) -> None:
    """A redirect, a segment, a page's video, a name that turns, a name of two kinds: the whole way each."""

    def answers(name: str, times: int) -> tuple[str, ...]:
        return {
            "inside.video.com": ("10.0.0.1",),
            "turns.video.com": (PUBLIC[0],) if times == 0 else ("127.0.0.1",),
            "both.video.com": (PUBLIC[0], "::1"),
        }.get(name, (PUBLIC[0],))

    film = make_video(ffmpeg, tmp_path / "film.mp4").read_bytes()
    pages = {
        "/film.mp4": film,
        "/number.m3u8": playlist("http://127.0.0.1:8080/x.ts"),
        "/cloud.m3u8": playlist("http://169.254.169.254/latest/x.ts"),
        "/name.m3u8": playlist("http://inside.video.com/x.ts"),
        "/page.html": video_page("A talk", "http://[::1]:8080/x.mp4"),
        "/away.m3u8": playlist("http://video.com:8443/to/127.1:8080/x.ts"),
    }
    hosts = ("video.com", "turns.video.com", "both.video.com")
    addresses = [f"http://{hosts[0]}:8443{path}" for path in pages if path != "/film.mp4"]
    addresses += [f"http://{host}:8443/film.mp4" for host in hosts[1:]]
    addresses += [f"http://{hosts[0]}:8443/to/{place}/x.mp4" for place in ("127.0.0.1", "inside.video.com")]
    with public_site(pages), inner_services(80, 8080) as came, naming(answers):
        for number, address in enumerate(addresses):
            with pytest.raises(SourceError) as caught:
                fetched(address, tmp_path / f"work{number}", ffmpeg)
            assert caught.value.code == "address-refused"
            assert came == []
