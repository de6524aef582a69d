"""Words into sentences, by punctuation, change of speaker and pauses."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from clipmill.editing.text import joined
from clipmill.model import Sentence, Span, Word

PAUSE = 0.5
"""Seconds of silence that end a sentence where the words carry no punctuation."""
UNFINISHED_PAUSE = 1.2
"""The same after a word that hardly ever ends one: speakers search for what comes after ``and``."""
LOST_PAUSE = 2.0
"""Seconds of silence that end a sentence even where punctuation does not say so."""
MOST_WORDS = 30
"""A sentence with more words is split at its best pause; 95 % of spoken sentences are shorter."""
PUNCTUATED = 1 / 60
"""Marks a word from which on the punctuation is believed; interviews have 1 in 15, bare captions none."""

INITIAL_GAP = 0.3
"""Seconds after an initial by which the name goes on."""


def _words(text: str) -> frozenset[str]:
    """Words divided by spaces."""
    return frozenset(text.split())


TERMINALS = frozenset(".?!…。？！｡؟۔।॥።፧")
HARD_TERMINALS = TERMINALS - frozenset(".…")
MIDDLES = frozenset(",;:،؛、，；：—–")
CLOSERS = "\"'”’»›)]}」』）】"
UNSPACED = _words("zh ja yue th lo my km bo")
TITLES = _words(
    """dr mr mrs ms mx prof sr jr st gen col lt sgt capt rev hon sen rep gov pres pp vs ca bzw approx
    dra sra srta mme mlle hr fr z.b d.h u.a e.g i.e cf"""
)
"""Shortenings after which a sentence goes on."""
BEFORE_NUMBERS = _words("no nr vol fig art abb nº")
"""Shortenings after which a sentence goes on with a number."""
SHORTENINGS = _words("etc inc ltd co corp dept a.m p.m u.s u.k ph.d d.c usw")
"""Shortenings after which a sentence may end: the next word's capital decides."""
UNFINISHED = _words(
    """a an the and or but of to in on at for with from by my your our their because if as than into um uh
    el la los las un una y o de del que con por para der die das ein eine und oder mit von zu im le les des
    et ou du à dans pour avec"""
)
"""Words after which a sentence goes on, in a few languages; one that is another's last word costs an edge."""
ORDINALS = _words("de da nb nn no fi et lv cs sk pl hu hr sl sr is tr")
"""Languages that write a stop after an ordinal number."""


@dataclass(frozen=True, slots=True)
class _Style:
    """How a transcript is written: with capitals, with stops after ordinal numbers."""

    cased: bool
    ordinals: bool


def split_sentences(words: Sequence[Word], *, language: str, longest: float = inf) -> tuple[Sentence, ...]:
    """The sentences of ``words`` in order; every word is in exactly one of them.

    Ends are marks of Latin, Arabic, Devanagari, Ethiopic, Chinese and Japanese writing (not those of
    shortenings or decimals), a change of speaker, a pause of 0.5 s where there is no punctuation (1.2 s
    after ``and`` and its like), and 2 s anywhere. A sentence of more than about 30 words, or of more than
    ``longest`` seconds, is split at its best pause.
    """
    if not words:
        return ()
    ends = sentence_ends(words, language=language)
    firsts = [0, *(place + 1 for place in ends[:-1])]
    parts = [part for pair in zip(firsts, ends, strict=True) for part in _split(words, pair, longest)]
    return tuple(_sentence(words, first, last) for first, last in parts)


def sentence_ends(words: Sequence[Word], *, language: str = "") -> list[int]:
    """Places of the words that end a sentence, the last word always among them."""
    punctuated = is_punctuated(words)
    style = _Style(_is_cased(words), language in ORDINALS)
    ends = [
        place
        for place, (word, after) in enumerate(pairwise(words))
        if after.speaker != word.speaker
        or after.start - word.end >= (LOST_PAUSE if punctuated else _pause_after(word))
        or _closes(word, after, style)
    ]
    return [*ends, len(words) - 1]


def _pause_after(word: Word) -> float:
    """Seconds of silence after ``word`` that end a sentence where there is no punctuation."""
    return UNFINISHED_PAUSE if word.text.strip().casefold() in UNFINISHED else PAUSE


def is_punctuated(words: Sequence[Word]) -> bool:
    """Whether the words carry enough marks at sentence ends to be believed."""
    marks = sum(1 for word in words if _mark(word.text))
    return marks > 0 and marks >= PUNCTUATED * len(words)


def join_words(words: Sequence[Word]) -> str:
    """The words as running text, with spaces where their writing has them."""
    return joined(word.text.strip() for word in words)


def _mark(text: str) -> str:
    """The mark at the end of a word that can end a sentence, or nothing."""
    bare = text.strip().rstrip(CLOSERS)
    return bare[-1] if bare and bare[-1] in TERMINALS else ""


def _is_cased(words: Sequence[Word]) -> bool:
    """Whether sentences start with capitals here."""
    return sum(word.text.strip()[:1].isupper() for word in words) >= 0.03 * len(words)


def _closes(word: Word, after: Word, style: _Style) -> bool:
    """Whether the mark of ``word`` ends a sentence, given the word after it."""
    mark = _mark(word.text)
    if not mark:
        return False
    following = after.text.strip().lstrip("\"'“‘«¿¡([")
    if style.cased and following[:1].islower():
        return False
    if mark in HARD_TERMINALS:
        return True
    bare = word.text.strip().rstrip(CLOSERS).lstrip("\"'“‘«([").rstrip(".…").casefold()
    number = following[:1].isdigit()
    if bare in TITLES or (bare in BEFORE_NUMBERS and number) or _is_initial(bare, after.start - word.end):
        return False
    if bare.isdigit() and (number or (style.ordinals and len(bare) <= 2)):
        return False
    return bare not in SHORTENINGS or not style.cased or following[:1].isupper()


def _is_initial(bare: str, gap: float) -> bool:
    """Whether a letter with a stop is a name's ("John F. Kennedy"), not an ending ("plan B.")."""
    return len(bare) == 1 and bare.isalpha() and bare != "i" and gap < INITIAL_GAP


def _split(words: Sequence[Word], pair: tuple[int, int], longest: float) -> list[tuple[int, int]]:
    """``pair`` (first and last word), cut at its best pauses until no part is too long."""
    waiting, done = [pair], []
    while waiting:
        first, last = waiting.pop()
        count, seconds = last - first + 1, words[last].end - words[first].start
        if count < 2 or (count <= MOST_WORDS * 1.3 and seconds <= longest):
            done.append((first, last))
            continue
        cut = _best_break(words, first, last)
        waiting += [(cut + 1, last), (first, cut)]
    return done


def _best_break(words: Sequence[Word], first: int, last: int) -> int:
    """The place after which to cut: a long gap or a comma, rather near the middle."""
    middle, half = (first + last - 1) / 2, max(1.0, (last - first) / 2)

    def worth(place: int) -> float:
        gap = min(1.0, max(0.0, words[place + 1].start - words[place].end))
        comma = words[place].text.strip()[-1:] in MIDDLES
        return 2 * gap + 0.5 * comma - 0.6 * (abs(place - middle) / half) ** 2

    return max(range(first, last), key=worth)


def _sentence(words: Sequence[Word], first: int, last: int) -> Sentence:
    inside = words[first : last + 1]
    start = max(0.0, inside[0].start)
    end = max(start + 0.001, max(word.end for word in inside))
    return Sentence(first, last, Span(start, end), join_words(inside), inside[0].speaker)
