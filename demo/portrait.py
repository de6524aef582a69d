"""The guest: a portrait cut out of its background, with a mouth that opens and a head that moves."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

ENLARGED = 3
"""The portrait is enlarged once, so that small movements do not break its pixels."""
SIZE = (400, 338)
"""The piece used, in the portrait's pixels: the person from head to chest."""
MIDDLE = 212
"""The column of the portrait that counts as the guest's middle."""
MOUTHS = 5
"""Steps from a closed to an open mouth."""
# The outline of the person in the picture's pixels, drawn by hand, clockwise from the lower left.
OUTLINE = (
    (27, 346), (29, 330), (33, 315), (37, 300), (42, 285), (50, 270), (58, 256), (68, 244),
    (80, 234), (95, 223), (106, 214), (114, 206), (113, 193), (115, 186), (121, 185), (123, 177),
    (128, 167), (136, 158), (147, 152), (160, 149), (172, 148), (183, 149), (182, 134), (176, 132),
    (171, 124), (168, 118), (160, 112), (155, 102), (153, 88), (153, 72), (155, 60), (160, 50),
    (168, 44), (180, 40), (188, 34), (195, 25), (205, 19), (218, 16), (232, 15), (246, 18),
    (258, 24), (268, 27), (276, 33), (284, 40), (292, 50), (297, 62), (300, 75), (301, 90),
    (298, 102), (292, 112), (286, 121), (279, 129), (276, 134), (272, 137), (267, 136), (264, 146),
    (260, 157), (255, 172), (262, 177), (272, 183), (282, 191), (290, 201), (297, 212), (302, 223),
    (305, 233), (313, 237), (323, 244), (332, 253), (340, 264), (347, 278), (352, 292), (357, 310),
    (361, 328), (364, 346),
)  # fmt: skip
HEAD, BODY = (86, 0, 318, 226), (20, 226, 372, 337)
"""Left, top, right, bottom of the piece that moves (head and collar) and of the one that does not."""
STILL_ROW, BEND_ROWS = 222, 105
"""The head moves as a whole above the bend; from ``STILL_ROW`` downwards nothing moves."""
Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Pose:
    """One look of the guest: size, mouth step, eyes shut, and how far the head is off its place."""

    scale: float
    mouth: int
    blink: bool
    lean: float
    nod: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the guest in video colours: full size brightness and cover, half size colours and cover.

    ``left`` and ``top`` are even pixels from the portrait's corner.
    """

    left: int
    top: int
    luma: Plane
    cover: Plane
    blue: Plane
    red: Plane
    half_cover: Plane


class Portrait:
    """Makes the pieces of a pose from the picture; keeps the ones used last."""

    def __init__(self, picture: Path) -> None:
        whole = Image.open(picture).convert("RGB")
        big = (SIZE[0] * ENLARGED, SIZE[1] * ENLARGED)
        bust = whole.crop((0, 0, *SIZE)).resize(big, Image.Resampling.LANCZOS)
        bust = bust.filter(ImageFilter.UnsharpMask(radius=3, percent=60, threshold=2))
        cover = cut_out(whole)
        looks = [(mouth, blink) for mouth in range(MOUTHS) for blink in (False, True)]
        self._planes = {look: video_planes(_face(np.asarray(bust), *look), cover) for look in looks}
        self._piece = lru_cache(maxsize=None)(self._cut_piece)

    def pieces(self, pose: Pose) -> tuple[Piece, Piece]:
        """Head and body in a pose, the body never moves."""
        head = self._piece(pose.scale, pose.mouth, pose.blink, HEAD)
        return bent(head, pose), self._piece(pose.scale, 0, False, BODY)

    def _cut_piece(self, scale: float, mouth: int, blink: bool, box: tuple[int, int, int, int]) -> Piece:
        left, top, right, bottom = (round(side * scale / 2) * 2 for side in box)
        size = (right - left, bottom - top)
        source = tuple(side / scale * ENLARGED for side in (left, top, right, bottom))
        luma, cover, *halves = self._planes[mouth, blink]
        full = [np.asarray(plane.resize(size, Image.Resampling.BICUBIC, source)) for plane in (luma, cover)]
        half_size, half = (size[0] // 2, size[1] // 2), tuple(side / 2 for side in source)
        blue, red, thin = (np.asarray(p.resize(half_size, Image.Resampling.BICUBIC, half)) for p in halves)
        return Piece(left, top, full[0], full[1], blue, red, thin)


def bent(head: Piece, pose: Pose) -> Piece:
    """The head moved by whole frame pixels, less and less towards the shoulders."""
    rows = (head.top + np.arange(len(head.luma))) / pose.scale
    share = np.clip((STILL_ROW - rows) / BEND_ROWS, 0, 1)
    share = share * share * (3 - 2 * share)
    across = np.rint(share * pose.lean * pose.scale).astype(int)
    down = np.rint(share * pose.nod * pose.scale).astype(int)
    luma, cover = (_shifted(plane, across, down) for plane in (head.luma, head.cover))
    halves = (head.blue, head.red, head.half_cover)
    blue, red, thin = (_shifted(plane, across[::2] // 2, down[::2] // 2) for plane in halves)
    return Piece(head.left, head.top, luma, cover, blue, red, thin)


def _shifted(plane: Plane, across: NDArray[np.int_], down: NDArray[np.int_]) -> Plane:
    """Each row taken from ``down`` rows above and moved right by ``across``; what is not covered is 0."""
    moved = np.zeros_like(plane)
    height, width = plane.shape
    turns = np.flatnonzero((np.diff(across) != 0) | (np.diff(down) != 0)) + 1
    for first, end in zip([0, *turns.tolist()], [*turns.tolist(), height], strict=True):
        right, lower = int(across[first]), int(down[first])
        start = max(first, lower)
        stop = min(end, height + lower)
        moved[start:stop, max(0, right) : width + min(0, right)] = plane[
            start - lower : stop - lower, max(0, -right) : width - max(0, right)
        ]
    return moved


def cut_out(whole: Image.Image) -> Image.Image:
    """How much of each enlarged pixel is person (0 to 255): inside the outline, and hair by its colour."""
    big = (SIZE[0] * ENLARGED, SIZE[1] * ENLARGED)
    drawn = Image.new("L", big)
    ImageDraw.Draw(drawn).polygon([(x * ENLARGED, y * ENLARGED) for x, y in OUTLINE], fill=255)
    inner = drawn.filter(ImageFilter.MinFilter(9)).filter(ImageFilter.GaussianBlur(3))
    hair = drawn.filter(ImageFilter.MaxFilter(17)).filter(ImageFilter.GaussianBlur(2))
    # The studio wall behind the head is light grey; hair, skin and collar are darker or more colourful.
    pixels = np.asarray(whole.crop((0, 0, *SIZE)).resize(big, Image.Resampling.BICUBIC)).astype(np.float32)
    lightness, colour = pixels.min(axis=2), np.ptp(pixels, axis=2)
    person = np.clip(np.maximum((150 - lightness) / 45, (colour - 38) / 30), 0, 1)
    keyed = np.minimum(np.asarray(hair) / 255.0, person)
    # Below the collar a striped flag stands beside the sleeve: there only the outline decides.
    trusted = np.clip((175 * ENLARGED - np.arange(big[1])) / 60.0, 0, 1)[:, None]
    cover = np.maximum(np.asarray(inner) / 255.0, keyed * trusted)
    return Image.fromarray((cover * 255).astype(np.uint8))


def _face(pixels: Plane, mouth: int, blink: bool) -> Plane:
    opened = open_mouth(pixels, 1.7 * mouth) if mouth else pixels
    return shut_eyes(opened) if blink else opened


def open_mouth(pixels: Plane, gap: float) -> Plane:
    """The lower lip, chin and cheeks drawn down by ``gap`` pixels of the portrait, and the dark between."""
    top, bottom, left, right = 138, 200, 185, 267
    rows, columns = _grid(top, bottom, left, right)
    across = np.exp(-(((columns - 226) / 24) ** 2))
    lip = 149.0 - 0.0155 * (columns - 226) ** 2
    drop = gap * across * np.clip((rows - lip) / 2.0, 0, 1) * np.clip((194 - rows) / 18, 0, 1)
    warped = _sampled(pixels, rows - drop, columns)
    width = 15.0
    shape = np.clip(1 - ((columns - 226) / width) ** 2, 0, 1)
    inside = np.clip((rows - lip) / 1.2, 0, 1) * np.clip((lip + 0.9 * gap * shape - rows) / 1.2, 0, 1)
    dark = np.array([62, 24, 24], np.float32)
    blended = warped * (1 - inside[..., None]) + dark * inside[..., None]
    return _pasted(pixels, blended, top, left)


def shut_eyes(pixels: Plane) -> Plane:
    """Skin from under the brows stretched over both eyes, with a line of lashes."""
    for x, y in ((203, 101), (246, 103)):
        top, bottom, left, right = y - 12, y + 10, x - 16, x + 16
        rows, columns = _grid(top, bottom, left, right)
        eye = np.clip(1.6 - 1.6 * (((columns - x) / 15) ** 2 + ((rows - y) / 7.5) ** 2), 0, 1)[..., None]
        lid = _sampled(pixels, y - 7.5 + (rows - y) * 0.12, columns)
        line = np.exp(-(((rows - y - 3 + 0.012 * (columns - x) ** 2) / 1.1) ** 2))[..., None]
        lid = lid * (1 - 0.55 * line)
        pixels = _pasted(pixels, _sampled(pixels, rows, columns) * (1 - eye) + lid * eye, top, left)
    return pixels


def video_planes(pixels: Plane, cover: Image.Image) -> tuple[Image.Image, ...]:
    """Brightness and cover, then both colour differences and cover at half size, as grey pictures."""
    luma, *colours = (Image.fromarray(plane) for plane in to_video(_graded(pixels.astype(np.float32))))
    return (luma, cover, *(plane.reduce(2) for plane in (*colours, cover)))


def to_video(rgb: NDArray[np.float32]) -> tuple[Plane, Plane, Plane]:
    """RGB of 0 to 255 as BT.709 video planes of limited range."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    grey = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    planes = (
        16 + grey * (219 / 255),
        128 + (blue - grey) * (112 / 255 / 0.9278),
        128 + (red - grey) * (112 / 255 / 0.7874),
    )
    luma, cb, cr = (np.clip(plane + 0.5, 16, 240).astype(np.uint8) for plane in planes)
    return luma, cb, cr


