"""A calm path of the window that keeps the focus inside."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clipmill.editing.crop import calm_path, room_across, room_down, window_size
from clipmill.editing.focus import Focus, Target
from clipmill.model import Box, Span
from sight_kit import face

WIDTH = 81 / 256
RATE = Fraction(30)


def focus_on(place: Callable[[float], float], seconds: float, *, width: float = 0.1) -> Focus:
    times = np.arange(round(seconds * 5)) / 5
    return Focus(tuple(Target(float(t), face(place(float(t)), width).box, 1.0) for t in times))


def path_of(focus: Focus, seconds: float, *, rate: Fraction = RATE) -> np.ndarray:
    """The window's centre on every frame."""
    keys = calm_path(room_across(focus, WIDTH), Span(0, seconds), rate, 0.0)
    times, places = zip(*keys, strict=True)
    return np.interp(np.arange(round(seconds * rate)) / float(rate), times, places)


def inside(path: np.ndarray, place: Callable[[float], float], *, width: float = 0.1) -> float:
    at = np.array([place(n / 30) for n in range(len(path))])
    return float((np.abs(path - at) <= (WIDTH - width) / 2).mean())


def moves(path: np.ndarray) -> int:
    moving = np.abs(np.diff(path)) * 30 > 0.005
    return int((moving[1:] & ~moving[:-1]).sum() + moving[0])


@pytest.mark.parametrize(
    ("picture", "aspect", "size"),
    [
        ((1920, 1080), Fraction(9, 16), (81 / 256, 1.0)),
        ((1080, 1920), Fraction(9, 16), (1.0, 1.0)),
        ((1080, 1920), Fraction(1), (1.0, 0.5625)),
        ((1920, 1080), Fraction(4, 5), (0.45, 1.0)),
        ((1080, 2160), Fraction(9, 16), (1.0, 8 / 9)),
        ((640, 480), Fraction(16, 9), (1.0, 0.75)),
    ],
)
def test_the_window_is_the_largest_of_its_shape(
    picture: tuple[int, int], aspect: Fraction, size: tuple[float, float]
) -> None:
    assert window_size(picture, aspect) == pytest.approx(size)


def test_a_seated_speaker_gets_one_place_for_all_the_time() -> None:
    focus = focus_on(lambda t: 0.4 + 0.03 * np.sin(2 * t), 30)
    keys = calm_path(room_across(focus, WIDTH), Span(0, 30), RATE, 0.0)
    assert len(keys) == 1
    assert keys[0][1] == pytest.approx(0.4, abs=0.02)


def test_one_who_changes_seats_gets_one_smooth_move_and_is_never_lost() -> None:
    def place(t: float) -> float:
        return float(np.interp(t, [10, 12], [0.3, 0.6]))

    path = path_of(focus_on(place, 20), 20)
    assert moves(path) == 1
    assert inside(path, place) == 1
    speed = np.abs(np.diff(path)) * 30
    assert speed.max() < 0.6
    assert np.abs(np.diff(speed)).max() * 30 < 3.0
    assert len(calm_path(room_across(focus_on(place, 20), WIDTH), Span(0, 20), RATE, 0.0)) < 60


def test_one_who_walks_up_and_down_stays_inside() -> None:
    def place(t: float) -> float:
        return 0.5 + 0.3 * float(np.sin(2 * np.pi * t / 12))

    path = path_of(focus_on(place, 36), 36)
    assert inside(path, place) > 0.97


def test_a_nod_to_the_side_moves_nothing() -> None:
    path = path_of(focus_on(lambda t: 0.65 if 5 < t < 5.5 else 0.5, 12), 12)
    assert moves(path) == 0


def test_the_window_never_leaves_the_picture() -> None:
    path = path_of(focus_on(lambda _: 0.02, 5), 5)
    assert path == pytest.approx(WIDTH / 2)


def test_the_window_stays_in_its_panel() -> None:
    focus = Focus(focus_on(lambda _: 0.4, 6).targets, (0.0, 0.5))
    path = path_of(focus, 6)
    assert path.max() + WIDTH / 2 <= 0.5


def test_a_panel_narrower_than_the_window_is_put_in_its_middle() -> None:
    focus = Focus(focus_on(lambda _: 0.4, 6).targets, (0.35, 0.55))
    assert path_of(focus, 6) == pytest.approx(0.45)


def test_a_face_larger_than_the_window_is_kept_in_its_middle() -> None:
    path = path_of(focus_on(lambda _: 0.5, 6, width=0.5), 6)
    assert path == pytest.approx(0.5, abs=0.01)


def test_the_eyes_are_above_the_middle_where_there_is_room() -> None:
    targets = tuple(Target(t / 5, Box(0.4, 0.45, 0.2, 0.1), 1.0) for t in range(20))
    ((_, place),) = calm_path(room_down(Focus(targets), 0.5625), Span(0, 4), RATE, 0.0)
    assert 0.38 <= (0.5 - (place - 0.5625 / 2)) / 0.5625 <= 0.42


def test_a_stretch_of_one_frame_has_one_key() -> None:
    focus = focus_on(lambda _: 0.5, 1)
    assert len(calm_path(room_across(focus, WIDTH), Span(0.2, 0.2334), RATE, 0.0)) == 1


def test_moves_lie_on_the_frames_of_the_clip() -> None:
    rate = Fraction(30000, 1001)
    focus = focus_on(lambda t: 0.3 if t < 5 else 0.7, 10)
    keys = calm_path(room_across(focus, WIDTH), Span(2.5, 10), rate, 0.07)
    for time, _ in keys:
        assert (time - 0.07) * float(rate) == pytest.approx(round((time - 0.07) * float(rate)), abs=1e-6)


@settings(max_examples=20, deadline=None)
@example(places=[0.5, 0.5, 0.75, 0.0625])
@given(st.lists(st.floats(0.05, 0.95), min_size=2, max_size=12))
def test_whatever_the_face_does_the_path_is_in_the_picture_and_slow(places: list[float]) -> None:
    focus = focus_on(lambda t: places[int(t) % len(places)], 8)
    path = path_of(focus, 8)
    assert path.min() >= WIDTH / 2 - 1e-9
    assert path.max() <= 1 - WIDTH / 2 + 1e-9
    assert np.abs(np.diff(path)).max() * 30 < 0.95
