"""What can be measured about each sentence of a transcript and each stretch of them."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from clipmill.editing.lexicon import KINDS, LEXICONS
from clipmill.editing.topics import NEIGHBOURS, Topics
from clipmill.model import Sentence, Transcript

Values = NDArray[np.float64]

QUESTION_MARKS = ("?", "？", "؟")
LONGEST_PHRASE = 4
TOKEN = re.compile(r"[\w'’\-]+")
NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,}")
CALM = 3.0
"""Standard deviations beyond which a value counts no more: one odd sentence must not decide."""
INTERJECTION = 3
"""Words up to which a sentence is rather an interjection than a thought."""

PLAIN = (
    "words",
    "question",
    "digits",
    "names",
    "variety",
    "turn",
    "guest",
    "central",
    "central here",
    "rare",
)
SENTENCE_SIGNALS = (*PLAIN, *KINDS)
"""Names of the columns of ``Signals.values``: ten without word lists, then the kinds of phrases."""


@dataclass(frozen=True, slots=True)
class Signals:
    """The measured values: one row a sentence, one column for each of ``SENTENCE_SIGNALS``.

    ``values`` are as measured (logarithms of counts, shares of words, 0 or 1), ``scaled`` the same with
    mean 0 and deviation 1 within this transcript, cut off at 3. ``counts`` are the sentences' words.
    """

    values: Values
    scaled: Values
    counts: Values

    def column(self, name: str) -> Values:
        """One signal of all sentences, as measured."""
        column: Values = self.values[:, SENTENCE_SIGNALS.index(name)]
        return column


def measure(transcript: Transcript, sentences: Sequence[Sentence]) -> Signals:
    """The signals of all sentences."""
    topics = Topics([sentence.text for sentence in sentences])
    language = transcript.language.split("-")[0].casefold()
    columns: dict[str, Values] = {name: np.zeros(len(sentences)) for name in SENTENCE_SIGNALS}
    counts = np.array([sentence.last - sentence.first + 1 for sentence in sentences], dtype=np.float64)
    columns["words"] = np.log(counts)
    columns["central"] = topics.centrality()
    columns["central here"] = topics.centrality(NEIGHBOURS)
    columns["rare"] = topics.rarity()
    for place, sentence in enumerate(sentences):
        for name, value in _said(sentence.text, language).items():
            columns[name][place] = value
    columns["turn"], columns["guest"] = _turns(sentences, columns["question"], counts)
    values = np.stack([columns[name] for name in SENTENCE_SIGNALS], axis=1)
    return Signals(values, _scaled(values), counts)


def tokens_of(text: str) -> list[str]:
    """Lower-case words of a text, as the phrases of the lexicon are written."""
    return TOKEN.findall(text.casefold().replace("’", "'"))


def _said(text: str, language: str) -> dict[str, float]:
    """What the words of one sentence tell: shares of its words, 0 or 1 for a question."""
    tokens = tokens_of(text)
    size = max(1, len(tokens))
    counts = count_phrases(tokens, language)
    measured = {kind: counts[kind] / size for kind in KINDS}
    measured["anaphor"] = float(opens_on(tokens, "anaphor", language))
    measured["question"] = float(any(mark in text for mark in QUESTION_MARKS))
    measured["digits"] = sum(any(sign.isdigit() for sign in token) for token in tokens) / size
    measured["names"] = len(NAME.findall(text)) / size
    measured["variety"] = len(set(tokens)) / size
    return measured


def count_phrases(tokens: Sequence[str], language: str) -> Counter[str]:
    """How often each kind of phrase occurs."""
    phrases = _by_phrase(language)
    counts: Counter[str] = Counter()
    for place in range(len(tokens)):
        for length in range(1, min(LONGEST_PHRASE, len(tokens) - place) + 1):
            phrase = tokens[place] if length == 1 else " ".join(tokens[place : place + length])
            counts.update(phrases.get(phrase, ()))
    return counts


def opens_on(tokens: Sequence[str], kind: str, language: str) -> bool:
    """Whether the first one or two words are a phrase of this kind."""
    phrases = LEXICONS.get(language, {}).get(kind, frozenset())
    return bool(tokens) and (tokens[0] in phrases or " ".join(tokens[:2]) in phrases)


@cache
def _by_phrase(language: str) -> Mapping[str, tuple[str, ...]]:
    kinds: dict[str, list[str]] = {}
    for kind, phrases in LEXICONS.get(language, {}).items():
        for phrase in phrases:
            kinds.setdefault(phrase, []).append(kind)
    return {phrase: tuple(names) for phrase, names in kinds.items()}


def _turns(sentences: Sequence[Sentence], questions: Values, counts: Values) -> tuple[Values, Values]:
    """Logarithm of the words of each sentence's turn; 1 where the one who speaks most speaks.

    Where fewer than two speakers are known, turns are guessed and nobody speaks most.
    """
    spoken: Counter[str] = Counter()
    for sentence, count in zip(sentences, counts, strict=True):
        spoken[sentence.speaker] += int(count)
    if len(spoken) < 2:
        return _turn_lengths(_guessed_changes(questions, counts), counts), np.zeros(len(counts))
    most = min(spoken, key=lambda name: (-spoken[name], name))
    changes = [one.speaker != other.speaker for one, other in pairwise(sentences)]
    guest = np.array([float(sentence.speaker == most) for sentence in sentences])
    return _turn_lengths(np.array(changes, dtype=np.bool_), counts), guest


def _guessed_changes(questions: Values, counts: Values) -> NDArray[np.bool_]:
    """Where the speaker may change: after a question, before and after an interjection."""
    short = counts <= INTERJECTION
    changes: NDArray[np.bool_] = (questions[:-1] > 0) | short[:-1] | short[1:]
    return changes


def _turn_lengths(changes: NDArray[np.bool_], counts: Values) -> Values:
    turn = np.concatenate([[0], np.cumsum(changes)]).astype(np.intp)
    lengths: Values = np.log(np.bincount(turn, weights=counts))[turn]
    return lengths


def _scaled(values: Values) -> Values:
    """Columns with mean 0 and deviation 1, cut off at 3 deviations; a column without variety is 0."""
    spread = values.std(axis=0)
    scaled: Values = (values - values.mean(axis=0)) / np.where(spread > 1e-9, spread, math.inf)
    return np.clip(scaled, -CALM, CALM)
