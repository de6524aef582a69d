"""What the times of packets say about rate and evenness."""

from fractions import Fraction

import pytest

from clipmill.inside.packets import Times, frame_rate, is_variable


def seen(times: list[float]) -> Times:
    """Times as measured, in a shuffled order such as that of decoding."""
    return Times(first=min(times), last=max(times), head=[*times[1::2], *times[::2]])


def test_a_claim_that_fits_is_taken_and_rounded_to_the_usual_rate() -> None:
    times = seen([n / 29.97 for n in range(100)])
    assert frame_rate(times, Fraction(2997, 100)) == Fraction(30000, 1001)


@pytest.mark.parametrize("claimed", [Fraction(1000), Fraction(90000), None, Fraction(0)])
def test_a_claim_that_cannot_be_is_replaced_by_what_is_seen(claimed: Fraction | None) -> None:
    assert frame_rate(seen([n / 25 for n in range(100)]), claimed) == 25


def test_one_frame_in_ten_hours_is_still_a_rate() -> None:
    assert 0 < frame_rate(seen([0.0, 36000.0]), None) < Fraction(1, 30000)


def test_a_single_frame_has_a_rate_too() -> None:
    assert frame_rate(seen([0.0]), None) == 25


def test_milliseconds_rounded_are_no_uneven_steps() -> None:
    assert not is_variable(seen([round(n / 60, 3) for n in range(300)]))


def test_a_phone_that_drops_frames_has_uneven_steps() -> None:
    assert is_variable(seen([n / 30 for n in range(300) if n % 7]))


def test_doubled_times_do_not_count_twice() -> None:
    assert not is_variable(seen(sorted([n / 25 for n in range(50)] * 2)))


def test_the_last_frame_lasts_as_long_as_it_says_or_as_the_rate_says() -> None:
    assert Times(last=10.0, last_length=2.5).end(Fraction(25)) == 12.5
    assert Times(last=10.0).end(Fraction(25)) == pytest.approx(10.04)
    assert Times(last=10.0).end(Fraction(1, 60)) == 11.0
