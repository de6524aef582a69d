from fractions import Fraction

import pytest

from clipmill.editing.safe_areas import SAFE_AREAS, safe_box
from clipmill.model import Canvas, SafeArea

TALL = Canvas(1080, 1920, Fraction(30))


def test_the_area_called_all_clears_every_other() -> None:
    whole = SAFE_AREAS["all"]
    for area in SAFE_AREAS.values():
        assert (whole.top, whole.right, whole.bottom, whole.left) >= (0, 0, 0, 0)
        assert whole.top >= area.top
        assert whole.right >= area.right
        assert whole.bottom >= area.bottom
        assert whole.left >= area.left


def test_on_the_reference_canvas_the_box_is_the_area() -> None:
    box = safe_box(SafeArea(top=288, right=192, bottom=500, left=120), TALL)
    assert (box.x * 1080, box.y * 1920) == pytest.approx((120, 288))
    assert ((box.x + box.width) * 1080, (box.y + box.height) * 1920) == pytest.approx((888, 1420))


def test_a_smaller_tall_canvas_keeps_the_shares() -> None:
    assert safe_box(SAFE_AREAS["all"], Canvas(270, 480, Fraction(30))) == safe_box(SAFE_AREAS["all"], TALL)


@pytest.mark.parametrize("size", [(1080, 1080), (1080, 1350), (1920, 1080)])
def test_wider_canvases_keep_their_edges_free_only(size: tuple[int, int]) -> None:
    box = safe_box(SAFE_AREAS["all"], Canvas(*size, Fraction(30)))
    assert box.width == pytest.approx(0.9)
    assert box.height == pytest.approx(0.9)
