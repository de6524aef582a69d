"""Fill or fit, and where the window stands: the framing of one clip."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from clipmill.editing.layout import centre, frame_clip, liveliest
from clipmill.model import Framing, Layout, Scene, Sighting, Span
from sight_kit import face, sighting

PICTURE = (1920, 1080)


def framed(
    seen: Sighting, *, layout: str = "auto", picture: tuple[int, int] = PICTURE, aspect: str = "9/16"
) -> Framing:
    return frame_clip(seen, picture=picture, aspect=Fraction(aspect), layout=layout, frame_rate=Fraction(30))


def test_one_speaker_is_one_hold() -> None:
    framing = framed(sighting(10, lambda _: face(0.7)))
    assert framing.scenes == (Scene(Span(0, 10), Layout.FILL),)
    (key,) = framing.path.keys
    assert (key.x, key.cut) == (pytest.approx(0.7, abs=0.03), False)


def test_the_window_jumps_on_the_cut_itself() -> None:
    framing = framed(sighting(10, lambda t: face(0.2 if t < 4.1 else 0.8), cuts=(4.0123,)))
    assert [(key.time, key.cut) for key in framing.path.keys] == [(0, False), (4.0123, True)]
    assert framing.path.keys[1].x == pytest.approx(0.8, abs=0.05)


def test_a_cut_to_the_same_place_is_no_jump() -> None:
    framing = framed(sighting(10, lambda _: face(0.5), cuts=(4.0123,)))
    assert len(framing.path.keys) == 1


def test_speakers_far_apart_are_cut_between_not_panned() -> None:
    seen = sighting(12, lambda t: face(0.15) if t < 6 else None, lambda t: face(0.85) if t >= 6 else None)
    keys = framed(seen).path.keys
    assert len(keys) == 2
    assert keys[1].cut


def test_a_border_of_a_split_picture_never_comes_near_the_middle() -> None:
    seen = sighting(8, lambda _: face(0.3, 0.13), lambda _: face(0.62, 0.14), seams=(0.5,))
    framing = framed(seen)
    for key in framing.path.keys:
        assert key.x - framing.path.width / 2 >= 0.5


def test_a_slide_with_a_small_face_is_shown_whole() -> None:
    assert framed(sighting(8, lambda _: face(0.9, 0.05), detail=0.3)).scenes[0].layout is Layout.FIT


def test_a_speaker_before_a_bookshelf_is_not_a_slide() -> None:
    assert framed(sighting(8, lambda _: face(0.5, 0.12), detail=0.3)).scenes[0].layout is Layout.FILL


def test_a_crowd_is_shown_whole() -> None:
    people = [lambda _, x=x: face(x, 0.06) for x in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert framed(sighting(8, *people)).scenes[0].layout is Layout.FIT


def test_a_face_wider_than_the_window_is_shown_whole() -> None:
    assert framed(sighting(8, lambda _: face(0.5, 0.36))).scenes[0].layout is Layout.FIT


def test_a_face_that_no_calm_window_can_keep_is_shown_whole() -> None:
    seen = sighting(8, lambda t: face(0.5 + 0.4 * float(np.sin(8 * t)), 0.2))
    assert framed(seen).scenes[0].layout is Layout.FIT


def test_without_a_face_the_window_stands_where_it_moves() -> None:
    seen = sighting(8)
    rows = tuple(tuple(0.3 if 24 <= column < 28 else 0.0 for column in range(32)) for _ in seen.frames)
    framing = framed(replace(seen, motion=rows))
    assert framing.scenes[0].layout is Layout.FILL
    assert framing.path.keys[0].x == pytest.approx(26 / 32, abs=0.12)


def test_without_a_face_and_with_motion_everywhere_the_whole_picture_is_shown() -> None:
    seen = sighting(8)
    framing = framed(replace(seen, motion=tuple((0.3,) * 32 for _ in seen.frames)))
    assert framing.scenes[0].layout is Layout.FIT


def test_motion_that_is_everywhere_has_no_liveliest_place() -> None:
    place, held = liveliest([(0.3,) * 32], 81 / 256)
    assert place == pytest.approx(0.5)
    assert held == pytest.approx(81 / 256, abs=0.01)


def test_scenes_have_no_gaps_and_none_is_shorter_than_two_seconds() -> None:
    seen = sighting(12, lambda t: None if 4 <= t < 5.5 or t >= 9 else face(0.5), cuts=(4.0, 5.5, 9.0))
    scenes = framed(seen).scenes
    assert [(scene.span.start, scene.layout) for scene in scenes] == [(0, Layout.FILL), (9.0, Layout.FIT)]
    assert scenes[0].span.end == 9.0
    assert scenes[-1].span.end == 12


def test_a_short_empty_shot_leaves_the_window_where_it_is() -> None:
    seen = sighting(8, lambda t: None if 4 <= t < 4.6 else face(0.8), cuts=(4.0, 4.6))
    assert len(framed(seen).path.keys) == 1


@pytest.mark.parametrize(("layout", "wanted"), [("fill", Layout.FILL), ("fit", Layout.FIT)])
def test_a_layout_that_was_asked_for_is_obeyed(layout: str, wanted: Layout) -> None:
    for seen in (sighting(6, lambda _: face(0.5)), sighting(6, detail=0.4)):
        assert framed(seen, layout=layout).scenes == (Scene(Span(0, 6), wanted),)


def test_a_vertical_source_is_left_as_it_is() -> None:
    framing = framed(sighting(6, lambda _: face(0.3)), picture=(1080, 1920))
    assert (framing.path.width, framing.path.height) == (1, 1)
    assert len(framing.path.keys) == 1


def test_a_square_out_of_a_vertical_source_moves_up_to_the_face() -> None:
    framing = framed(sighting(6, lambda _: face(0.3, y=0.35)), picture=(1080, 1920), aspect="1")
    assert framing.path.keys[0].y == pytest.approx(0.35 + 0.1 * 0.5625, abs=0.03)


def test_a_picture_that_nobody_looked_at_gets_the_middle() -> None:
    blind = Sighting(Span(3, 9), (), ())
    assert framed(blind) == centre(Span(3, 9), picture=PICTURE, aspect=Fraction(9, 16))
    assert framed(blind).path.keys[0].time == 3
    assert framed(blind, layout="fit").scenes[0].layout is Layout.FIT
