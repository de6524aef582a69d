"""What stands still in the picture: the room with its desk and screen, and the slides."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from portrait import Plane, to_video
from timeline import FRAME

DESK_TOP = {"wide": 946, "medium": 984, "close": 1080}
"""The frame row where the desk begins; it hides the lower edge of the portrait."""
WARM, COOL, INK, ORANGE = (255, 176, 92), (70, 140, 150), (14, 24, 30), (240, 118, 60)
STEPS = ("What did we expect?", "What really happened?", "What will we change?")
BARS = 32
"""Bars that show the voice of somebody who is not in the picture."""


@dataclass(frozen=True, slots=True)
class Still:
    """A picture in video planes: brightness, and both colours at half size."""

    luma: Plane
    blue: Plane
    red: Plane


@dataclass(frozen=True, slots=True)
class Meter:
    """Where bars show a voice, in frame pixels: left, middle row, space between bars, greatest height."""

    left: int
    row: int
    step: int
    height: int


@cache
def room(size: str, screen: str | None) -> Still:
    """The studio behind the guest, blurred more in closer shots; ``screen`` stands left, right or nowhere."""
    wall = _wall({"wide": 0, "medium": 260, "close": -250}[size])
    wall = wall.filter(ImageFilter.GaussianBlur({"wide": 7, "medium": 14, "close": 17}[size]))
    picture = _with_desk(wall, DESK_TOP[size])
    if screen:
        _draw_screen(picture, screen)
    return _still(picture)


def screen_meter(screen: str) -> Meter:
    """Where the host's voice shows on the screen of a wide shot."""
    return Meter(left=_screen_left(screen) + 66, row=742, step=11, height=110)


@cache
def slide(name: str, shown: int) -> Still:
    """A slide; ``shown`` is how many of its lines are to be seen."""
    picture = _gradient((20, 40, 48), (9, 16, 24))
    draw = ImageDraw.Draw(picture)
    if name == "title":
        draw.text((960, 400), "The Practice Room", font=_font(132), fill=(246, 240, 230), anchor="mm")
        draw.text((960, 530), "getting better at hard things", font=_font(52), fill=WARM, anchor="mm")
        draw.line([(810, 600), (1110, 600)], fill=ORANGE, width=5)
        return _still(picture)
    draw.text((220, 230), "Five minutes, three questions", font=_font(88), fill=(246, 240, 230), anchor="lm")
    draw.line([(224, 310), (584, 310)], fill=ORANGE, width=6)
    for number, line in enumerate(STEPS[:shown]):
        row = 450 + 170 * number
        draw.ellipse([(222, row - 52), (326, row + 52)], fill=ORANGE)
        draw.text((274, row), str(number + 1), font=_font(64), fill=INK, anchor="mm")
        draw.text((380, row), line, font=_font(76), fill=(246, 240, 230), anchor="lm")
    return _still(picture)


TITLE_METER = Meter(left=960 - 15 * BARS, row=780, step=30, height=170)


