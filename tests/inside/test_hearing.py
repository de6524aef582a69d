"""How sound is cut into stretches, and which of them are heard again."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clipmill.inside.hearing import LONGEST, RATE, doubtful, find_speech, stretches
from clipmill.model import Span

pieces = st.lists(st.tuples(st.floats(0.1, 28), st.floats(0.01, 6)), min_size=1, max_size=40)


def _spans(lengths: list[tuple[float, float]]) -> list[Span]:
    spans, time = [], 0.0
    for length, pause in lengths:
        spans.append(Span(time, time + length))
        time += length + pause
    return spans


@given(pieces)
def test_every_bit_of_speech_is_in_one_stretch_that_the_model_can_hear(
    lengths: list[tuple[float, float]],
) -> None:
    speech = _spans(lengths)
    found = stretches(speech, speech[-1].end + 1)
    assert [span for one in found for span in one.speech] == speech
    assert all(one.span.length <= LONGEST + 1 for one in found)
    assert all(one.span.start <= one.speech[0].start < one.speech[-1].end <= one.span.end for one in found)
    assert all(a.span.end <= b.span.start + 1e-9 for a, b in pairwise(found))


def test_a_stretch_ends_at_the_longest_pause_within_reach() -> None:
    speech = [Span(0, 10), Span(10.2, 22.5), Span(23.4, 25), Span(25.2, 40)]
    assert [len(one.speech) for one in stretches(speech, 41)] == [2, 2]


def test_a_long_silence_always_ends_a_stretch() -> None:
    assert [len(one.speech) for one in stretches([Span(0, 2), Span(5, 6)], 9)] == [1, 1]


def test_there_is_no_speech_in_silence_or_hiss() -> None:
    hiss = np.random.default_rng(1).normal(0, 0.02, 5 * RATE).astype(np.float32)
    assert find_speech(np.zeros(5 * RATE, np.float32)) == []
    assert find_speech(hiss) == []


def _segment(*times: tuple[float, float], ratio: float = 1.2, chance: float = -0.3) -> SimpleNamespace:
    words = [SimpleNamespace(start=start, end=end) for start, end in times]
    return SimpleNamespace(words=words, compression_ratio=ratio, avg_logprob=chance)


def test_a_text_that_loops_or_is_unlikely_or_leaves_speech_out_is_doubtful() -> None:
    speech = [Span(0, 4), Span(7, 8)]
    whole = [_segment((0.1, 1.5), (1.6, 3.9), (7.0, 7.9))]
    assert not doubtful(whole, speech)
    assert doubtful([_segment((0.1, 3.9), (7.0, 7.9), ratio=3.0)], speech)
    assert doubtful([_segment((0.1, 3.9), (7.0, 7.9), chance=-1.5)], speech)
    assert doubtful([_segment((0.1, 1.5), (7.0, 7.9))], speech)
    assert doubtful([], speech)
