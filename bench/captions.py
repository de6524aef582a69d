"""How captions are broken into lines, whether their ink stays in the safe area, and when words light up."""

import gzip
import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from bench.places import DATA
from bench.table import Row
from clipmill.editing.ass import ass_text
from clipmill.editing.cues import make_cues
from clipmill.editing.linebreaks import break_cost, break_lines
from clipmill.editing.safe_areas import SAFE_AREAS, safe_box
from clipmill.editing.styles import STYLES, Style
from clipmill.model import Canvas, Word
from clipmill.resources import FONTS, font_metrics

LINES = DATA / "selection" / "ted_lines.jsonl.gz"

WIDTH, WANTED = 42, 30
"""Characters of a line at most, and as wanted: the trade's width for wide pictures."""

CANVASES = (Canvas(540, 960, Fraction(30)), Canvas(540, 540, Fraction(30)), Canvas(960, 540, Fraction(30)))

SENTENCES = {
    "Latin": ("en", "Nobody tells you this: jumping (quickly) over 1,000,000 lazy dogs — it's “AWAY” today."),
    "Latin, accents": ("vi", "Người Việt Nam ở đâu cũng thấy ẤM ÁP, phở Ằ Ỗ Ế rất ngon."),
    "Latin, long words": ("de", "Größe der Donaudampfschifffahrtsgesellschaft ärgert Jörg."),
    "Cyrillic": ("ru", "Никто не говорит тебе об этом: жёлтая щука, Ёлка и Йод."),
    "Greek": ("el", "Κανείς δεν σου το λέει: οι πρώτες ενενήντα ημέρες, Άλφα."),
    "Arabic": ("ar", "مرحبا بكم في العالم الجديد، مُحَمَّدٌ قالَ (2026) كلامًا مهمًّا جدًّا."),
    "Persian": ("fa", "می‌خواهم پنجره را باز کنم، گچ ژرف است."),
    "Hebrew": ("he", "אף אחד לא אומר לך את זה: תשעים הימים הראשונים."),
    "Devanagari": ("hi", "कोई आपको यह नहीं बताता: पहले नब्बे दिन, क्त्वा हूँ ।"),
    "Thai": ("th", "ไม่มีใครบอกคุณเรื่องนี้ เก้าสิบวันแรกที่ปู่ผู้ใหญ่ให้เป็นสิ่งสำคัญ"),
    "Korean": ("ko", "아무도 말해 주지 않지만 처음 90일이 모든 것을 결정합니다."),
    "Chinese": ("zh", "没有人告诉你，但是前90天决定一切，大多数人都浪费了。"),
    "Japanese": ("ja", "今日は天気がいいので公園に行きました。言語「パイソン」は簡単ですか？"),
}


def measure() -> list[Row]:
    """Rows for the targets of captions; those on human lines only where the data is."""
    rows = [_ink_row(), _timing_row()]
    return [*_line_rows(), *rows] if LINES.exists() else rows


def _line_rows() -> list[Row]:
    hits = ours = theirs = articles = talks = 0
    with gzip.open(LINES, "rt") as file:
        for talk in file:
            talks += 1
            for lines in _paragraphs(json.loads(talk)["lines"]):
                words = [word for line in lines for word in line]
                wanted = set(np.cumsum([len(line) for line in lines[:-1]]).tolist())
                found = set(_breaks(words))
                hits, ours, theirs = hits + len(found & wanted), ours + len(found), theirs + len(wanted)
                articles += sum(words[place - 1].lower() in ("a", "an", "the") for place in found)
    score = 2 * hits / (ours + theirs)
    return [
        Row(
            f"caption lines, break F1 at {WIDTH} letters, {talks} talks",
            f"{score:.3f}",
            ">= 0.70",
            score >= 0.70,
        ),
        Row("caption lines that end with an article", str(articles), "0", articles == 0),
    ]


def _paragraphs(lines: list[str]) -> Iterator[list[list[str]]]:
    """Runs of lines between blank ones and (Applause), as words; as the reference figure was taken."""
    run: list[list[str]] = []
    for line in [*lines, ""]:
        if line.strip() and not line.startswith("("):
            run.append(line.split())
            continue
        if sum(map(len, run)) >= 8:
            yield run
        run = []


