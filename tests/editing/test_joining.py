import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipmill.editing.joining import OVERLAP_S, STEP_S, cut_at_pauses, join_pieces
from clipmill.model import Span, Word

LOUD, QUIET = -20.0, -60.0


def sound(seconds: float, *pauses: tuple[float, float]) -> np.ndarray:
    """Levels of speech with pauses at these seconds."""
    levels = np.full(round(seconds / STEP_S), LOUD) + np.random.default_rng(1).normal(
        0, 2, round(seconds / STEP_S)
    )
    for start, end in pauses:
        levels[round(start / STEP_S) : round(end / STEP_S)] = QUIET
    return levels


def test_sound_that_is_short_enough_is_one_piece() -> None:
    assert cut_at_pauses(sound(100), longest_s=100) == (Span(0, 100),)


def test_no_sound_is_no_piece() -> None:
    assert cut_at_pauses(np.zeros(0), longest_s=100) == ()


def test_a_cut_is_in_the_middle_of_the_longest_pause_near_where_it_is_wanted() -> None:
    levels = sound(200, (88.0, 88.4), (93.0, 93.8), (109.0, 109.3))
    assert cut_at_pauses(levels, longest_s=120) == (Span(0, 93.4), Span(93.4, 200))


def test_of_long_pauses_the_nearest_is_taken() -> None:
    levels = sound(200, (80.0, 86.0), (98.0, 99.2))
    assert cut_at_pauses(levels, longest_s=120)[0] == Span(0, 98.6)


def test_a_quiet_that_is_shorter_than_a_pause_does_not_count() -> None:
    first, second = cut_at_pauses(sound(200, (100.0, 100.2)), longest_s=120)
    assert first.end - second.start == pytest.approx(OVERLAP_S)


def test_where_there_is_no_pause_pieces_overlap_at_the_quietest_place() -> None:
    levels = sound(200)
    levels[round(104 / STEP_S) : round(104.4 / STEP_S)] = LOUD - 12
    first, second = cut_at_pauses(levels, longest_s=120)
    assert first.end - second.start == pytest.approx(OVERLAP_S)
    assert abs((first.end + second.start) / 2 - 104.2) < 0.15


def test_silence_alone_is_cut_anywhere() -> None:
    pieces = cut_at_pauses(np.full(15_000, -90.0), longest_s=110)
    assert all(one.end == other.start for one, other in pairwise(pieces))


@given(
    seconds=st.floats(0.02, 3000), longest=st.floats(10, 400), seed=st.integers(0, 5), pauses=st.booleans()
)
def test_pieces_cover_all_sound_and_none_is_too_long(
    seconds: float, longest: float, seed: int, pauses: bool
) -> None:
    source = random.Random(seed)
    starts = [source.uniform(0, seconds) for _ in range(int(seconds / 8))] if pauses else []
    levels = sound(seconds, *((start, start + 0.5) for start in starts))
    pieces = cut_at_pauses(levels, longest_s=longest)
    assert pieces[0].start == 0
    assert pieces[-1].end == pytest.approx(len(levels) * STEP_S)
    assert all(piece.length <= longest + 0.03 for piece in pieces)
    assert all(other.start <= one.end <= other.start + OVERLAP_S + 0.03 for one, other in pairwise(pieces))


def test_pieces_that_are_too_short_to_be_cut_are_refused() -> None:
    with pytest.raises(ValueError):
        cut_at_pauses(sound(100), longest_s=9)


# --- joining --------------------------------------------------------------------------------------


def words(text: str, *, start: float = 0.0, each: float = 0.4) -> list[Word]:
    parts = text.split()
    return [
        Word(part, start + place * each, start + (place + 0.9) * each) for place, part in enumerate(parts)
    ]


def heard_in(truth: list[Word], span: Span) -> list[Word]:
    return [word for word in truth if span.start <= word.start and word.end <= span.end]


def texts(found: list[Word]) -> str:
    return " ".join(word.text for word in found)


def test_pieces_that_only_touch_are_put_one_after_the_other() -> None:
    first, second = words("one two"), words("three four", start=5)
    assert join_pieces([(Span(0, 4), first), (Span(4, 8), second)]) == [*first, *second]


def test_a_word_that_both_heard_is_there_once() -> None:
    truth = words("a b c d e f g h i j")
    one, other = Span(0, 2.5), Span(1.1, 4)
    joined = join_pieces([(one, heard_in(truth, one)), (other, heard_in(truth, other))])
    assert joined == truth


def test_what_a_piece_misheard_at_its_edge_is_left_out() -> None:
    truth = words("a b c d e f g h i j")
    first = [*heard_in(truth, Span(0, 2.3)), Word("fr", 2.4, 2.5)]
    second = [Word("ounce", 1.2, 1.5), *heard_in(truth, Span(1.55, 4))]
    assert texts(join_pieces([(Span(0, 2.5), first), (Span(1.2, 4), second)])) == texts(truth)


def test_a_word_said_twice_is_there_twice() -> None:
    truth = words("never never never ever again he said", each=0.45)
    one, other = Span(0, 2.2), Span(0.4, 4)
    joined = join_pieces([(one, heard_in(truth, one)), (other, heard_in(truth, other))])
    assert texts(joined) == texts(truth)


def test_where_the_pieces_have_no_word_in_common_the_middle_parts_them() -> None:
    first = [*words("a b c"), Word("noise", 1.9, 2.1)]
    second = [Word("other", 1.5, 1.7), *words("x y z", start=2.2)]
    assert texts(join_pieces([(Span(0, 2.4), first), (Span(1.2, 4), second)])) == "a b c x y z"


def test_case_and_marks_do_not_make_another_word() -> None:
    first, second = words("so we went home."), words("Home and slept", start=1.3)
    assert texts(join_pieces([(Span(0, 2), first), (Span(1.1, 3), second)])) == "so we went Home and slept"


@given(seed=st.integers(0, 10_000), shift=st.floats(-0.12, 0.12))
def test_no_word_is_lost_or_doubled_where_pieces_overlap(seed: int, shift: float) -> None:
    source = random.Random(seed)
    truth, time = [], 0.0
    for _ in range(60):
        length = source.uniform(0.15, 0.6)
        truth.append(Word(source.choice("abcdefgh") * source.randint(1, 3), time, time + length))
        time += length + source.choice((0.0, 0.0, 0.1))
    cut = time * source.uniform(0.4, 0.6)
    one, other = Span(0, cut + 1), Span(cut - 1, time + 1)
    late = [Word(word.text, word.start + shift, word.end + shift) for word in heard_in(truth, other)]
    joined = join_pieces([(one, heard_in(truth, one)), (other, late)])
    assert texts(joined) == texts(truth)
