import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipmill.editing.text import (
    cleaned,
    clusters,
    gap,
    joined,
    right_to_left,
    script,
    scripts,
    shortened,
    unspaced,
    upper,
)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("\x00nul", "nul"),
        ("\u200b\u200d\ufeff", ""),
        ("\x1b[31mred", "[31mred"),
        ("line1\r\nline2", "line1 line2"),
        ("e\u0301", "é"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_what_cannot_be_seen_is_dropped_and_what_carries_meaning_stays(raw: str, clean: str) -> None:
    assert cleaned(raw) == clean


@given(st.text())
def test_cleaned_text_is_one_line_without_controls_and_cleaning_twice_changes_nothing(text: str) -> None:
    clean = cleaned(text)
    assert "\n" not in clean
    assert all(ord(character) >= 32 for character in clean)
    assert cleaned(clean) == clean


def test_towers_of_marks_are_cut() -> None:
    assert len(cleaned("a" + "\u0336" * 200)) <= 6


def test_a_word_longer_than_any_word_ends_in_an_ellipsis() -> None:
    assert shortened("W" * 800) == "W" * 79 + "…"
    assert shortened("short") == "short"


@pytest.mark.parametrize(
    ("text", "language", "capitals"),
    [
        ("istanbul ılık", "tr", "İSTANBUL ILIK"),
        ("istanbul", "en", "ISTANBUL"),
        ("straße", "de", "STRAẞE"),
        ("άνθρωπος", "el", "ΑΝΘΡΩΠΟΣ"),
        ("ϊ", "el", "Ϊ"),
        ("ёлка", "ru", "ЁЛКА"),
        ("日本語 مرحبا ไทย", "ja", "日本語 مرحبا ไทย"),
        ("ქართული", "ka", "ქართული"),
        ("i nGaeilge", "ga", "i nGaeilge"),
    ],
)
def test_capitals_follow_the_language(text: str, language: str, capitals: str) -> None:
    assert upper(text, language) == capitals


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("a", "Latin"),
        ("ж", "Cyrillic"),
        ("Ω", "Greek"),
        ("م", "Arabic"),
        ("ש", "Hebrew"),
        ("日", "Han"),
        ("ひ", "Kana"),
        ("カ", "Kana"),
        ("한", "Hangul"),
        ("ไ", "Thai"),
        ("ह", "Devanagari"),
        ("7", ""),
        ("🔥", ""),
        ("\u0301", ""),
    ],
)
def test_every_letter_has_its_script(character: str, name: str) -> None:
    assert script(character) == name


def test_scripts_are_named_the_most_used_first() -> None:
    assert scripts("Hello мир 12") == ("Latin", "Cyrillic")


def test_words_are_joined_as_their_script_writes_them() -> None:
    assert joined(["Hello", "world"]) == "Hello world"
    assert joined(["今日は", "天気が"]) == "今日は天気が"
    assert joined(["私は", "Python", "が", "好き"]) == "私はPythonが好き"
    assert joined(["ไทย", "ดี", "English"]) == "ไทยดี English"
    assert joined(["안녕", "하세요"]) == "안녕 하세요"
    assert gap("", "x") == ""


def test_direction_is_that_of_the_first_letter() -> None:
    assert right_to_left("(2026) مرحبا Bob")
    assert not right_to_left("Bob مرحبا")
    assert not right_to_left("2026")


def test_marks_stay_with_their_letter() -> None:
    assert clusters("ปู่x") == ["ปู่", "x"]
    assert "".join(clusters("हिन्दी")) == "हिन्दी"


def test_scripts_without_spaces_are_known() -> None:
    assert unspaced("日本")
    assert unspaced("。")
    assert unspaced("ไทย")
    assert not unspaced("한국 and 7.")
