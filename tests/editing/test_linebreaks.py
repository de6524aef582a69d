import gzip
import json
from itertools import pairwise
from pathlib import Path

import pytest

from clipmill.editing.linebreaks import NEVER, break_cost, break_lines, ends_clause, ends_sentence, phrases


def broken(text: str, *, room: float, target: float, language: str = "en") -> list[str]:
    words = text.split()
    costs = [break_cost(a, b, language=language) for a, b in pairwise(words)] + [0.0]
    starts = break_lines([len(word) for word in words], costs, room=room, target=target, space=1)
    edges = [0, *starts, len(words)]
    return [" ".join(words[a:b]) for a, b in pairwise(edges)]


def test_no_line_is_wider_than_the_room_unless_it_is_one_word() -> None:
    lines = broken("some words and one incomprehensibilities among them", room=12, target=9)
    assert all(len(line) <= 12 or " " not in line for line in lines)
    assert " ".join(lines) == "some words and one incomprehensibilities among them"


def test_lines_end_after_punctuation_and_before_conjunctions() -> None:
    assert broken("we came home late, and nobody said a word", room=30, target=20) == [
        "we came home late,",
        "and nobody said a word",
    ]


@pytest.mark.parametrize(
    ("language", "text", "article"),
    [
        ("en", "I really wanted to show you the wonderful thing", "the"),
        ("de", "ich wollte dir schon immer das wunderbare Ding zeigen", "das"),
        ("fr", "je voulais toujours te montrer la merveilleuse chose", "la"),
        ("es", "siempre quise mostrarte a ti la cosa maravillosa", "la"),
    ],
)
def test_a_line_never_ends_with_an_article(language: str, text: str, article: str) -> None:
    for room in range(22, 44):
        lines = broken(text, room=room, target=room * 0.7, language=language)
        assert not any(line.endswith(f" {article}") for line in lines[:-1])


def test_a_sentence_ends_with_its_mark_even_before_quotes() -> None:
    assert ends_sentence("done.”")
    assert ends_sentence("です。")
    assert not ends_sentence("Mr")
    assert ends_clause("well,")
    assert ends_clause("so--")
    assert not ends_clause("done.")


def test_an_unknown_language_breaks_after_punctuation_only() -> None:
    assert break_cost("sana,", "ja", language="fi") < break_cost("sana", "ja", language="fi")


def test_japanese_is_cut_into_phrases_as_budoux_does() -> None:
    budoux = pytest.importorskip("budoux")
    parser = budoux.load_default_japanese_parser()
    for text in ("今日は天気がいいので公園に行きました。", "あ", "プログラミング言語は簡単ですか？"):
        assert list(phrases(text, parser.model)) == parser.parse(text)


def test_breaks_agree_with_professional_captioners(shared_data: Path) -> None:
    with gzip.open(shared_data / "selection" / "ted_lines.jsonl.gz", "rt") as file:
        talks = [json.loads(line) for line in file][:30]
    hits = ours = theirs = 0
    for talk in talks:
        for lines in paragraphs(talk["lines"]):
            words = [word for line in lines for word in line.split()]
            wanted = set(accumulated(lines))
            costs = [break_cost(a, b, language="en") for a, b in pairwise(words)] + [0.0]
            found = set(break_lines([len(w) for w in words], costs, room=42, target=30, space=1))
            hits, ours, theirs = hits + len(found & wanted), ours + len(found), theirs + len(wanted)
            assert not any(words[place - 1].lower() in ("a", "an", "the") for place in found)
    assert 2 * hits / (ours + theirs) >= 0.70


def paragraphs(lines: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for line in lines:
        if not line.strip() or line.startswith("("):
            found.append([])
        else:
            found[-1].append(line)
    return [lines for lines in found if len(" ".join(lines).split()) >= 8]


def accumulated(lines: list[str]) -> list[int]:
    places, count = [], 0
    for line in lines[:-1]:
        count += len(line.split())
        places.append(count)
    return places


def test_that_before_an_article_is_no_article() -> None:
    assert break_cost("that", "the", language="en") < NEVER
    assert break_cost("that", "examiner", language="en") == NEVER
