"""What can be measured about a whole candidate: how it opens, how it ends, how long it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from clipmill.editing.adverts import find_adverts
from clipmill.editing.repeats import Marks, find_loops, find_teaser
from clipmill.editing.score import Places
from clipmill.editing.sentences import sentence_ends
from clipmill.editing.signals import Signals, Values, measure
from clipmill.model import Sentence, Transcript

USUAL_LENGTH = 36.0
"""Seconds; the median of 2,243 clips that creators kept (Repurpose-10K)."""
LENGTH_SPREAD = 0.55
"""Deviation of the logarithm of those lengths: 5 % lie below 17 s, 5 % above 76 s."""
AIR = 0.5
"""Seconds of pause after an ending that let it sound like one."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A transcript as sentences, with all that was measured about them (one row a sentence).

    ``ends`` are the words after which a sentence really ends.
    """

    transcript: Transcript
    sentences: tuple[Sentence, ...]
    signals: Signals
    advert: Marks
    teaser: Marks
    quoted: Marks
    loops: Marks
    ends: frozenset[int]


def survey(transcript: Transcript, sentences: tuple[Sentence, ...]) -> Talk:
    """Measure everything about the sentences once."""
    signals = measure(transcript, sentences)
    teaser, quoted = find_teaser(sentences)
    ends = frozenset(sentence_ends(transcript.words, language=transcript.language))
    return Talk(
        transcript,
        sentences,
        signals,
        find_adverts(sentences, signals),
        teaser,
        quoted,
        find_loops(sentences),
        ends,
    )


def shapes(talk: Talk, firsts: Places, lasts: Places, *, usual: float = USUAL_LENGTH) -> Mapping[str, Values]:
    """One value for each of ``SHAPE_SIGNALS`` and each stretch of sentences first to last.

    ``length`` is the squared distance from the ``usual`` length in deviations, at most 4; the others are
    0 or 1, or the share of the stretch's sentences.
    """
    question = talk.signals.column("question")
    anaphor = talk.signals.column("anaphor")
    starts = np.array([sentence.span.start for sentence in talk.sentences])
    ends = np.array([sentence.span.end for sentence in talk.sentences])
    air = np.append(starts[1:] - ends[:-1], AIR)
    far = np.log(np.maximum(0.1, ends[lasts] - starts[firsts]) / usual) / LENGTH_SPREAD
    return {
        "opens on a question": question[firsts],
        "opens on an anaphor": anaphor[firsts],
        "ends on a question": question[lasts],
        "ends before a pause": np.clip(air[lasts] / AIR, 0.0, 1.0),
        "starts a turn": _turn_starts(talk)[firsts],
        "length": np.minimum(far**2, 4.0),
        "sponsor read": share_of(talk.advert, firsts, lasts),
        "teaser": share_of(talk.teaser, firsts, lasts),
        "quoted in the teaser": share_of(talk.quoted, firsts, lasts),
    }


def _turn_starts(talk: Talk) -> Values:
    speakers = [sentence.speaker for sentence in talk.sentences]
    return np.array([0.0, *(float(one != other) for one, other in pairwise(speakers))])


def share_of(marks: Marks, firsts: Places, lasts: Places) -> Values:
    """Share of the sentences first to last that are marked."""
    sums = np.concatenate([[0], np.cumsum(marks)])
    shares: Values = (sums[lasts + 1] - sums[firsts]) / (lasts - firsts + 1)
    return shares
