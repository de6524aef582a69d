"""Where a line of text may end so that it reads well."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from clipmill.editing.typefaces import PhraseModel

_SENTENCE_END = re.compile(r"[.!?…。！？؟।][\"'”’»)\]]*$")
_CLAUSE_END = re.compile(r"([,;:—–、，；：،؛][\"'”’»)\]]*|--)$")

NEVER = 40.0
"""The cost of a break that is never wanted: after an article."""

# Costs of ending a line at a place, in the unit of a squared distance to the wanted length. Fitted on the
# lines of professional captioners of 150 talks (bench/captions.py measures them).
_PLAIN = 2.0
_AFTER_SENTENCE = -6.0
_AFTER_CLAUSE = -2.0
_BEFORE_CONJUNCTION = -0.5
_BEFORE_PREPOSITION = 1.5
_AFTER_PREPOSITION = 2.0
_AFTER_CONJUNCTION = 4.0
_AFTER_AUXILIARY = 5.0
_AFTER_COUNT = 3.0
_INSIDE_NAME = 1.0


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class _Grammar:
    """The small words of a language that belong to what follows them."""

    articles: frozenset[str]
    prepositions: frozenset[str]
    conjunctions: frozenset[str]
    auxiliaries: frozenset[str] = frozenset()
    counts: frozenset[str] = frozenset()


_GRAMMARS: Mapping[str, _Grammar] = {
    "en": _Grammar(
        _words("a an the my your his her its our their this that these those no every each some any another"),
        _words(
            "of in on at to for with from by about into through over under between after before during"
            " without within against among around as like than"
        ),
        _words("and but or so because if when while that which who where although though then until since"),
        _words(
            "is are was were be been being am do does did have has had will would can could should may"
            " might must don't doesn't didn't can't won't i'm you're we're they're it's i you he she it we"
            " they not very"
        ),
        _words(
            "first second third last next other same own many few several two three four five six seven eight"
            " nine ten hundred thousand million billion whole new good great big best more most"
        ),
    ),
    "de": _Grammar(
        _words(
            "der die das den dem des ein eine einen einem einer eines mein meine dein deine sein seine ihr"
            " ihre unser unsere kein keine keinen diese dieser dieses diesen jede jeder jedes"
        ),
        _words(
            "in im an am auf aus bei mit nach von vom zu zum zur für durch gegen ohne um über unter vor"
            " hinter zwischen neben seit bis"
        ),
        _words("und oder aber denn sondern weil dass wenn als ob obwohl damit während wo wie"),
        _words("ich du er sie es wir ihr nicht sehr bin bist ist sind war waren habe hat haben wird werden"),
    ),
    "fr": _Grammar(
        _words(
            "le la les un une des du mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cet"
            " cette ces chaque aucun aucune"
        ),
        _words("de à en dans par pour sur sous avec sans chez vers entre contre depuis pendant avant après"),
        _words("et ou mais donc or ni car que quand si parce comme lorsque puisque qui où"),
        _words("je tu il elle on nous vous ils elles ne pas très est sont était a ont suis es avez avons"),
    ),
    "es": _Grammar(
        _words(
            "el la los las un una unos unas mi mis tu tus su sus nuestro nuestra este esta estos estas ese"
            " esa esos esas cada ningún ninguna del al"
        ),
        _words("de a en con por para sobre sin desde hasta entre contra según durante tras ante bajo"),
        _words("y e o u pero que porque si cuando como aunque donde mientras pues sino"),
        _words("yo tú él ella nosotros ellos no muy es son era ha han hay he está están se me te lo le"),
    ),
    "pt": _Grammar(
        _words(
            "o a os as um uma uns umas meu minha seu sua nosso nossa este esta esse essa cada nenhum do da"
            " dos das no na nos nas ao"
        ),
        _words("de em com por para sobre sem desde até entre contra segundo durante após ante sob"),
        _words("e ou mas que porque se quando como embora onde enquanto pois"),
        _words("eu tu ele ela nós eles não muito é são era foi tem têm há está estão me te lhe"),
    ),
    "it": _Grammar(
        _words(
            "il lo la i gli le un uno una mio mia tuo tua suo sua nostro nostra questo questa questi queste"
            " ogni nessun nessuna del della dei delle al alla nel nella"
        ),
        _words("di a da in con su per tra fra senza verso contro durante dopo prima sotto sopra"),
        _words("e o ma che perché se quando come dove mentre anche"),
        _words("io tu lui lei noi voi loro non molto è sono era ha hanno ho hai si mi ti ci"),
    ),
    "nl": _Grammar(
        _words("de het een mijn jouw zijn haar ons onze hun dit dat deze die geen elke ieder"),
        _words("in op aan bij met naar van voor door tegen zonder om over onder tussen na uit tot"),
        _words("en of maar want omdat dat als wanneer terwijl hoewel waar"),
        _words("ik jij hij zij wij jullie niet heel is zijn was waren heb heeft hebben wordt"),
    ),
}
_NO_GRAMMAR = _Grammar(frozenset(), frozenset(), frozenset())
_WORD = re.compile(r"[^\w']+")


def ends_sentence(word: str) -> bool:
    """Whether the punctuation of ``word`` ends a sentence."""
    return bool(_SENTENCE_END.search(word))


def ends_clause(word: str) -> bool:
    """Whether the punctuation of ``word`` ends a part of a sentence, but not the sentence."""
    return bool(_CLAUSE_END.search(word))


def break_cost(before: str, after: str, *, language: str) -> float:
    """How bad a break between two words is; below zero where a break is wanted.

    Rules of the Netflix timed text guides: after punctuation, before conjunctions and prepositions;
    never between an article, a preposition, a pronoun or an auxiliary and what it belongs to.
    """
    grammar = _GRAMMARS.get(language[:2].lower(), _NO_GRAMMAR)
    left, right = _bare(before), _bare(after)
    if ends_sentence(before):
        return _AFTER_SENTENCE
    if ends_clause(before):
        return _AFTER_CLAUSE
    if left in grammar.articles and not _joins(left, right, grammar):
        return NEVER
    cost = _before(right, grammar)
    if left in grammar.prepositions:
        cost += _AFTER_PREPOSITION
    elif left in grammar.conjunctions:
        cost += _AFTER_CONJUNCTION
    elif left in grammar.auxiliaries:
        cost += _AFTER_AUXILIARY
    elif _counts(left, grammar) and not _counts(right, grammar):
        cost += _AFTER_COUNT
    return cost + (_INSIDE_NAME if before[:1].isupper() and after[:1].isupper() and len(left) > 1 else 0.0)


def _joins(left: str, right: str, grammar: _Grammar) -> bool:
    """Whether a word that could be an article is a conjunction here: "that" before "the" or "we"."""
    return left in grammar.conjunctions and (right in grammar.articles or right in grammar.auxiliaries)


def break_lines(
    widths: Sequence[float], costs: Sequence[float], *, room: float, target: float, space: float
) -> tuple[int, ...]:
    """Where lines begin: the positions of the first words of all lines but the first.

    ``widths`` are those of the words, ``costs[i]`` that of a break between word i and i + 1, ``space``
    the width between two words, all in one unit. No line is wider than ``room`` unless it is one word.
    A dynamic programme finds the least sum of costs and squared distances to ``target``.
    """
    count = len(widths)
    unit = target * _TOLERANCE
    best = [0.0] + [float("inf")] * count
    origin = [0] * (count + 1)
    for end in range(1, count + 1):
        width = -space
        for begin in range(end - 1, -1, -1):
            width += widths[begin] + space
            if width > room and begin < end - 1:
                break
            cost = best[begin] + ((width - target) / unit) ** 2 + (costs[end - 1] if end < count else 0.0)
            if cost < best[end]:
                best[end], origin[end] = cost, begin
    return _walk(origin, count)


# A line that is longer or shorter than wanted by this share costs 1: with 30 characters wanted, 11.
_TOLERANCE = 0.37


def phrases(text: str, model: PhraseModel) -> tuple[str, ...]:
    """Text without spaces cut into phrases that should not be broken (the method of BudouX).

    A line ends between two characters where the sum of the model's weights for the characters around
    is above half of all weights.
    """
    base = -0.5 * sum(sum(weights.values()) for weights in model.values())
    cuts = [0] + [i for i in range(1, len(text)) if base + _evidence(text, i, model) > 0] + [len(text)]
    return tuple(text[a:b] for a, b in pairwise(cuts) if a < b)


# The characters that each feature of a BudouX model looks at, from and to, relative to the place.
_FEATURES = {
    "UW1": (-3, -2),
    "UW2": (-2, -1),
    "UW3": (-1, 0),
    "UW4": (0, 1),
    "UW5": (1, 2),
    "UW6": (2, 3),
    "BW1": (-2, 0),
    "BW2": (-1, 1),
    "BW3": (0, 2),
    "TW1": (-3, 0),
    "TW2": (-2, 1),
    "TW3": (-1, 2),
    "TW4": (0, 3),
}


def _evidence(text: str, place: int, model: PhraseModel) -> int:
    total = 0
    for name, (first, last) in _FEATURES.items():
        if place + first >= 0 and place + last <= len(text):
            total += model.get(name, {}).get(text[place + first : place + last], 0)
    return total


def _walk(origin: Sequence[int], count: int) -> tuple[int, ...]:
    breaks = []
    place = origin[count]
    while place > 0:
        breaks.append(place)
        place = origin[place]
    return tuple(reversed(breaks))


def _counts(word: str, grammar: _Grammar) -> bool:
    return word in grammar.counts or word.isdigit()


def _bare(word: str) -> str:
    return _WORD.sub("", word.lower().replace("’", "'"))


def _before(word: str, grammar: _Grammar) -> float:
    if word in grammar.conjunctions:
        return _BEFORE_CONJUNCTION
    return _BEFORE_PREPOSITION if word in grammar.prepositions else _PLAIN
