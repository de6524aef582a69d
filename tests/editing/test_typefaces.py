import pytest

from clipmill.editing.typefaces import FontMetrics, Typeface

LATIN = Typeface("Latin", {ord(c): 0.5 for c in "abcAV "}, 1.0, 0.3, 0.7, {(ord("A"), ord("V")): -0.1})
ARABIC = Typeface(
    "Arabic",
    {0x628: 1.0, 0x627: 0.5, 0x64B: 0.0, ord(" "): 0.2},
    1.3,
    0.6,
    0.7,
    forms={0x628: (0.4, 0.3, 0.8), 0x627: (0.0, 0.0, 0.25)},
)
BOTH = FontMetrics("ar", (LATIN, ARABIC))


def test_pairs_that_stand_closer_make_a_word_narrower() -> None:
    assert LATIN.width("AV") == pytest.approx(0.9)
    assert LATIN.width("VA") == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("\u0628", 1.0),
        ("\u0628\u0628", 0.4 + 0.8),
        ("\u0628\u0628\u0628", 0.4 + 0.3 + 0.8),
        ("\u0628\u0627", 0.4 + 0.25),
        ("\u0627\u0628", 0.5 + 1.0),
        ("\u0628\u064b\u0628", 0.4 + 0.8),
        ("\u0628\u200c\u0628", 2.0),
    ],
)
def test_letters_that_join_have_the_width_of_their_form(text: str, width: float) -> None:
    assert ARABIC.width(text) == pytest.approx(width)


def test_a_word_stays_in_one_typeface_where_one_has_all_of_it() -> None:
    assert [(face.family, run) for face, run in BOTH.runs("abc")] == [("Latin", "abc")]
    assert [(face.family, run) for face, run in BOTH.runs("\u0628\u0627")] == [("Arabic", "\u0628\u0627")]


def test_a_mixed_word_is_cut_into_runs() -> None:
    assert [(face.family, run) for face, run in BOTH.runs("ab\u0628\u0627c")] == [
        ("Latin", "ab"),
        ("Arabic", "\u0628\u0627"),
        ("Latin", "c"),
    ]


def test_joiners_are_covered_by_every_typeface() -> None:
    assert BOTH.covers("\u200c")
    assert not BOTH.covers("字")
