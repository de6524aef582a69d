"""The clip's own picture: its size and frame rate for a given source."""

from fractions import Fraction
from math import ceil

from clipmill.model import Canvas, Media

ASPECTS = {"9:16": (9, 16), "4:5": (4, 5), "1:1": (1, 1), "16:9": (16, 9)}
"""Width to height of the shapes that can be asked for."""

STANDARD_RATES = (
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
)
HIGHEST_RATE = Fraction(30)
LOWEST_RATE = Fraction(20)  # below this captions would visibly stick: frames are shown several times instead


def canvas_for(aspect: str, media: Media, height: int = 1920) -> Canvas:
    """The canvas of ``aspect`` (a key of ``ASPECTS``); ``height`` is that of 9:16, other shapes go with it.

    The short side is the same for all: 1080x1920, 1080x1350, 1080x1080, 1920x1080. Raises ValueError for
    an unknown aspect.
    """
    if aspect not in ASPECTS:
        raise ValueError(f"aspect must be one of {', '.join(ASPECTS)}, got {aspect}")
    wide, high = ASPECTS[aspect]
    short = Fraction(height * 9, 16)
    unit = short / min(wide, high)
    rate = clip_rate(media.video.frame_rate, variable=media.video.variable)
    return Canvas(_even(wide * unit), _even(high * unit), rate)


def clip_rate(rate: Fraction, *, variable: bool) -> Fraction:
    """The clip's frame rate: the source's own up to 30, half of it above, a standard one if it varies."""
    while rate > HIGHEST_RATE * Fraction(1001, 1000):
        rate /= 2
    near = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    if variable:
        return near if rate >= STANDARD_RATES[0] * Fraction(9, 10) else Fraction(25)
    if abs(near - rate) < Fraction(1, 100):
        return near
    return rate * max(1, ceil(LOWEST_RATE / rate))


def _even(size: Fraction) -> int:
    return max(2, 2 * round(size / 2))
