"""The clip's size and rate for sources of all kinds."""

from fractions import Fraction

import pytest

from clipmill.editing.canvas import canvas_for, clip_rate
from clipmill.model import Media, VideoStream


def media(rate: Fraction, *, variable: bool = False) -> Media:
    video = VideoStream(
        0, "h264", 1920, 1080, 1920, 1080, 0, Fraction(1), rate, variable, False, None, "yuv420p", 0.0
    )
    return Media("a.mp4", 1, "", "mov", 0.0, 10.0, video, None)


@pytest.mark.parametrize(
    ("aspect", "size"),
    [("9:16", (1080, 1920)), ("4:5", (1080, 1350)), ("1:1", (1080, 1080)), ("16:9", (1920, 1080))],
)
def test_each_shape_has_the_short_side_of_the_platforms(aspect: str, size: tuple[int, int]) -> None:
    canvas = canvas_for(aspect, media(Fraction(30)))
    assert (canvas.width, canvas.height) == size


@pytest.mark.parametrize("aspect", ["9:16", "4:5", "1:1", "16:9"])
@pytest.mark.parametrize("height", [320, 322, 640, 1280])
def test_small_canvases_have_even_sides(aspect: str, height: int) -> None:
    canvas = canvas_for(aspect, media(Fraction(30)), height)
    assert canvas.width % 2 == canvas.height % 2 == 0


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="aspect"):
        canvas_for("2:3", media(Fraction(30)))


@pytest.mark.parametrize(
    ("source", "clip"),
    [
        ("30", "30"),
        ("25", "25"),
        ("24000/1001", "24000/1001"),
        ("30000/1001", "30000/1001"),
        ("60", "30"),
        ("60000/1001", "30000/1001"),
        ("50", "25"),
        ("120", "30"),
        ("15", "30"),
        ("10", "20"),
        ("8", "24"),
        ("1/10", "20"),
        ("29991/1000", "30"),
    ],
)
def test_a_steady_rate_is_kept_up_to_thirty_and_halved_above(source: str, clip: str) -> None:
    assert clip_rate(Fraction(source), variable=False) == Fraction(clip)


@pytest.mark.parametrize(
    ("source", "clip"), [("2213/100", "24000/1001"), ("2890/100", "30000/1001"), ("3", "25")]
)
def test_a_varying_rate_becomes_a_standard_one(source: str, clip: str) -> None:
    assert clip_rate(Fraction(source), variable=True) == Fraction(clip)
