"""Captions keep off mouth and eyes where there is room, and inside the safe area always."""

from fractions import Fraction

import pytest

from clipmill.editing.placing import Places, caption_places
from clipmill.editing.safe_areas import SAFE_AREAS
from clipmill.editing.styles import STYLES
from clipmill.editing.typesetting import Page
from clipmill.model import Box, Canvas, CropKey, CropPath, Face, Frame, Framing, Layout, Scene, Sighting, Span

STYLE = STYLES["bold"]
PAGE = Page(Canvas(1080, 1920, Fraction(30)), SAFE_AREAS["all"])
WIDE = Fraction(16, 9)


def framing(layout: Layout = Layout.FILL) -> Framing:
    path = CropPath(0.316, 1.0, (CropKey(0, 0.5, 0.5), CropKey(4, 0.7, 0.5, cut=True)))
    return Framing((Scene(Span(0, 8), layout),), path)


def frames(top: float, x: float = 0.45, height: float = 0.2) -> list[Frame]:
    return [Frame(t / 5, (Face(Box(x, top, 0.1, height), 0.9),)) for t in range(15)]


def places(seen: list[Frame], layout: Layout = Layout.FILL) -> Places:
    sighting = Sighting(Span(0, 8), tuple(seen), (4.0,))
    return caption_places(sighting, framing(layout), style=STYLE, page=PAGE, picture=WIDE)


def place(seen: list[Frame], layout: Layout = Layout.FILL) -> float:
    return places(seen, layout)(1.0)


def test_without_a_face_captions_stand_where_the_style_wants() -> None:
    assert place([]) == STYLE.place


def test_a_face_elsewhere_changes_nothing() -> None:
    assert place(frames(0.1)) == STYLE.place
    assert place(frames(0.5, x=0.9)) == STYLE.place


@pytest.mark.parametrize("top", [0.40, 0.44, 0.48, 0.56])
def test_captions_keep_off_the_mouth(top: float) -> None:
    half = STYLE.lines * STYLE.size * STYLE.pitch / 1920 / 2
    centre = place(frames(top))
    mouth = (top + 0.58 * 0.2, top + 0.92 * 0.2)
    assert centre + half <= mouth[0] + 1e-9 or centre - half >= mouth[1] - 1e-9
    assert centre - half >= 288 / 1920
    assert centre + half <= 1 - 500 / 1920


@pytest.mark.parametrize(("top", "height"), [(0.40, 0.2), (0.48, 0.2), (0.36, 0.4), (0.45, 0.38)])
def test_captions_off_the_mouth_are_not_on_the_eyes(top: float, height: float) -> None:
    half = STYLE.lines * STYLE.size * STYLE.pitch / 1920 / 2
    centre = place(frames(top, height=height))
    assert centre + half <= top + 0.23 * height or centre - half >= top + 0.92 * height - 1e-9


def test_a_shot_whose_face_would_be_covered_has_a_height_of_its_own() -> None:
    close = [Frame(t / 5, (Face(Box(0.45, 0.2, 0.1, 0.3), 0.9),)) for t in range(20)]
    wide = [Frame(4 + t / 5, (Face(Box(0.65, 0.5, 0.1, 0.15), 0.9),)) for t in range(5)]
    height = places(close + wide)
    assert height(1.0) == STYLE.place
    assert height(4.5) == height(7.9) != STYLE.place


def test_a_shot_in_which_nothing_is_covered_keeps_the_height_of_the_clip() -> None:
    close = [Frame(t / 5, (Face(Box(0.45, 0.44, 0.1, 0.2), 0.9),)) for t in range(20)]
    away = [Frame(4 + t / 5, (Face(Box(0.65, 0.1, 0.1, 0.1), 0.9),)) for t in range(20)]
    height = places(close + away)
    assert height(1.0) == height(6.0) != STYLE.place


def test_a_face_that_fills_the_frame_leaves_captions_where_they_were() -> None:
    assert place(frames(0.0, height=1.0)) == pytest.approx(STYLE.place, abs=0.15)


def test_a_fitted_picture_counts_where_it_is_shown() -> None:
    assert place(frames(0.9, height=0.1), Layout.FIT) == pytest.approx(STYLE.place, abs=0.07)
