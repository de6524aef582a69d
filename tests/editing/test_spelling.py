"""How written English is said."""

import pytest

from clipmill.editing.spelling import sounds, spoken


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Hello,", "hello"),
        ("don’t", "don't"),
        ("well-known", "well known"),
        ("25", "twenty five"),
        ("$25.", "twenty five dollars"),
        ("100%", "one hundred percent"),
        ("1984", "nineteen eighty four"),
        ("1905", "nineteen o five"),
        ("2,500", "two thousand five hundred"),
        ("2000s", "two thousands"),
        ("3.14", "three point one four"),
        ("21st", "twenty first"),
        ("20th", "twentieth"),
        ("007", "zero zero seven"),
        ("1,000,000", "one million"),
        ("—", ""),
        ("日本", ""),
    ],
)
def test_writing_becomes_what_is_said(written: str, said: str) -> None:
    assert " ".join(spoken(written)) == said


def test_unknown_words_get_sounds() -> None:
    assert sounds("shelby") == "SH EH L B IY"
    assert sounds("zoome") == "Z UW M"
    assert sounds("") == "AH"
