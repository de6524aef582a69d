"""The best stretches that do not repeat each other."""

from clipmill.editing.rank import pack, rank
from clipmill.model import Candidate, Span


def candidate(first: int, last: int) -> Candidate:
    return Candidate(first, last, Span(first * 10.0, (last + 1) * 10.0))


def test_best_first_without_overlaps() -> None:
    ones = [candidate(0, 2), candidate(1, 3), candidate(4, 5)]
    assert rank(ones, [1.0, 2.0, 0.5], limit=9) == [1, 2]


def test_a_small_overlap_is_allowed_unless_none_may_be() -> None:
    ones = [candidate(0, 9), candidate(9, 18)]
    assert rank(ones, [2.0, 1.0], limit=9) == [0, 1]
    assert rank(ones, [2.0, 1.0], limit=9, max_overlap=0.0) == [0]


def test_equal_scores_keep_the_order_of_the_source() -> None:
    ones = [candidate(8, 9), candidate(0, 1), candidate(4, 5)]
    assert rank(ones, [1.0, 1.0, 1.0], limit=9) == [1, 2, 0]


def test_the_same_words_are_not_taken_twice() -> None:
    ones = [candidate(0, 1), candidate(4, 5), candidate(8, 9)]
    terms = {0: frozenset("abc"), 4: frozenset("abcd"), 8: frozenset("xyz")}
    assert rank(ones, [3.0, 2.0, 1.0], limit=9, terms_of=lambda one: terms[one.first]) == [0, 2]


def test_refused_ones_are_left_out_and_the_limit_is_kept() -> None:
    ones = [candidate(0, 1), candidate(4, 5), candidate(8, 9)]
    assert rank(ones, [3.0, 2.0, 1.0], limit=1, refuses=lambda one: one.first == 0) == [1]


def test_packing_finds_the_most_that_fit() -> None:
    ones = [candidate(0, 5), candidate(0, 1), candidate(2, 3), candidate(4, 5)]
    assert pack(ones) == [1, 2, 3]
