"""Which addresses may be asked for, and which machines are of the public network."""

import contextlib
import ipaddress
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipmill.addresses import (
    Place,
    allowed_places,
    checked_address,
    is_address,
    loopback,
    place_of,
    public,
)
from clipmill.errors import SourceError


def refusal(address: str, **rest: object) -> str:
    """The code with which an address is refused."""
    with pytest.raises(SourceError) as caught:
        checked_address(address, **rest)  # type: ignore[arg-type]
    assert not any(part in caught.value.message for part in ("127.0.0.1", "secret", "::1"))
    return caught.value.code


def test_every_hostile_address_of_the_collection_is_refused(shared_data: Path) -> None:
    urls = json.loads((shared_data / "badmedia" / "url_cases.json").read_text())["urls"]
    assert len(urls) == 76
    assert {refusal(url) for url in urls} == {"address-wrong", "address-refused"}


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0", "0x7f000001", "0177.0.0.1", "017700000001", "2130706433", "0x7f.1",
        "127.0.1", "0x", "127.0.0.1.", "１２７.0.0.1", "127。0。0。1", "①②⑦.⓪.⓪.①", "⓪x7f。1",
        "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.0.8", "198.19.255.255", "203.0.113.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1",
        "[::1]", "[::]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]",
        "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]", "[64:ff9b:1::8.8.8.8]",
        "[2002:7f00:1::]", "[2002:a00:1::1]", "[2001::1]", "[2001:0:808:808:0:0:80ff:fffe]",
        "[2600:1::5efe:10.0.0.1]", "[2600:1::200:5efe:10.0.0.1]", "[fe80::1]", "[fe80::1%25eth0]",
        "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[3fff::1]", "[5f00::1]", "[100::1]", "[2001:db8::1]",
        "[2001:10::1]", "[4000::1]", "[3ffe::1]",
        "localhost", "localhost.", "LOCALHOST", "foo.localhost", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "printer.local", "db",
        "router.lan", "metadata.google.internal", "metadata.example.com", "metadata",
        "nas.home.arpa", "x.intranet",
    ],
)  # fmt: skip
def test_what_is_not_public_is_refused(host: str) -> None:
    assert refusal(f"http://{host}/") == "address-refused"
    assert refusal(f"https://{host}:8443/v?x=1#y") == "address-refused"


@pytest.mark.parametrize(
    "address",
    [
        "", "-v", "--exec=id", "ytsearch5:cats", "javascript:alert(1)", "//video.com/", "file:///etc/passwd",
        "FILE:/etc/passwd", "ftp://video.com/", "gopher://video.com/", "data:video/mp4;base64,AA", "pipe:0",
        "concat:/etc/passwd", "rtmp://video.com/", "http://", "http:///etc/passwd", "http:/video.com/",
        "http:video.com", "http://?x", "http://:80/", "http://video.com:/", "http://video.com:http/",
        "http://video.com:8o/", "http://video.com:123456/", "http://user:secret@video.com/",
        "http://video.com@127.0.0.1/", "http://@video.com/", "http://127.0.0.1\\@video.com/", " http://video.com/",
        "http://video.com/ ", "http://video.com/a b", "http://vi\ndeo.com/", "http://video.com\t/", "http://video.com/\0",
        "http://video.com/\u202e", "http://vid\u200beo.com/", "http://vi\xaddeo.com/", "http://[video.com]/",
        "http://[::1/", "http://::1/", "http://[::1]x/", "http://video..com/", "http://.video.com/",
        "http://video.com../", "http://vi%64eo.com/", "http://video℀com/", "http://08.8.8.8/", "http://1.2.3.4.5/",
        "http://256.1.1.1/", "http://1.2.3.99999/", "http://4294967296/", "http://1_0.0.0.1/", "http://0xg.1/",
        f"http://{'a' * 64}.com/", f"http://{'a.' * 127}com/", "http://video.com/" + "x" * 8192, "http://\ud800.com/",
    ],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_wrong(address: str) -> None:
    assert refusal(address) == "address-wrong"


@pytest.mark.parametrize("port", [0, 1, 21, 22, 25, 53, 81, 3306, 5432, 6379, 9200, 11211, 65535, 99999])
def test_ports_of_other_services_are_refused(port: int) -> None:
    assert refusal(f"http://video.com:{port}/") == "address-refused"


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("https://www.video.com/watch?v=abc_-&t=1s#x", "www.video.com", 443),
        ("HTTPS://WWW.Video.COM./", "www.video.com", 443),
        ("http://video.com", "video.com", 80),
        ("http://video.com?x=http://127.0.0.1/", "video.com", 80),
        ("https://r4---sn-4g5e6nz7.video.com:8443/", "r4---sn-4g5e6nz7.video.com", 8443),
        ("https://bücher.de/straße", "xn--bcher-kva.de", 443),
        ("https://例え.jp/", "xn--r8jz45g.jp", 443),
        ("https://my_site.video.com/", "my_site.video.com", 443),
        ("http://93.184.216.34:8080/", "93.184.216.34", 8080),
        ("http://1572395042/", "93.184.216.34", 80),
        ("https://[2606:2800:220:1::1]/x", "2606:2800:220:1::1", 443),
        ("https://[64:ff9b::5db8:d822]/", "64:ff9b::5db8:d822", 443),
        ("https://internal.video.com/", "internal.video.com", 443),
        ("https://local.video.com/", "local.video.com", 443),
    ],
)
def test_a_public_address_passes_as_it_was_given(address: str, host: str, port: int) -> None:
    assert checked_address(address) == address
    assert place_of(address) == Place(host, port)


