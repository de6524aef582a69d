"""The window's path in pixels, frame by frame."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clip_kit import edit_of
from clipmill.editing.window import crop_commands, first_frame, path_places, stretches, upright, window_of
from clipmill.model import CropKey, Edit, Framing, Layout, Span, VideoStream

VIDEO = VideoStream(
    0, "h264", 1920, 1080, 1920, 1080, 0, Fraction(1), Fraction(30), False, False, None, "yuv420p", 0.0
)
FULL = (1080, 1920)


def test_a_still_window_is_cut_out_at_its_own_size() -> None:
    window = window_of(edit_of(Span(1, 2), CropKey(1, 0.5, 0.5), size=FULL), VIDEO)
    assert (window.left, window.top, window.width, window.height) == (656, 0, 608, 1080)
    assert (window.wide, window.high) == FULL
    assert set(window.places) == {(0, 0)}


def test_a_moving_window_cuts_out_only_what_it_shows() -> None:
    edit = edit_of(Span(0, 2), CropKey(0, 0.3, 0.5), CropKey(1, 0.4, 0.5), size=FULL)
    window = window_of(edit, VIDEO)
    assert window.width < 0.45 * 1920
    assert window.high == 1920
    assert window.places[0][0] <= 2
    assert window.places[-1][0] == pytest.approx(0.1 * 1920 * 1080 / 607.5, abs=3)


def test_a_resting_window_stands_on_even_pixels() -> None:
    keys = CropKey(0, 0.3, 0.5), CropKey(0.5, 0.3, 0.5), CropKey(1.1, 0.417, 0.5)
    places = window_of(edit_of(Span(0, 2), *keys, size=FULL), VIDEO).places
    assert all(x % 2 == 0 for x, _ in (*places[:15], *places[34:]))


def test_a_slow_move_takes_steps_of_one_pixel() -> None:
    keys = CropKey(0, 0.3, 0.5), CropKey(2, 0.32, 0.5)
    places = window_of(edit_of(Span(0, 2), *keys, size=FULL), VIDEO).places
    steps = [b[0] - a[0] for a, b in pairwise(places)]
    assert set(steps) <= {0, 1, 2}
    assert 1 in steps


def test_a_zoomed_window_moves_up_and_down() -> None:
    edit = edit_of(Span(0, 1), CropKey(0, 0.5, 0.3), CropKey(0.9, 0.5, 0.6), size=FULL, width=0.2)
    path = replace(edit.framing.path, height=0.6)
    window = window_of(replace(edit, framing=Framing(edit.framing.scenes, path)), VIDEO)
    assert window.top == 0
    assert window.places[-1][1] > window.places[0][1]


def test_a_jump_has_no_frames_between() -> None:
    edit = edit_of(Span(1, 2), CropKey(1, 0.3, 0.5), CropKey(1.5, 0.7, 0.5, cut=True), size=FULL)
    xs = [x for x, _ in path_places(edit)]
    assert len(set(xs)) == 2
    assert xs.index(xs[-1]) == 15


def test_at_half_the_sources_rate_a_jump_falls_on_the_first_frame_after_the_cut() -> None:
    edit = edit_of(Span(1, 2), CropKey(1, 0.3, 0.5), CropKey(1 + 31 / 60, 0.7, 0.5, cut=True))
    xs = [x for x, _ in path_places(edit)]
    assert xs.index(xs[-1]) == 16


def test_keys_outside_the_clip_still_count() -> None:
    keys = CropKey(0, 0.4, 0.5), CropKey(3, 0.7, 0.5)
    xs = [x + 0.05 for x, _ in path_places(edit_of(Span(1, 2), *keys, width=0.1))]
    assert xs[0] == pytest.approx(0.5)
    assert xs[-1] == pytest.approx(0.4 + 0.1 * (1 + 29 / 30))


def test_commands_come_half_a_frame_early_and_only_for_changes() -> None:
    edit = edit_of(Span(1, 2), CropKey(1, 0.3, 0.5), CropKey(1.5, 0.7, 0.5, cut=True), size=FULL)
    text = crop_commands(window_of(edit, VIDEO), stretches(edit)[0], "crop@w0", Fraction(30))
    assert text == "0.48333 crop@w0 x 1364;\n" or text.startswith("0.48333 crop@w0 x ")
    assert text.count("\n") == 1


def test_neighbours_of_one_layout_are_one_stretch() -> None:
    layouts = ((1.0, Layout.FILL), (1.2, Layout.FILL), (1.5, Layout.FIT), (1.5 + 1 / 3, Layout.FILL))
    found = stretches(edit_of(Span(1, 2), layouts=layouts))
    assert [(part.layout, part.first, part.last) for part in found] == [
        (Layout.FILL, 0, 15),
        (Layout.FIT, 15, 25),
        (Layout.FILL, 25, 30),
    ]


def test_a_scene_shorter_than_a_frame_has_no_frames() -> None:
    layouts = ((1.0, Layout.FILL), (1.5, Layout.FIT), (1.501, Layout.FILL))
    assert len(stretches(edit_of(Span(1, 2), layouts=layouts))) == 2


def test_a_time_before_the_clip_is_its_first_frame() -> None:
    assert first_frame(0.0, edit_of(Span(1, 2))) == 0


def test_a_turned_picture_is_as_high_as_it_was_wide() -> None:
    assert upright(replace(VIDEO, rotation=90)) == (1080, 1920)
    assert upright(replace(VIDEO, rotation=180)) == (1920, 1080)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), min_size=1, max_size=6),
    st.tuples(st.integers(2, 900), st.integers(2, 900)),
    st.floats(0.05, 1.0),
    st.floats(0.05, 1.0),
)
def test_the_window_never_leaves_the_picture(
    keys: list[tuple[float, float, bool]], size: tuple[int, int], width: float, height: float
) -> None:
    path = [CropKey(place / 3, x, y, cut) for place, (x, y, cut) in enumerate(keys)]
    edit: Edit = edit_of(Span(0, 1.5), *path, width=width)
    edit = replace(edit, framing=Framing(edit.framing.scenes, replace(edit.framing.path, height=height)))
    video = replace(VIDEO, width=size[0], height=size[1])
    window = window_of(edit, video)
    assert 0 <= window.left <= window.left + window.width <= size[0]
    assert 0 <= window.top <= window.top + window.height <= size[1]
    for x, y in window.places:
        assert 0 <= x <= window.wide - edit.canvas.width
        assert 0 <= y <= window.high - edit.canvas.height
