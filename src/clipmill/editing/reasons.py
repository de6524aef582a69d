"""Why a moment was chosen, in words that a creator understands."""

from collections.abc import Mapping

import numpy as np

from clipmill.editing.lexicon import LEXICONS
from clipmill.editing.score import mean_over
from clipmill.editing.shape import AIR, Talk
from clipmill.editing.signals import INTERJECTION, SENTENCE_SIGNALS
from clipmill.model import Candidate

MOST_REASONS = 4
MORE = 0.2
"""Deviations above this transcript's mean from which on a moment has more of something."""

TOLD = {
    "you": (2, "speaks to the viewer"),
    "advice": (2, "gives advice"),
    "emotion": (2, "uses strong words"),
    "contrast": (2, "sets one thing against another"),
    "story": (1, "tells what happened"),
    "big": (4, "a theme that concerns many"),
    "names": (3, "names names"),
}
"""Kinds of phrases: how many a moment must hold to say so, and what to say."""

Reasons = list[tuple[float, str]]


def reasons_for(talk: Talk, candidate: Candidate) -> tuple[str, ...]:
    """Two to four things that are true of the moment, strongest first."""
    ends = np.array([candidate.first]), np.array([candidate.last])
    means = dict(zip(SENTENCE_SIGNALS, mean_over(talk.signals.scaled, *ends)[0].tolist(), strict=True))
    found = [*_told(talk, candidate, means), *_asked(talk, candidate), *_flow(talk, candidate, means)]
    found += _cuts(talk, candidate)
    ranked = [reason for _, reason in sorted(found, key=lambda pair: (-pair[0], pair[1]))]
    return tuple([*ranked[:MOST_REASONS], *_pace(talk, candidate)][: max(2, min(MOST_REASONS, len(ranked)))])


def _said(talk: Talk, candidate: Candidate, name: str) -> float:
    """How often something is said in the moment."""
    inside = slice(candidate.first, candidate.last + 1)
    return float((talk.signals.column(name) * talk.signals.counts)[inside].sum())


def _told(talk: Talk, candidate: Candidate, means: Mapping[str, float]) -> Reasons:
    """What the words are."""
    found = [
        (0.4 + means[name], reason)
        for name, (least, reason) in TOLD.items()
        if means[name] > MORE and _said(talk, candidate, name) >= least - 0.5
    ]
    if _said(talk, candidate, "digits") + _said(talk, candidate, "number") >= 0.9:
        found.append((0.5 + max(0.0, means["digits"], means["number"]), "has numbers"))
    return found


def _asked(talk: Talk, candidate: Candidate) -> Reasons:
    """Questions in it or right before it."""
    question = talk.signals.column("question")
    if question[candidate.first]:
        return [(1.2, "opens with a question")]
    if candidate.first and question[candidate.first - 1]:
        return [(0.8, "follows right after a question")]
    inside = question[candidate.first : candidate.last + 1]
    return [(0.5, "asks a question")] if inside.any() else []


def _flow(talk: Talk, candidate: Candidate, means: Mapping[str, float]) -> Reasons:
    """How it is told."""
    inside = slice(candidate.first, candidate.last + 1)
    speakers = {sentence.speaker for sentence in talk.sentences}
    one_voice = len({sentence.speaker for sentence in talk.sentences[inside]}) == 1
    found: Reasons = []
    if len(speakers) > 1 and one_voice:
        found.append((0.6 + means["guest"], "one voice throughout"))
    if (talk.signals.counts[inside] > INTERJECTION).all() and one_voice and candidate.last > candidate.first:
        found.append((0.3 + means["turn"], "an unbroken train of thought"))
    if means["central here"] > MORE:
        found.append((0.3 + means["central here"], "stays on one subject"))
    if means["words"] > 2 * MORE:
        found.append((means["words"] / 2, "speaks in full sentences"))
    if _has_lists(talk) and not _said(talk, candidate, "filler"):
        found.append((0.9, "no filler words"))
    elif _has_lists(talk) and means["filler"] < -MORE:
        found.append((0.2 - means["filler"], "few filler words"))
    return found


def _cuts(talk: Talk, candidate: Candidate) -> Reasons:
    """How it begins and ends, and whether the video's own teaser quotes it."""
    words = talk.transcript.words
    first, last = talk.sentences[candidate.first], talk.sentences[candidate.last]
    found: Reasons = []
    if talk.quoted[candidate.first : candidate.last + 1].mean() >= 0.25:
        found.append((3.0, "quoted in the video's own teaser"))
    if candidate.first == 0 and candidate.last == len(talk.sentences) - 1:
        found.append((0.2, "all that is said"))
    if _has_lists(talk) and not talk.signals.column("anaphor")[candidate.first]:
        found.append((0.35, "a clean opening"))
    if last.last + 1 < len(words) and words[last.last + 1].start - words[last.last].end >= AIR:
        found.append((0.3, "ends on a pause"))
    if {first.first - 1, last.last} <= talk.ends | {-1}:
        found.append((0.1, "starts and ends with a whole sentence"))
    return found


def _has_lists(talk: Talk) -> bool:
    return talk.transcript.language.split("-")[0].casefold() in LEXICONS


def _pace(talk: Talk, candidate: Candidate) -> tuple[str, str]:
    """What is true of anything, for moments of which nothing else is known."""
    one, other = talk.sentences[candidate.first], talk.sentences[candidate.last]
    count = other.last - one.first + 1
    pace = count / max(0.001, other.span.end - one.span.start)
    return f"{pace:.1f} words a second", "one word" if count == 1 else f"{count} words"
