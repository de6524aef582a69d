"""Bodies as they come: what came is given out before any end, and a slow sender is found out in time."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from starlette.types import Message

from clipmill.errors import ClipmillError
from clipmill.web.problems import Refused
from clipmill.web.reception import PIECE_BYTES, Cut, Line, Pace, Watch, pieces

USUAL = Pace(idle_s=30.0, window_s=60.0, least=10_000.0)


def seconds_until_cut(*, rate: float, first: int = 0) -> float:
    """When a sender is cut off who sends a lot at first and then so many bytes each second."""
    watch = Watch(USUAL)
    watch.note(0.5, first)
    for second in range(1, 1000):
        try:
            watch.note(1.0, int(rate))
        except Refused:
            return second
    return float("inf")


def test_a_slow_sender_is_cut_off_within_90_seconds_whatever_it_sent_before() -> None:
    assert 60 <= seconds_until_cut(rate=9_000) <= 90
    assert seconds_until_cut(rate=1, first=10**9) <= 90
    assert seconds_until_cut(rate=11_000) == float("inf")


def test_a_silent_sender_is_cut_off_after_the_time_for_that() -> None:
    assert seconds_until_cut(rate=0, first=10**9) == 30


def test_time_in_which_nobody_waited_for_the_sender_does_not_count() -> None:
    watch = Watch(USUAL)
    for _ in range(10_000):
        watch.note(0.001, 100)


def taken(messages: Sequence[Message | None], line: Line | None = None) -> tuple[bytes, list[int], str]:
    """What is given out of some messages (None is a second of nothing), in which sizes, and how it ended."""
    rest = list(messages)
    found: list[bytes] = []

    async def receive() -> Message:
        message = rest.pop(0)
        if message is None:
            await asyncio.sleep(1.2)
            raise AssertionError("nobody waits so long")
        return message

    async def take() -> str:
        on = line or Line(threading.Event(), 5.0)
        try:
            async for piece in pieces(receive, Watch(USUAL), on):
                found.append(piece)
        except Cut:
            return "cut"
        except ClipmillError as error:
            return error.code
        return "whole"

    end = asyncio.run(take())
    return b"".join(found), [len(piece) for piece in found], end


def body(content: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": content, "more_body": more}


GONE: Message = {"type": "http.disconnect"}


def test_small_messages_become_large_pieces() -> None:
    said = [body(bytes(64 << 10)) for _ in range(40)]
    content, sizes, end = taken([*said, body(b"end", more=False)])
    assert (len(content), end) == (40 * (64 << 10) + 3, "whole")
    assert max(sizes) <= PIECE_BYTES + (64 << 10)
    assert len(sizes) == 3


@pytest.mark.parametrize("last", [GONE, None])
def test_what_came_before_the_end_of_the_line_is_given_out(last: Message | None) -> None:
    said = [body(b"12345"), last] if last else [body(b"12345"), None, GONE]
    assert taken(said) == (b"12345", [5], "cut")


def test_what_came_before_the_server_ends_is_given_out() -> None:
    stopping = threading.Event()
    stopping.set()
    assert taken([body(b"12345")], Line(stopping, 5.0)) == (b"12345", [5], "stopping")


def test_only_a_silent_line_gives_way() -> None:
    line = Line(threading.Event(), 3600.0)
    line.give_way()
    line.demand()
    quiet = Line(threading.Event(), -1.0)
    quiet.give_way()
    with pytest.raises(ClipmillError) as caught:
        quiet.demand()
    assert caught.value.code == "upload-locked"


def test_an_empty_body_is_nothing() -> None:
    assert taken([body(b"", more=False)]) == (b"", [], "whole")
