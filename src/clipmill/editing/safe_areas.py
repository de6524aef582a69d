"""Where captions may stand: the parts of the picture that apps cover with their own buttons and texts."""

from collections.abc import Mapping
from types import MappingProxyType

from clipmill.model import Box, Canvas, SafeArea

REFERENCE_WIDTH = 1080
REFERENCE_HEIGHT = 1920

# Pixels of a 1080x1920 frame, looked up in November 2026.
#   shorts   Google Ads help, vertical video: top 288, right 192, bottom 672, left 48. The bottom is that of
#            an advertisement with its button; an ordinary Short ends its texts at about 420.
#   reels    Meta business help, safe zones of Reels: 14 % top, 35 % bottom (advertisement), 6 % at the
#            sides; ordinary Reels keep 220 and 420, with the column of buttons on the right.
#   tiktok   TikTok's template files vary with the length of the text: worst case of the published
#            templates for ordinary posts, top 220, bottom 500, buttons within 180 of the right edge.
#   all      clears all three.
SAFE_AREAS: Mapping[str, SafeArea] = MappingProxyType(
    {
        "all": SafeArea(top=288, right=192, bottom=500, left=120),
        "tiktok": SafeArea(top=220, right=180, bottom=500, left=60),
        "reels": SafeArea(top=269, right=120, bottom=420, left=65),
        "shorts": SafeArea(top=288, right=192, bottom=420, left=48),
    }
)

# A 4:5, 1:1 or 16:9 clip plays in a feed or a player, where only its edges are at risk: 5 % is the
# graphics-safe margin of EBU R 95 for 16:9.
_EDGE = 0.05
# How far from 9:16 a canvas may be and still fill a phone.
_TALL = 0.60


def safe_box(safe: SafeArea, canvas: Canvas) -> Box:
    """The part of ``canvas`` that stays free, in shares of the frame.

    On a canvas as tall as a phone ``safe`` is scaled; on a wider one only its edges are kept free.
    """
    left, right = safe.left / REFERENCE_WIDTH, safe.right / REFERENCE_WIDTH
    top, bottom = safe.top / REFERENCE_HEIGHT, safe.bottom / REFERENCE_HEIGHT
    if canvas.width / canvas.height > _TALL:
        left, right, top, bottom = (min(share, _EDGE) for share in (left, right, top, bottom))
    return Box(left, top, 1 - left - right, 1 - top - bottom)