def _wall(shift: int) -> Image.Image:
    picture = _gradient((44, 66, 72), (17, 27, 34))
    draw = ImageDraw.Draw(picture)
    for x in range(-900, 3000, 58):  # wooden slats on the right part of the wall
        if x > 820:
            draw.rectangle([(x + shift, 0), (x + shift + 34, 1080)], fill=(74, 54, 40))
    for row in (330, 620):  # shelves with books on the left part
        draw.rectangle([(60 + shift, row), (700 + shift, row + 16)], fill=(92, 68, 48))
        _draw_books(draw, 90 + shift, row)
    glow = Image.new("RGB", FRAME)
    lamp = ImageDraw.Draw(glow)
    for x, y, radius, tone in ((770, 250, 250, 150), (1650, 180, 330, 120), (250, 480, 200, 60)):
        for share in np.linspace(1, 0, 24):
            colour = tuple(int(part * (1 - share) ** 2 * tone / 255) for part in WARM)
            reach = radius * share
            lamp.ellipse([(x + shift - reach, y - reach), (x + shift + reach, y + reach)], fill=colour)
    glow = glow.filter(ImageFilter.GaussianBlur(30))
    summed = np.asarray(picture).astype(np.uint16) + np.asarray(glow)
    picture = Image.fromarray(np.clip(summed, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for x, y in ((770, 250), (1650, 180)):  # the lamps themselves
        draw.ellipse([(x + shift - 34, y - 34), (x + shift + 34, y + 34)], fill=(255, 226, 178))
    return picture


def _draw_books(draw: ImageDraw.ImageDraw, left: int, floor: int) -> None:
    random = np.random.default_rng(floor)
    colours = ((132, 62, 50), (52, 88, 96), (176, 138, 84), (70, 74, 92), (110, 116, 98))
    x = left
    while x < left + 500:
        width, height = int(random.integers(20, 46)), int(random.integers(110, 180))
        if random.random() < 0.85:
            colour = colours[int(random.integers(len(colours)))]
            draw.rectangle([(x, floor - height), (x + width - 3, floor - 1)], fill=colour)
        x += width


def _with_desk(wall: Image.Image, top: int) -> Image.Image:
    rows = np.arange(FRAME[1], dtype=np.float32)[:, None, None]
    wood = np.array([86, 58, 40], np.float32) * (1.05 - 0.55 * np.clip((rows - top) / 140, 0, 1))
    grain = np.random.default_rng(3).normal(0, 3.0, (FRAME[1], 1, 1)).astype(np.float32)
    edge = np.clip(1 - np.abs(rows - top - 3) / 4, 0, 1) * 46
    pixels = np.where(rows >= top, wood + grain + edge, np.asarray(wall, np.float32))
    across = np.linspace(-1, 1, FRAME[0], dtype=np.float32)[None, :, None]
    vignette = 1 - 0.30 * across**2 - 0.10 * ((rows - 540) / 540) ** 2
    # Film grain that stands still: it hides the bands of slow gradients and costs the encoder nothing.
    film = np.random.default_rng(11).normal(0, 1.1, (FRAME[1], FRAME[0], 1)).astype(np.float32)
    return Image.fromarray(np.clip(pixels * vignette + film, 0, 255).astype(np.uint8))


def _draw_screen(picture: Image.Image, screen: str) -> None:
    left, top, width, height = _screen_left(screen), 560, 484, 318
    draw = ImageDraw.Draw(picture)
    draw.rectangle([(left + 206, top + height), (left + 278, 950)], fill=(20, 22, 24))
    draw.ellipse([(left + 122, 940), (left + 362, 976)], fill=(20, 22, 24))
    draw.rounded_rectangle([(left, top), (left + width, top + height)], 18, fill=(18, 20, 22))
    draw.rounded_rectangle(
        [(left + 14, top + 14), (left + width - 14, top + height - 14)], 8, fill=(24, 52, 64)
    )
    draw.text((left + width // 2, top + 66), "Joe", font=_font(56), fill=(236, 240, 240), anchor="mm")
    draw.text(
        (left + width // 2, top + 274), "on the line", font=_font(28), fill=(150, 184, 190), anchor="mm"
    )


def _screen_left(screen: str) -> int:
    return 1350 if screen == "right" else 90


def _gradient(top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Image.Image:
    share = np.linspace(0, 1, FRAME[1], dtype=np.float32)[:, None, None]
    rows = np.array(top, np.float32) * (1 - share) + np.array(bottom, np.float32) * share
    # A little noise, or the slow change of tone shows as bands.
    noise = np.random.default_rng(5).normal(0, 1.2, (FRAME[1], FRAME[0], 1)).astype(np.float32)
    return Image.fromarray(np.clip(rows + noise, 0, 255).astype(np.uint8))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _still(picture: Image.Image) -> Still:
    luma, blue, red = to_video(np.asarray(picture).astype(np.float32))
    half = [np.asarray(Image.fromarray(plane).reduce(2)) for plane in (blue, red)]
    return Still(luma, half[0], half[1])


def bars(meter: Meter, levels: Sequence[float], luma: NDArray[np.uint8]) -> None:
    """Draw the last loudnesses (0 to 1, newest in the middle) into the brightness of a frame."""
    for number in range(BARS):
        age = abs(number - BARS // 2)
        tall = max(4, int(meter.height * levels[-1 - age] * (1 - 0.6 * age / (BARS / 2)) / 2))
        left = meter.left + number * meter.step
        luma[meter.row - tall : meter.row + tall, left : left + meter.step // 2] = 190
