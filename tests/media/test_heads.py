"""Heads on their way through the proxy: what is read, and what goes on."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipmill.media.heads import (
    answer_of_ours,
    answer_onward,
    basic_word,
    read_request,
    read_status,
    request_onward,
)

TEXT = st.text(st.characters(max_codepoint=255), max_size=30)


@given(st.lists(TEXT, max_size=6), TEXT, TEXT)
def test_whatever_is_read_goes_on_as_one_request_to_one_host(lines: list[str], name: str, value: str) -> None:
    head = "\r\n".join(("GET http://video.com/ HTTP/1.1", *lines, f"{name}: {value}")) + "\r\n\r\n"
    with contextlib.suppress(ValueError):
        request = read_request(head.encode("latin-1"))
        onward = request_onward(request, target="/", host="video.com").decode("latin-1")
        first, *fields = onward.removesuffix("\r\n\r\n").split("\r\n")
        assert first == "GET / HTTP/1.1"
        assert [field for field in fields if field.lower().startswith("host:")] == ["Host: video.com"]
        assert fields[-1] == "Connection: close"
        assert not any(control in "".join(fields) for control in "\r\n\0")
        assert "\r\n\r\n" not in onward.removesuffix("\r\n\r\n")


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading(head: bytes) -> None:
    for read in (read_request, read_status):
        with contextlib.suppress(ValueError):
            read(head + b"\r\n\r\n")
    assert answer_onward(head + b"\r\n\r\n").endswith(b"\r\nConnection: close\r\n\r\n")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1), TEXT)
def test_a_shown_word_is_read_back(name: str, word: str) -> None:
    if word.isascii():
        head = f"GET x HTTP/1.1\r\nProxy-Authorization: {basic_word(name, word)}\r\n\r\n"
        assert read_request(head.encode()).shown_word() == (name, word)


def test_fields_for_one_hop_and_those_that_connection_names_stay_behind() -> None:
    head = (
        b"GET x HTTP/1.1\r\nConnection: keep-alive, X-One\r\nX-One: 1\r\nx-two: 2\r\nTE: trailers\r\n"
        b"proxy-connection: keep-alive\r\nHOST: other\r\nUpgrade: h2c\r\n\r\n"
    )
    onward = request_onward(read_request(head), target="/p", host="video.com:8080", word="Basic x")
    assert onward == (
        b"GET /p HTTP/1.1\r\nHost: video.com:8080\r\nProxy-Authorization: Basic x\r\nx-two: 2\r\n"
        b"Connection: close\r\n\r\n"
    )


def test_an_answer_keeps_all_but_what_was_for_one_hop() -> None:
    head = b"HTTP/1.1 206 Part\r\nConnection: x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nKeep-Alive: 5\r\n\r\n"
    assert read_status(head) == 206
    assert answer_onward(head) == (
        b"HTTP/1.1 206 Part\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize("status", [403, 407, 502])
def test_an_answer_of_ours_says_the_reason_twice_and_ends(status: int) -> None:
    head, _, body = answer_of_ours(status, "Why not").partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} Why not\r\n".encode())
    assert body == b"Why not\n"
    assert (b"Proxy-Authenticate" in head) == (status == 407)