def _graded(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """A little darker, warmer and lit from the left, as the drawn room is."""
    light = np.linspace(1.06, 0.80, rgb.shape[1], dtype=np.float32)[None, :, None]
    tint = np.array([1.0, 0.955, 0.90], np.float32)
    return np.clip(255 * (rgb / 255) ** 1.08 * light * tint, 0, 255).astype(np.float32)


def _grid(top: int, bottom: int, left: int, right: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    steps = np.float32(1 / ENLARGED)
    rows = np.arange((bottom - top) * ENLARGED, dtype=np.float32) * steps + top
    columns = np.arange((right - left) * ENLARGED, dtype=np.float32) * steps + left
    return np.meshgrid(rows, columns, indexing="ij")


def _sampled(pixels: Plane, rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float32]:
    y, x = rows * ENLARGED, columns * ENLARGED
    y0, x0 = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = (y - y0)[..., None], (x - x0)[..., None]
    upper = pixels[y0, x0] * (1 - fx) + pixels[y0, x0 + 1] * fx
    lower = pixels[y0 + 1, x0] * (1 - fx) + pixels[y0 + 1, x0 + 1] * fx
    return upper * (1 - fy) + lower * fy


def _pasted(pixels: Plane, patch: NDArray[np.float32], top: int, left: int) -> Plane:
    whole = pixels.copy()
    y, x = top * ENLARGED, left * ENLARGED
    whole[y : y + patch.shape[0], x : x + patch.shape[1]] = np.clip(patch, 0, 255).astype(np.uint8)
    return whole