def test_an_exception_holds_for_one_host_as_written_and_one_port() -> None:
    allow = allowed_places("127.0.0.1:9000, [::1]:80,Nas.Local:8080")
    for address in (
        "http://127.0.0.1:9000/",
        "http://[::1]/",
        "http://NAS.local:8080/x",
        "https://video.com/",
    ):
        assert checked_address(address, allow=allow) == address
    for address in ("http://127.0.0.1/", "http://127.1:9000/", "http://localhost:9000/", "http://nas.local/"):
        assert refusal(address, allow=allow) == "address-refused"
    assert refusal("http://secret@127.0.0.1:9000/", allow=allow) == "address-wrong"
    assert refusal("ftp://127.0.0.1:9000/", allow=allow) == "address-wrong"


@pytest.mark.parametrize(
    "text", ["host", "host:", ":80", "host:x", "host:0", "host:65536", "a b:80", "http://x:80"]
)
def test_an_exception_that_names_no_place_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        allowed_places(f"video.com:80,{text}")


def test_no_exception_is_none() -> None:
    assert allowed_places(" , ") == frozenset()


def test_a_source_with_a_scheme_is_an_address_and_all_else_a_file() -> None:
    assert is_address("https://video.com/")
    assert is_address("file:///etc/passwd")
    assert not is_address("talk.mp4")
    assert not is_address("//video.com/")
    assert not is_address("javascript:alert(1)")


@pytest.mark.parametrize(
    "text", ["", "video.com", "1.2.3", "fe80::1%eth0", "2606:2800::1%eth0", "1.1.1.1/8", "::g"]
)
def test_what_is_no_plain_number_is_not_public(text: str) -> None:
    assert not public(text)


@pytest.mark.parametrize("text", ["8.8.8.8", "100.63.255.255", "172.32.0.0", "192.0.1.0", "223.255.255.255",
    "2001:200::1", "2606:2800:220:1::1", "2a00:1450:4001::200e", "::ffff:8.8.8.8", "2002:808:808::1",
    "2001:0:808:808:0:0:f7f7:f7f7", "2600:1::5efe:8.8.8.8"])  # fmt: skip
def test_numbers_of_the_public_network_are_public(text: str) -> None:
    assert public(text)


@given(st.integers(0, 2**32 - 1))
def test_nothing_is_public_that_python_calls_private_or_that_is_wrapped_around_it(number: int) -> None:
    inside = ipaddress.IPv4Address(number)
    if inside.is_private or inside.is_multicast or inside.is_reserved:
        assert not public(str(inside))
    for wrap in (0xFFFF << 32, 0x64FF9B << 96, 0x2002 << 112 | number << 80, 0x26000001 << 96 | 0x5EFE << 32):
        outside = ipaddress.IPv6Address(wrap | (0 if wrap >> 112 == 0x2002 else number))
        assert public(str(outside)) == public(str(inside))


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 4]), st.sampled_from(["d", "x", "o"]))
def test_every_way_to_write_a_number_leads_to_the_same_machine(number: int, parts: int, form: str) -> None:
    high = [number >> 8 * (3 - at) & 255 for at in range(parts - 1)]
    last = number & (256 ** (5 - parts) - 1)
    host = ".".join({"d": f"{part}", "x": f"0x{part:x}", "o": f"0{part:o}"}[form] for part in (*high, last))
    plain = str(ipaddress.IPv4Address(number))
    if public(plain):
        assert place_of(f"http://{host}/") == Place(plain, 80)
    else:
        with pytest.raises(SourceError):
            place_of(f"http://{host}/")


@given(st.text(max_size=60))
def test_no_text_breaks_the_check(text: str) -> None:
    for address in (text, f"http://{text}", f"https://{text}.com/"):
        with contextlib.suppress(SourceError):
            place = place_of(address)
            assert place.host.isascii()
            assert place.port in (80, 443, 8080, 8443)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_this_machine_is_known_by_the_names_that_only_it_has(host: str) -> None:
    assert loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org"])
def test_no_other_host_is_taken_for_this_machine(host: str) -> None:
    assert not loopback(host)
