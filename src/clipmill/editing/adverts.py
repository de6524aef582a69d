"""Which sentences belong to a sponsor read."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clipmill.editing.signals import Signals
from clipmill.model import Sentence

OPENING = re.compile(
    r"brought to you by|today['’]?s sponsor|our sponsors?\b|word from our|sponsored by"
    r"|gesponsert|patrocinad|sponsoris|sponsorizzat",
    re.IGNORECASE,
)
ADDRESS = re.compile(
    r"\b[\w-]+\.(?:com|io|co|ai|org|dev|app|net|so|fm)\b|\bdot com\b|\bpromo code\b", re.IGNORECASE
)
CALL = re.compile(
    r"\b(?:visit|go to|going to|head (?:on )?(?:over )?to|check (?:it|them) out|check out|sign up|learn more"
    r"|get started|try|off|free|promo code|discount|demo)\b",
    re.IGNORECASE,
)
"""What sponsors ask for, in the same breath as an address."""
LONGEST = 120.0
"""Seconds that a sponsor read lasts at most; they are sold as 30, 60 or 90 s."""
SHORTEST = 30.0
"""Seconds that it lasts at least: before a call to go to an address, or after an opening."""
REACH = 4
"""Sentences on each side in which sponsors' phrases add up."""
ENOUGH = 3
"""Sponsors' phrases within reach that make a sponsor read without an opening."""

Marks = NDArray[np.bool_]


def find_adverts(sentences: Sequence[Sentence], signals: Signals) -> Marks:
    """Which sentences are a sponsor's: from "brought to you by" to the last address soon after it.

    A call to go to an address makes the half minute before it a sponsor's, and so do several phrases close
    together that only sponsors use.
    """
    said = np.rint(signals.column("sponsor") * signals.counts)
    around = np.convolve(said, np.ones(2 * REACH + 1))[REACH : REACH + len(said)]
    marks: Marks = around >= ENOUGH
    called = [_is_call(sentence.text) for sentence in sentences]
    for place, sentence in enumerate(sentences):
        if OPENING.search(sentence.text):
            marks[place : _end(sentences, called, place) + 1] = True
        if called[place]:
            marks[_start(sentences, place) : place + 1] = True
    return marks


def _is_call(text: str) -> bool:
    """Whether a sentence sends the listener to an address."""
    return bool(ADDRESS.search(text) and CALL.search(text))


def _end(sentences: Sequence[Sentence], called: Sequence[bool], opening: int) -> int:
    """The last sentence of the sponsor read that opens here."""
    start = sentences[opening].span.start
    last = opening
    for place in range(opening, len(sentences)):
        elapsed = sentences[place].span.end - start
        if elapsed > LONGEST:
            break
        if elapsed <= SHORTEST or called[place] or ADDRESS.search(sentences[place].text):
            last = place
    return last


def _start(sentences: Sequence[Sentence], call: int) -> int:
    """The first sentence of the least that must lie before a call."""
    first = call
    while first > 0 and sentences[call].span.start - sentences[first - 1].span.start <= SHORTEST:
        first -= 1
    return first
