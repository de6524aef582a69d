"""Whom or what to look at, shot by shot."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipmill.editing.focus import Focus, find_focus, lasting_seams, steady_choice
from clipmill.editing.tracks import join_faces
from clipmill.model import Sighting
from sight_kit import face, sighting

PORTRAIT_WINDOW = (81 / 256, 1.0)


def focus_of(seen: Sighting) -> tuple[Focus, ...]:
    return find_focus(seen.frames, join_faces(seen.frames), window=PORTRAIT_WINDOW)


def test_nobody_means_no_focus() -> None:
    assert focus_of(sighting(3)) == ()


def test_the_larger_of_two_faces_far_apart_is_the_focus() -> None:
    (focus,) = focus_of(sighting(5, lambda _: face(0.2, 0.08), lambda _: face(0.8, 0.12)))
    assert focus.box.centre_x == pytest.approx(0.8)


def test_two_faces_alike_that_fit_are_shown_together() -> None:
    (focus,) = focus_of(sighting(5, lambda _: face(0.42), lambda _: face(0.58)))
    assert focus.box.centre_x == pytest.approx(0.5)
    assert focus.box.width == pytest.approx(0.26)


def test_a_small_face_in_the_background_is_not_taken_in() -> None:
    (focus,) = focus_of(sighting(5, lambda _: face(0.42, 0.12), lambda _: face(0.58, 0.03)))
    assert focus.box.centre_x == pytest.approx(0.42)


def test_the_focus_does_not_flicker_between_faces_of_nearly_the_same_size() -> None:
    def left(t: float) -> object:
        return face(0.2, 0.1 + 0.02 * np.sin(5 * t))

    def right(t: float) -> object:
        return face(0.8, 0.1 - 0.02 * np.sin(5 * t))

    assert len(focus_of(sighting(20, left, right))) == 1  # type: ignore[arg-type]


def test_the_focus_goes_to_the_other_when_the_first_has_left_for_good() -> None:
    seen = sighting(10, lambda t: face(0.2, 0.12) if t < 4 else None, lambda _: face(0.8, 0.08))
    first, second = focus_of(seen)
    assert first.box.centre_x == pytest.approx(0.2)
    assert second.targets[0].time == pytest.approx(4, abs=0.7)
    assert second.box.centre_x == pytest.approx(0.8)


def test_a_short_look_away_leaves_the_focus_where_it_is() -> None:
    seen = sighting(10, lambda t: None if 4 < t < 4.9 else face(0.2, 0.12), lambda _: face(0.8, 0.11))
    assert len(focus_of(seen)) == 1


def test_faces_on_two_sides_of_a_border_are_not_taken_together() -> None:
    seen = sighting(5, lambda _: face(0.42, 0.11), lambda _: face(0.58), seams=(0.5,))
    (focus,) = focus_of(seen)
    assert focus.box.centre_x == pytest.approx(0.42)
    assert focus.panel == (0.0, 0.5)


def test_an_edge_that_a_face_crosses_or_that_shows_now_and_then_is_no_border() -> None:
    crossing = sighting(5, lambda _: face(0.5), seams=(0.5,))
    assert lasting_seams(crossing.frames, join_faces(crossing.frames)) == ()
    some = sighting(5, lambda _: face(0.2))
    frames = (*some.frames[:5], *sighting(5, lambda _: face(0.2), seams=(0.6,)).frames[5:])
    assert lasting_seams(frames, join_faces(frames)) == (0.6,)
    frames = (*some.frames[:10], *sighting(5, lambda _: face(0.2), seams=(0.6,)).frames[10:])
    assert lasting_seams(frames, join_faces(frames)) == ()


@given(st.integers(1, 4), st.integers(1, 40), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_a_choice_is_kept_for_at_least_the_dwell(rows: int, columns: int, dwell: int, seed: int) -> None:
    values = np.random.default_rng(seed).random((rows, columns))
    order = steady_choice(values, switch=0.3, dwell=dwell)
    assert len(order) == columns
    starts = [0, *(at for at in range(1, columns) if order[at] != order[at - 1]), columns]
    assert all(end - start >= min(dwell, columns) for start, end in pairwise(starts))


def test_without_a_price_each_column_gets_its_best_row() -> None:
    values = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]])
    assert steady_choice(values, switch=0, dwell=1) == [0, 1, 0, 1]
