"""Fitted scenes: close views of what no window holds, and the whole picture of everything else."""

from fractions import Fraction

import pytest

from clipmill.editing.layout import frame_clip
from clipmill.editing.scenes import LITTLE_LOST
from clipmill.model import Box, Framing, Layout, Sighting
from sight_kit import face, sighting


def framed(seen: Sighting, *, layout: str = "auto", aspect: str = "9/16") -> Framing:
    return frame_clip(
        seen, picture=(1920, 1080), aspect=Fraction(aspect), layout=layout, frame_rate=Fraction(30)
    )


def holds(view: Box | None, left: float, right: float) -> bool:
    return view is not None and view.x <= left and view.x + view.width >= right


def test_a_close_up_is_shown_in_a_square_around_the_face() -> None:
    (scene,) = framed(sighting(8, lambda _: face(0.7, 0.36))).scenes
    assert scene.layout is Layout.FIT
    assert holds(scene.view, 0.52, 0.88)
    assert scene.view is not None
    assert scene.view.width == pytest.approx(0.5625)
    assert scene.view.x + scene.view.width / 2 == pytest.approx(0.7, abs=0.02)


def test_a_close_up_that_moves_gets_a_wider_view_or_the_whole_picture() -> None:
    (wider,) = framed(sighting(8, lambda t: face(0.4 + 0.02 * t, 0.4))).scenes
    assert holds(wider.view, 0.2, 0.75)
    assert wider.view is not None
    assert wider.view.width == pytest.approx(0.75)
    (whole,) = framed(sighting(8, lambda t: face(0.25 + 0.06 * t, 0.4))).scenes
    assert (whole.layout, whole.view) == (Layout.FIT, None)


def test_a_close_view_does_not_look_over_a_border() -> None:
    seen = sighting(8, lambda _: face(0.2, 0.34), lambda _: face(0.7, 0.1), seams=(0.4,))
    assert all(scene.view is None for scene in framed(seen).scenes)


def test_each_shot_of_a_fitted_scene_has_its_own_view() -> None:
    scenes = framed(sighting(8, lambda t: face(0.3 if t < 4 else 0.7, 0.36), cuts=(4.0,))).scenes
    assert [(scene.span.start, scene.span.end) for scene in scenes] == [(0, 4), (4, 8)]
    assert holds(scenes[0].view, 0.12, 0.48)
    assert holds(scenes[1].view, 0.52, 0.88)


def test_slides_crowds_and_what_a_person_asked_for_are_shown_whole() -> None:
    slide = sighting(8, lambda _: face(0.9, 0.05), detail=0.3)
    crowd = sighting(8, *(lambda _, x=x: face(x, 0.06) for x in (0.1, 0.3, 0.5, 0.7, 0.9)))
    asked = framed(sighting(8, lambda _: face(0.7, 0.36)), layout="fit")
    for framing in (framed(slide), framed(crowd), asked):
        assert [(scene.layout, scene.view) for scene in framing.scenes] == [(Layout.FIT, None)]


def test_a_view_that_would_lose_little_is_the_whole_picture() -> None:
    seen = sighting(8, lambda _: face(0.5, 0.6))
    assert all(scene.view is None for scene in framed(seen, aspect="1").scenes)
    assert LITTLE_LOST < 16 / 9 * 0.5625
