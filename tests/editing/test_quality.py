"""Figures of the quality card from pictures and sounds whose truth is known."""

from fractions import Fraction

import numpy as np
import pytest

from clipmill.editing.quality import (
    around,
    calm,
    edges_quiet,
    face_shares,
    good_times,
    ink_box,
    inside_safe_area,
    shift_between,
)
from clipmill.model import Box, Canvas, Face, Frame, SafeArea

CANVAS = Canvas(1080, 1920, Fraction(30))
AREA = SafeArea(top=288, right=192, bottom=500, left=120)
WALL = np.random.default_rng(7).integers(0, 255, (40, 50)).repeat(8, axis=0).repeat(8, axis=1)


def view(left: float) -> np.ndarray:
    """A window of 180x320 on a wall of squares, ``left`` pixels from its left end."""
    whole, part = int(left), left - int(left)
    pixels = WALL[:, whole : whole + 180] * (1 - part) + WALL[:, whole + 1 : whole + 181] * part
    return pixels.astype(np.uint8)


@pytest.mark.parametrize("pixels", [0.0, 2.0, 5.0, -7.0, 30.0, 50.0])
def test_a_shift_is_found_by_how_far_the_wall_moved(pixels: float) -> None:
    found = shift_between(view(80), view(80 + pixels))
    assert found is not None
    assert found * 180 == pytest.approx(-pixels, abs=0.5)


def test_a_person_who_moves_before_a_still_wall_is_no_move() -> None:
    before, after = view(80).copy(), view(80).copy()
    before[100:, 40:140] = WALL[100:, 200:300]
    after[100:, 50:150] = WALL[100:, 200:300]
    assert shift_between(before, after) == 0.0


def test_another_picture_is_a_cut_and_a_blank_wall_stands_still() -> None:
    other = np.random.default_rng(8).integers(0, 255, (80, 45)).repeat(4, axis=0).repeat(4, axis=1)
    assert shift_between(view(80), other.astype(np.uint8)) is None
    blank = np.full((320, 180), 128, np.uint8)
    assert shift_between(blank, blank) == 0.0


def test_moves_are_counted_by_their_beginnings() -> None:
    found = calm([0.0, 0.05, 0.05, 0.05, 0.0, 0.0, -0.04, -0.04, None, 0.0], per_second=5)
    assert found is not None
    assert found.moves_per_minute == pytest.approx(60)
    assert found.still == pytest.approx(4 / 9)


def test_a_single_jerk_is_a_nod_not_a_move() -> None:
    found = calm([0.0, 0.05, 0.0, -0.05, 0.05, 0.0], per_second=5)
    assert found is not None
    assert (found.moves_per_minute, found.still) == (0, 1)


def test_nothing_to_compare_is_nothing_measured() -> None:
    assert calm([], per_second=5) is None
    assert calm([None, None], per_second=5) is None


def test_ink_is_where_the_pictures_differ() -> None:
    before = view(0)
    after = before.copy()
    after[200:220, 30:120] = 255 - after[200:220, 30:120] // 4
    before = before // 4
    after[:200], after[220:], after[200:220, :30], after[200:220, 120:] = (
        before[:200],
        before[220:],
        before[200:220, :30],
        before[200:220, 120:],
    )
    assert ink_box(before, after) == Box(30 / 180, 200 / 320, 90 / 180, 20 / 320)
    assert ink_box(before, before) is None


def test_a_box_around_boxes_holds_all() -> None:
    found = around([Box(0.2, 0.6, 0.3, 0.1), Box(0.1, 0.65, 0.2, 0.1)])
    assert found is not None
    assert (found.x, found.y) == (0.1, 0.6)
    assert (found.x + found.width, found.y + found.height) == (0.5, 0.75)
    assert around([]) is None


@pytest.mark.parametrize(
    ("ink", "safe"),
    [
        (Box(0.15, 0.6, 0.6, 0.1), True),
        (Box(0.05, 0.6, 0.6, 0.1), False),
        (Box(0.15, 0.6, 0.7, 0.1), False),
        (Box(0.15, 0.7, 0.6, 0.1), False),
        (Box(0.15, 0.1, 0.6, 0.1), False),
    ],
)
def test_ink_is_safe_inside_the_area_only(ink: Box, safe: bool) -> None:
    assert inside_safe_area(ink, AREA, CANVAS) is safe


def face(x: float, size: float) -> Face:
    return Face(Box(x, 0.3, size, size), 0.9)


def test_faces_are_judged_by_the_largest() -> None:
    frames = (
        Frame(0.0, (face(0.3, 0.3), face(-0.1, 0.1))),
        Frame(0.4, (face(-0.1, 0.3),)),
        Frame(0.8, ()),
        Frame(1.2, (face(0.5, 0.2),)),
    )
    assert face_shares(frames) == (0.75, pytest.approx(2 / 3))
    assert face_shares((Frame(0.0, ()),)) == (0.0, None)
    assert face_shares(()) == (None, None)


def eyes(light: int, seen_at: float, x: float = 0.3) -> tuple[Frame, np.ndarray]:
    """A face with eyes of this light on gray skin, and the picture it is in."""
    picture = np.full((320, 180), 128, np.uint8)
    marks = ((x + 0.1, 0.4), (x + 0.2, 0.4))
    for right, down in marks:
        picture[
            round(down * 320) - 2 : round(down * 320) + 2, round(right * 180) - 2 : round(right * 180) + 2
        ] = light
    return Frame(seen_at, (Face(Box(x, 0.3, 0.3, 0.3), 0.9, marks),)), picture


def test_a_still_shows_a_whole_face_with_open_eyes() -> None:
    frames, lights = zip(eyes(110, 0.0), eyes(20, 0.4), eyes(60, 0.8), eyes(0, 1.2, x=0.8), strict=True)
    assert good_times(frames, lights, most=2) == (0.4, 0.8)


def test_without_a_face_a_still_may_come_from_anywhere_in_the_clip() -> None:
    frames = tuple(Frame(number * 0.4, ()) for number in range(20))
    blank = [np.zeros((320, 180), np.uint8)] * 20
    assert good_times(frames, blank) == pytest.approx((0.8, 2.4, 4.0, 5.6, 7.2))
    assert good_times((), ()) == ()


def test_quiet_edges_are_told_from_speech_cut_short() -> None:
    rate = 16000
    speech = np.sin(np.arange(2 * rate) * 0.3).astype(np.float32) * 0.3
    quiet = speech.copy()
    quiet[: rate // 10] = 0
    assert edges_quiet(quiet, rate) == (True, False)
    assert edges_quiet(quiet[::-1].copy(), rate) == (False, True)
    assert edges_quiet(np.zeros(rate, np.float32), rate) == (None, None)
    assert edges_quiet(speech[:100], rate) == (None, None)
