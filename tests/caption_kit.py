"""Draw captions with the real libass and see where their ink is."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from clipmill.model import Box, Canvas, Word
from clipmill.resources import FONTS

SAMPLES = {
    "en": "Nobody tells you this: jumping (quickly) over 1,000,000 lazy dogs — it's “AWAY” today, isn't it?",
    "de": "Größe und Übermaß der Donaudampfschifffahrtsgesellschaft ärgern Jörg.",
    "vi": "Người Việt Nam ở đâu cũng thấy ẤM ÁP, phở Ằ Ỗ Ế rất ngon.",
    "tr": "İstanbul'da ılık bir gün, çiğdem ışığı şaşırtıyor.",
    "ru": "Никто не говорит тебе об этом: жёлтая щука ййй Ёлка.",
    "uk": "Її ґанок і щастя — це найкраще місце.",
    "el": "Κανείς δεν σου το λέει: οι πρώτες ενενήντα ημέρες, ΐ ΰ Άλφα.",
    "ar": "مرحبا بكم في العالم الجديد، مُحَمَّدٌ قالَ (2026) كلامًا مهمًّا جدًّا.",
    "fa": "می‌خواهم پنجره را باز کنم، گچ ژرف است.",
    "he": "אף אחד לא אומר לך את זה: תשעים הימים הראשונים.",
    "hi": "कोई आपको यह नहीं बताता: पहले नब्बे दिन, क्त्वा हूँ ।",
    "th": "ไม่มีใครบอกคุณเรื่องนี้ เก้าสิบวันแรกที่ปู่ผู้ใหญ่ให้เป็นสิ่งสำคัญที่สุด",
    "ko": "아무도 말해 주지 않지만 처음 90일이 모든 것을 결정합니다.",
    "zh": "没有人告诉你，但是前90天决定一切，大多数人都浪费了。",
    "ja": "今日は天気がいいので公園に行きました。とても楽しかったです！言語「パイソン」は簡単ですか？",
}
"""A sentence in each language whose script is shipped, with tall, deep and wide letters."""


def spoken(text: str, *, step: float = 0.3) -> tuple[Word, ...]:
    """The words of ``text``, one every ``step`` seconds."""
    return tuple(
        Word(word, step * place, step * place + 0.9 * step) for place, word in enumerate(text.split())
    )


def drawn(
    ass: str, folder: Path, *, canvas: Canvas, times: Sequence[float], fonts: Path = FONTS
) -> NDArray[np.uint8]:
    """Pictures of the captions over mid grey at ``times``: (time, row, column) of brightness."""
    (folder / "cap.ass").write_text(ass, encoding="utf-8")
    (folder / "fonts").unlink(missing_ok=True)
    (folder / "fonts").symlink_to(fonts)
    rate = 10
    wanted = "+".join(f"eq(n,{round(time * rate)})" for time in times)
    picture = (
        f"color=c=0x808080:s={canvas.width}x{canvas.height}:r={rate}:d={max(times) + 0.5:.2f},format=rgb24"
    )
    graph = f"{picture},ass=cap.ass:fontsdir=fonts,select={wanted.replace(',', chr(92) + ',')},format=gray"
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", graph]
    argv += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    raw = subprocess.run(argv, cwd=folder, capture_output=True, check=True, timeout=120).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, canvas.height, canvas.width)


def ink_box(pictures: NDArray[np.uint8]) -> Box | None:
    """The box around everything that is not the grey behind, in shares of the frame; None without ink."""
    ink = (np.abs(pictures.astype(np.int16) - int(pictures[0, 0, 0])) > 6).any(axis=0)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not rows.size:
        return None
    height, width = ink.shape
    return Box(
        columns[0] / width,
        rows[0] / height,
        (columns[-1] + 1 - columns[0]) / width,
        (rows[-1] + 1 - rows[0]) / height,
    )