def _breaks(words: list[str]) -> tuple[int, ...]:
    costs = [break_cost(left, right, language="en") for left, right in pairwise(words)] + [0.0]
    return break_lines([len(word) for word in words], costs, room=WIDTH, target=WANTED, space=1)


def _ink_row() -> Row:
    burned = [style for style in STYLES.values() if style.burned]
    outside = []
    checked = 0
    for style in burned:
        for script, (language, text) in SENTENCES.items():
            for canvas in CANVASES:
                for name in SAFE_AREAS if canvas is CANVASES[0] else ("all",):
                    checked += 1
                    if not _ink_is_inside(_caption(style, language, text, canvas, name), canvas, name):
                        outside.append(f"{style.name}/{script}/{canvas.width}x{canvas.height}/{name}")
    seen = f"{100 * (1 - len(outside) / checked):.1f} % of {checked} {' '.join(outside[:5])}".strip()
    what = f"caption ink inside the safe area: {len(burned)} styles x {len(SENTENCES)} texts x canvases"
    return Row(what, seen, "100 %", not outside)


def _words(text: str, step: float = 0.3) -> tuple[Word, ...]:
    parts = enumerate(text.split())
    return tuple(Word(part, step * place, step * place + 0.9 * step) for place, part in parts)


def _caption(style: Style, language: str, text: str, canvas: Canvas, safe: str) -> str:
    words, letters, area = _words(text), font_metrics(style, language), SAFE_AREAS[safe]
    length = words[-1].end + 0.5
    cues = make_cues(words, style=style, measure=letters, canvas=canvas, safe=area, clip_length=length)
    return ass_text(cues, style=style, measure=letters, canvas=canvas, safe=area)


def _ink_is_inside(ass: str, canvas: Canvas, safe: str) -> bool:
    ink = (np.abs(_drawn(ass, canvas).astype(np.int16) - 128) > 6).any(axis=0)
    box = safe_box(SAFE_AREAS[safe], canvas)
    left, top = round(box.x * canvas.width), round(box.y * canvas.height)
    right, bottom = round((box.x + box.width) * canvas.width), round((box.y + box.height) * canvas.height)
    whole = int(ink.sum())
    return whole > 0 and int(ink[top:bottom, left:right].sum()) == whole


def _drawn(ass: str, canvas: Canvas, *, rate: int = 10, layout: str = "gray") -> NDArray[np.uint8]:
    """Five seconds of the captions over mid grey: (frame, row, column x channels)."""
    graph = f"color=c=0x808080:s={canvas.width}x{canvas.height}:r={rate}:d=5,format=rgb24,"
    graph += f"ass=cap.ass:fontsdir=fonts,format={layout}"
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", graph]
    argv += ["-f", "rawvideo", "-pix_fmt", layout, "-"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "cap.ass").write_text(ass, encoding="utf-8")
        Path(folder, "fonts").symlink_to(FONTS)
        raw = subprocess.run(argv, cwd=folder, capture_output=True, check=True, timeout=120).stdout
    return np.frombuffer(raw, np.uint8).reshape(5 * rate, canvas.height, -1)


def _timing_row() -> Row:
    """When another word turns yellow on rendered frames, 30 a second, against the words' own times."""
    text = "one two three four five six seven eight nine ten eleven twelve"
    starts = _yellow_starts(_caption(STYLES["bold"], "en", text, CANVASES[0], "all"))
    early = [1000 * (word.start - start) for word, start in zip(_words(text), starts, strict=True)][1:]
    seen = f"{min(early):.0f} to {max(early):.0f}, median {statistics.median(early):.0f}"
    reached = min(early) >= 0 and max(early) <= 80
    return Row("caption words light up, ms before the word", seen, "0 to 80", reached)


def _yellow_starts(ass: str) -> list[float]:
    """Times of the frames in which the yellow is somewhere else than in the frame before."""
    frames = _drawn(ass, CANVASES[0], rate=30, layout="rgb24").astype(np.int16)
    red, green, blue = (frames[:, :, channel::3] for channel in range(3))
    yellow = (red > 200) & (green > 180) & (blue < 80)
    kept = [not mask.any() or (mask & before).sum() > 0.9 * mask.sum() for before, mask in pairwise(yellow)]
    first = [0.0] if yellow[0].any() else []
    return first + [(number + 1) / 30 for number, same in enumerate(kept) if not same]
