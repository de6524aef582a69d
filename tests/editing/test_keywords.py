from itertools import pairwise

from clipmill.editing.keywords import find_keywords


def found(text: str) -> list[str]:
    words = text.split()
    return [words[place] for place in sorted(find_keywords(words))]


def test_numbers_names_and_negations_are_stressed() -> None:
    assert found("we had about 90 of them there in the big old house of Maria but it was never a home") == [
        "90",
        "Maria",
        "never",
    ]


def test_the_pronoun_i_and_first_words_are_not_names() -> None:
    assert found("So I'm in. Then I go") == []


def test_stressed_words_keep_their_distance() -> None:
    words = ("impossible magnificent extraordinary revolution " * 6).split()
    places = sorted(find_keywords(words))
    assert places
    assert all(b - a >= 4 for a, b in pairwise(places))


def test_common_long_words_are_not_stressed() -> None:
    assert found("because everything actually something") == []
