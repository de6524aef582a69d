"""The report shows every clip and near miss, and takes every text as text."""

import re
from dataclasses import replace
from fractions import Fraction

from clipmill.clipfile import ClipFile
from clipmill.model import Box, CropKey, CropPath, Layout, QualityCard, Scene, Span, Word
from clipmill.report import page
from test_plan import PLAN, moment

HOSTILE = '</script><img src=x onerror="alert(1)">'

CARD = QualityCard(
    1.0, 0.9, 3.0, 0.9, -14.1, -1.4, Box(0.1, 0.6, 0.8, 0.1), True, True, False, 20.0, 600, 9_000_000
)

CLIP = ClipFile(
    rank=1,
    moment="b",
    title=HOSTILE,
    score=97.0,
    reasons=("has numbers", HOSTILE),
    span=Span(30, 50),
    text="Words.",
    words=(Word(HOSTILE, 0.0, 0.5),),
    width=1080,
    height=1920,
    frame_rate=float(Fraction(30)),
    scenes=(Scene(Span(30, 50), Layout.FILL),),
    crop_path=CropPath(0.3, 1.0, (CropKey(30, 0.5, 0.5),)),
    quality=CARD,
    degraded=(),
    signals={},
)


def test_no_text_from_outside_becomes_markup() -> None:
    hostile = replace(PLAN, moments=(*PLAN.moments, replace(moment("c", 5, 9), title=HOSTILE)))
    text = page(hostile, [CLIP], [HOSTILE])
    assert "<img" not in text
    assert text.count("<script>") == text.count("</script>") == 1


def test_the_page_shows_clips_near_misses_and_measured_faults() -> None:
    plan = replace(PLAN, chosen=("b",))
    text = page(plan, [CLIP], ["language-unsure"])
    assert 'src="clip-01.mp4"' in text
    assert "Passed over" in text
    assert "0:01–0:20" in text
    assert "the language is a guess" in text
    assert re.search(r'<dt>Face inside the frame</dt><dd class="off">90%</dd>', text)


def test_the_page_links_to_the_address_of_its_source_and_to_no_other_scheme() -> None:
    def about(address: str) -> str:
        return page(replace(PLAN, source=replace(PLAN.source, path=address)), [CLIP], [])

    assert '<a href="https://e.org/x?a=1&amp;b=2"' in about("https://e.org/x?a=1&b=2")
    assert "javascript:" not in about("javascript://alert(1)")
    assert 'onerror="' not in about('https://e.org/"onerror="alert(1)')


def test_nothing_is_loaded_from_elsewhere() -> None:
    assert "://" not in page(PLAN, [CLIP], [])
