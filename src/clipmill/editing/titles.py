"""A short honest title from a moment's own words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clipmill.editing.lexicon import FIRMLY_LOOSE, HANGING, LOOSE_ENDS, OPENERS
from clipmill.editing.sentences import UNSPACED
from clipmill.editing.signals import QUESTION_MARKS, opens_on, tokens_of
from clipmill.editing.topics import terms_of

MOST_SIGNS = 60
MOST_WIDE_SIGNS = 28
"""Characters of Chinese, Japanese or Thai that take the room of 60 Latin ones."""
FEWEST_SIGNS, FEWEST_WIDE_SIGNS = 18, 8
"""A shorter title says too little to choose by."""

CLAUSE = re.compile(
    r"(?<=[,;:])\s+|\s+[—–-]+\s*|\s+(?=(?:because|but|which|whereas|although|so that|and then)\s)"
)
WIDE_CLAUSE = re.compile(r"(?<=[，、。！？；：…!?])")
BRACKETED = re.compile(r"\s*[\[(][^\])]*[\])]\s*")
HESITATIONS = {
    language: re.compile(rf"(?:^|(?<=\s))(?:{sounds})\b[,.…]*\s*", re.IGNORECASE)
    for language, sounds in {
        "en": "um|uh|uhm|erm",
        "de": "äh|ähm|öhm",
        "fr": "euh|heu",
        "es": "eh|ehm",
        "it": "ehm|eh",
    }.items()
}
ASIDE = re.compile(r",?\s*\b(?:you know|i mean|like|sort of|kind of)\b,(?=\s|$)", re.IGNORECASE)
QUOTES = re.compile(r"[\"“”„«»]")
TWICE = re.compile(r"\b([\w'’]+)(?:,?\s+\1\b)+", re.IGNORECASE)

WHOLE, HEAD, MIDDLE = 1.2, 0.1, -0.5
"""How well a whole sentence, its head, and a clause from its middle stand on their own."""


@dataclass(frozen=True, slots=True)
class _Option:
    """A possible title, and how well it stands on its own."""

    text: str
    standing: float


def title_of(
    texts: Sequence[str], scores: Sequence[float], *, language: str, taken: frozenset[str] = frozenset()
) -> str:
    """At most 60 characters of ``texts``, the moment's sentences, of which ``scores`` says how good each is.

    The best clause that stands on its own: no "and so" before it, no loose "of the" after it. The words
    are the speaker's; only hesitations and words said twice are left out. Titles in ``taken`` are not
    used again.
    """
    options = [
        (_worth(option, language) + score, -place, option.text)
        for place, (text, score) in enumerate(zip(texts, scores, strict=True))
        for option in _options(text, language)
        if option.text not in taken
    ]
    return max(options)[2] if options else _cut(" ".join(texts).strip(), _room(language))


def _room(language: str) -> int:
    return MOST_WIDE_SIGNS if language in UNSPACED else MOST_SIGNS


def _options(text: str, language: str) -> list[_Option]:
    """Titles that a sentence offers: itself if it fits, else its clauses, else its head."""
    bare = _without_openers(_fluent(text, language), language)
    room = _room(language)
    if len(bare) <= room + 1:
        return _fitting([_Option(_finished(bare, FIRMLY_LOOSE), WHOLE)], language)
    found = (WIDE_CLAUSE if language in UNSPACED else CLAUSE).split(bare)
    parts = [part for part in found if part and part.strip()]
    heads = [_head(" ".join(parts[:count])) for count in range(1, len(parts))]
    middles = [_Option(_clause(part, language), MIDDLE) for part in parts[1:]]
    return _fitting([*heads, *middles], language) or [_Option(_cut(bare, room), HEAD)]


def _head(text: str) -> _Option:
    return _Option(_finished(text, FIRMLY_LOOSE), HEAD)


def _clause(part: str, language: str) -> str:
    return _finished(_without_openers(part, language), FIRMLY_LOOSE)


def _fitting(options: list[_Option], language: str) -> list[_Option]:
    return [option for option in options if 0 < len(option.text) <= _room(language)]


def _fluent(text: str, language: str) -> str:
    """Without remarks in brackets, hesitations, asides and words said twice."""
    text = BRACKETED.sub(" ", text)
    if language in HESITATIONS:
        text = HESITATIONS[language].sub("", text)
    return TWICE.sub(r"\1", ASIDE.sub("", text)).strip()


def _without_openers(text: str, language: str) -> str:
    """Without the words at its head that only connect it to what came before."""
    openers = OPENERS.get(language, frozenset())
    words = text.split()
    while words:
        lengths = [
            length
            for length in (3, 2, 1)
            if length < len(words)
            and " ".join(words[:length]).casefold().replace("’", "'").rstrip(",.;:!—–-") in openers
        ]
        if not lengths:
            break
        words = words[lengths[0] :]
    return " ".join(words).lstrip("-–—,;: ")


def _finished(text: str, loose: frozenset[str]) -> str:
    """With a capital, without quotation marks, stops and ``loose`` words at its end."""
    text = QUOTES.sub("", text).strip().rstrip(".,;:。，、；：।॥።۔،؛—–- ")
    head, _, tail = text.rpartition(" ")
    while head and tail.casefold().rstrip(",") in loose:
        text = head.rstrip(",;: ")
        head, _, tail = text.rpartition(" ")
    first = text.split(" ", 1)[0]
    return text if any(sign.isupper() for sign in first[1:]) else text[:1].upper() + text[1:]


def _cut(text: str, room: int) -> str:
    """The head of a text, whole words only, with a sign that it goes on."""
    if len(text) <= room:
        return text
    head = text[: room - 1]
    if " " in head:
        head = head.rpartition(" ")[0]
    return _finished(head, LOOSE_ENDS) + "…"


def _worth(option: _Option, language: str) -> float:
    """How well a title would do, about -3 to 3: its length, its terms, whether it stands alone."""
    title, tokens = option.text, tokens_of(option.text)
    fill = min(1.0, len(title) / (_room(language) * 0.6))
    worth = option.standing + 1.2 * fill + 0.15 * min(5, len(set(terms_of(title))))
    worth += 0.3 * title.endswith(QUESTION_MARKS)
    worth -= 0.8 * opens_on(tokens, "anaphor", language)
    worth -= 0.6 * title.endswith("…")
    worth -= 0.8 * (len(title) < (FEWEST_WIDE_SIGNS if language in UNSPACED else FEWEST_SIGNS))
    worth -= 1.0 * (option.standing < WHOLE and bool(tokens) and tokens[0] in HANGING)
    return worth - 0.3 * opens_on(tokens, "first person", language)
