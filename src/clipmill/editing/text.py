"""Words as text: what may be written at all, in which script, in capitals, with or without spaces."""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

JOINERS = "\u200c\u200d"
"""Zero-width characters that carry meaning inside Persian and Indic words."""

# More than this in one word is noise, whatever it is; a minute of speech has a thousand characters.
_LONGEST = 1000
# The longest German compounds in use have 36 letters; addresses of pages may need more.
_LONGEST_WORD = 80
# More marks on one letter than any living orthography uses only grow towers.
_MOST_MARKS = 4

# Scripts by the first word of a character's Unicode name, where that is not already the script.
_SCRIPTS = {
    "CJK": "Han",
    "IDEOGRAPHIC": "Han",
    "KANGXI": "Han",
    "HIRAGANA": "Kana",
    "KATAKANA": "Kana",
    "HALFWIDTH": "Kana",
    "KATAKANA-HIRAGANA": "Kana",
    "HANGUL": "Hangul",
}
_UNSPACED_EITHER = frozenset({"Han", "Kana"})
_UNSPACED_BOTH = frozenset({"Thai", "Lao", "Khmer", "Myanmar"})
_CASED = frozenset({"Latin", "Greek", "Cyrillic", "Armenian"})


def cleaned(text: str) -> str:
    """``text`` without what cannot be seen: control, direction, format and private characters.

    White space becomes single spaces, towers of marks and texts beyond all measure are cut. The result is
    in Unicode form NFC.
    """
    kept = []
    marks = 0
    for character in unicodedata.normalize("NFC", text[:_LONGEST]):
        category = unicodedata.category(character)
        marks = marks + 1 if category == "Mn" else 0
        if character.isspace():
            kept.append(" ")
        elif (category[0] != "C" or character in JOINERS) and marks <= _MOST_MARKS:
            kept.append(character)
    return " ".join("".join(kept).split()).strip(JOINERS)


def shortened(word: str) -> str:
    """``word``, or its beginning with an ellipsis where it is longer than any word is."""
    return word if len(word) <= _LONGEST_WORD else word[: _LONGEST_WORD - 1] + "…"


def clusters(text: str) -> list[str]:
    """``text`` in letters with their marks: the smallest pieces that it may be cut into."""
    pieces: list[str] = []
    for character in text:
        if pieces and (unicodedata.category(character)[0] == "M" or character in JOINERS):
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


@lru_cache(maxsize=20_000)
def script(character: str) -> str:
    """The script of a letter or mark (``Latin``, ``Arabic``, ``Han`` ...), ``""`` for all else."""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    name = unicodedata.name(character, "").split(" ")[0]
    if name in {"COMBINING", "MODIFIER", "VARIATION", "FULLWIDTH", "MASCULINE", "FEMININE", "DOUBLE-STRUCK"}:
        return ""
    return _SCRIPTS.get(name, name.capitalize())


def scripts(text: str) -> tuple[str, ...]:
    """The scripts of ``text``, the most used first."""
    counts: dict[str, int] = {}
    for character in text:
        name = script(character)
        if name:
            counts[name] = counts.get(name, 0) + 1
    return tuple(sorted(counts, key=lambda name: -counts[name]))


def right_to_left(text: str) -> bool:
    """Whether the first letter with a direction runs from right to left."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False


def upper(text: str, language: str) -> str:
    """``text`` in capitals as the language writes them; scripts without capitals stay as they are.

    Turkish and Azerbaijani keep their dotted and dotless i, German gets the capital ẞ, Greek loses its
    accents, Irish stays as it is (its prefixes are never capitals).
    """
    language = language[:2].lower()
    if language == "ga":
        return text
    if language in ("tr", "az"):
        text = text.replace("i", "İ").replace("ı", "I")
    text = text.replace("ß", "ẞ")
    return "".join(_capital(character) for character in text)


def joined(texts: Iterable[str]) -> str:
    """Words put together to a line: a space between them where their script writes one."""
    line = ""
    for text in texts:
        line += (gap(line, text) if line else "") + text
    return line


def gap(left: str, right: str) -> str:
    """What stands between two words that follow each other: a space or nothing."""
    if not left or not right:
        return ""
    edges = (_spacing(left[-1]), _spacing(right[0]))
    if edges[0] in _UNSPACED_EITHER or edges[1] in _UNSPACED_EITHER:
        return ""
    return "" if edges[0] in _UNSPACED_BOTH and edges[1] in _UNSPACED_BOTH else " "


def unspaced(text: str) -> bool:
    """Whether any of ``text`` is in a script that writes no spaces between words."""
    scripts_here = {_spacing(character) for character in text}
    return bool(scripts_here & (_UNSPACED_EITHER | _UNSPACED_BOTH))


def _spacing(character: str) -> str:
    """The script that decides about spaces, full-width punctuation included."""
    if "\u3000" <= character <= "\u303f" or "\uff00" <= character <= "\uffef":
        return "Han"
    return script(character)


def _capital(character: str) -> str:
    name = script(character)
    if name not in _CASED:
        return character
    if name != "Greek":
        return character.upper()
    plain = unicodedata.normalize("NFD", character).replace("\u0301", "")
    return unicodedata.normalize("NFC", plain).upper()
