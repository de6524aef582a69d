import pytest
from fontTools.ttLib import TTFont

from caption_kit import SAMPLES
from clipmill.editing.styles import DEFAULT_STYLE, STYLES
from clipmill.editing.text import JOINERS
from clipmill.resources import FONTS, font_metrics, load_weights, missing_scripts


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("language", SAMPLES)
def test_every_character_of_every_shipped_script_can_be_drawn(style: str, language: str) -> None:
    metrics = font_metrics(STYLES[style], language)
    assert [c for c in SAMPLES[language] if not metrics.covers(c) and c not in JOINERS] == []


def test_scripts_without_a_font_are_named() -> None:
    assert missing_scripts("Hello мир, 日本 汉语 한국어 مرحبا ไทย हिन्दी שלום Ελλάς 🔥 123") == ()
    assert missing_scripts("தமிழ் and ქართული, 飍") == ("Tamil", "Georgian", "Han")


def test_shared_characters_are_drawn_as_the_language_draws_them() -> None:
    for language, family in (("ja", "Rounded Mplus 1c ExtraBold"), ("zh", "Noto Sans SC ExtraBold")):
        ((face, _),) = font_metrics(STYLES["bold"], language).runs("日本")
        assert face.family == family


def test_languages_without_spaces_bring_their_phrases() -> None:
    assert font_metrics(STYLES["bold"], "ja").phrases
    assert font_metrics(STYLES["bold"], "zh-TW").phrases
    assert font_metrics(STYLES["bold"], "en").phrases is None


def test_no_font_is_variable_and_each_comes_with_its_licence() -> None:
    for path in FONTS.glob("*"):
        assert path.suffix == ".ttf"
        with TTFont(path) as font:
            assert "fvar" not in font
            assert "SIL Open Font License" in str(font["name"].getDebugName(13))
    assert len(list((FONTS.parent / "licences").glob("OFL-*.txt"))) == len(list(FONTS.glob("*.ttf")))


def test_widths_are_shares_of_the_em() -> None:
    face = font_metrics(STYLES[DEFAULT_STYLE], "en").faces[0]
    assert 0.5 < face.width("M") < 1.2
    assert face.width("AV") < face.width("A") + face.width("V")


def test_the_weights_of_the_score_are_there() -> None:
    assert load_weights()
