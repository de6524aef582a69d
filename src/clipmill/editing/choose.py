"""Which moments of a talk become clips: the whole way from words to a ranked list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clipmill.editing.candidates import find_candidates
from clipmill.editing.edges import Stretch, span_of
from clipmill.editing.rank import pack, rank
from clipmill.editing.reasons import reasons_for
from clipmill.editing.repeats import Marks
from clipmill.editing.score import (
    SAID_SIGNALS,
    SHAPE_SIGNALS,
    Places,
    Weights,
    mean_over,
    positions,
    sentence_scores,
    stretches_of,
)
from clipmill.editing.sentences import join_words, split_sentences
from clipmill.editing.shape import USUAL_LENGTH, Talk, shapes, share_of, survey
from clipmill.editing.signals import SENTENCE_SIGNALS, Values, tokens_of
from clipmill.editing.titles import title_of
from clipmill.editing.topics import terms_of
from clipmill.model import Candidate, Moment, Sentence, Span, Transcript, Word

CLIPS_AN_HOUR = 12
FEWEST, MOST = 4, 20
"""Clips by default: never under four where there are four, as people with one to three do not come back."""
DOUBT = 20.0
"""Seconds: the mean over a short stretch is drawn towards nothing, as it is easily high by chance."""
MOST_FOREIGN = 0.25
"""Share of a moment's sentences that may be a sponsor's, a teaser's, or a loop."""
LOOP_WORDS, LOOP_VARIETY = 20, 0.25
"""So many words with so few different ones are a recogniser's loop, not talk."""
ESTIMATED = "word-times-estimated"
"""The warning of a transcript in which only lines had times."""
SPARE = 0.5
"""Seconds that such a moment stays below the longest: 95 % of its words are within 0.4 s."""
NEAR_MISSES = 2
"""Moments kept for each chosen one, so that a person can swap."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: clips of ``least`` to ``most`` seconds from a source of ``duration`` seconds.

    ``count`` is how many; None leaves it to the length of the source.
    """

    least: float
    most: float
    count: int | None
    duration: float

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.most:
            raise ValueError(
                f"clip lengths must run from a positive least to most, got {self.least}-{self.most}"
            )
        if self.count is not None and self.count < 1:
            raise ValueError(f"at least one clip must be wanted, got {self.count}")

    @property
    def clips(self) -> int:
        """How many clips to choose: as asked, else 12 an hour, at least 4, at most 20."""
        return self.count or min(MOST, max(FEWEST, round(CLIPS_AN_HOUR * self.duration / 3600)))


@dataclass(frozen=True, slots=True)
class Choice:
    """Ranked moments, best first: the chosen ones, then near misses. ``chosen`` are ids in rank order."""

    moments: tuple[Moment, ...]
    chosen: tuple[str, ...]


def choose(transcript: Transcript, *, wanted: Wanted, weights: Weights) -> Choice:
    """The best moments of ``transcript``, with titles and reasons; nothing where nothing was said.

    The score is the percentile among the best candidates from every place to start in this transcript.
    Moments that share more than a sentence with a better one, or say nearly the same, are left out, so
    there may be fewer than wanted. The same transcript always gives the same choice.
    """
    sentences = sentences_of(transcript, wanted)
    candidates = _candidates(transcript, sentences, wanted)
    if not candidates:
        return Choice((), ())
    talk = survey(transcript, sentences)
    raws = _raws(talk, candidates, wanted, weights)
    fit = np.flatnonzero(~_foreign(talk, candidates)).tolist() or [*range(len(candidates))]
    shares = _percentiles(candidates, raws)
    kept = [fit[place] for place in _pick(talk, [candidates[place] for place in fit], raws[fit], wanted)]
    moments: list[Moment] = []
    for place in kept:
        taken = frozenset(moment.title for moment in moments)
        title = _title(talk, candidates[place], weights, taken)
        scored = float(raws[place]), float(shares[place])
        moments.append(_moment(talk, candidates[place], scored, title, wanted))
    return Choice(tuple(moments), tuple(moment.id for moment in moments[: wanted.clips]))


def _candidates(
    transcript: Transcript, sentences: Sequence[Sentence], wanted: Wanted
) -> tuple[Candidate, ...]:
    """All stretches that could be a moment.

    They are a little shorter where a moment may turn out longer when its words are heard, if there are any.
    """
    spare = min(SPARE, wanted.most - wanted.least) if ESTIMATED in transcript.warnings else 0.0
    for most in dict.fromkeys((wanted.most - spare, wanted.most)):
        found = find_candidates(
            sentences, transcript.words, least=wanted.least, most=most, duration=wanted.duration
        )
        if found:
            return found
    return ()


def sentences_of(transcript: Transcript, wanted: Wanted) -> tuple[Sentence, ...]:
    """The sentences that moments are counted in."""
    longest = max(wanted.most - 1.0, wanted.most / 2)
    return split_sentences(transcript.words, language=transcript.language, longest=longest)


def cut_of(stretch: Stretch, sentences: Sequence[Sentence], words: Sequence[Word], wanted: Wanted) -> Span:
    """Where to cut a stretch of sentences."""
    limits = (wanted.least, wanted.most, max(wanted.duration, sentences[stretch.last].span.end))
    return span_of(stretch, sentences, words, limits=limits)


def score_spans(
    transcript: Transcript, spans: Sequence[Span], *, weights: Weights, use_position: bool = True
) -> tuple[float, ...]:
    """The scorer's own number for each of ``spans``, in their order; higher is better.

    Spans count by the sentences whose middle they hold. How long they are and where exactly they are cut
    does not count.
    """
    sentences = split_sentences(transcript.words, language=transcript.language)
    if not spans or not sentences:
        return tuple(0.0 for _ in spans)
    talk = survey(transcript, sentences)
    firsts, lasts = stretches_of(spans, sentences)
    scores = content_scores(talk, firsts, lasts, weights)
    scores = scores + _shape_scores(shapes(talk, firsts, lasts), SAID_SIGNALS, weights)
    if use_position:
        scores = scores + weights.position * positions(sentences, firsts)
    return tuple(float(score) for score in scores)


def content_scores(talk: Talk, firsts: Places, lasts: Places, weights: Weights) -> Values:
    """What is said between these sentences, weighed: the mean of the sentences' scores."""
    return mean_over(sentence_scores(talk.signals, weights), firsts, lasts)


def _shape_scores(shape: Mapping[str, Values], names: Sequence[str], weights: Weights) -> Values:
    """The named signals of whole stretches, weighed."""
    scores: Values = np.sum([weights.shape[name] * shape[name] for name in names], axis=0)
    return scores


def _raws(talk: Talk, candidates: Sequence[Candidate], wanted: Wanted, weights: Weights) -> Values:
    """The scorer's number of every candidate: what is said, how it is cut, how early it comes."""
    firsts = np.array([candidate.first for candidate in candidates], dtype=np.intp)
    lasts = np.array([candidate.last for candidate in candidates], dtype=np.intp)
    seconds = np.array([candidate.span.length for candidate in candidates])
    said = content_scores(talk, firsts, lasts, weights) * seconds / (seconds + DOUBT)
    raws: Values = said + weights.position * positions(talk.sentences, firsts)
    shape = shapes(talk, firsts, lasts, usual=_usual(wanted))
    raws += _shape_scores(shape, SHAPE_SIGNALS, weights)
    return raws


def _percentiles(candidates: Sequence[Candidate], raws: Values) -> Values:
    """Share (0 to 100) of the best candidates from every place to start, and itself, that score no higher."""
    firsts = np.array([candidate.first for candidate in candidates], dtype=np.intp)
    best = np.full(firsts.max() + 1, -np.inf)
    np.maximum.at(best, firsts, raws)
    rivals = np.sort(best[best > -np.inf])
    other = (raws < best[firsts]).astype(np.float64)
    below = np.searchsorted(rivals, raws, side="right") + other
    shares: Values = np.asarray(100 * below / (len(rivals) + other), dtype=np.float64).round(1)
    return shares


def _usual(wanted: Wanted) -> float:
    """The length to prefer: the usual one, less where the source is short for so many clips."""
    room = 0.8 * wanted.duration / wanted.clips
    return min(wanted.most, max(wanted.least, min(USUAL_LENGTH, room)))


def _foreign(talk: Talk, candidates: Sequence[Candidate]) -> Marks:
    """Which candidates are in good part a sponsor read, a teaser or a recogniser's loop, not talk."""
    firsts = np.array([candidate.first for candidate in candidates], dtype=np.intp)
    lasts = np.array([candidate.last for candidate in candidates], dtype=np.intp)
    shares = [share_of(marks, firsts, lasts) for marks in (talk.advert, talk.teaser, talk.loops)]
    foreign: Marks = np.max(shares, axis=0) > MOST_FOREIGN
    return foreign


def _is_loop(talk: Talk, candidate: Candidate) -> bool:
    """Whether it is the same words over and over, as recognisers write over music and noise."""
    tokens = tokens_of(_text(talk, candidate))
    return len(tokens) >= LOOP_WORDS and len(set(tokens)) < LOOP_VARIETY * len(tokens)


def _text(talk: Talk, candidate: Candidate) -> str:
    words = talk.transcript.words
    first, last = talk.sentences[candidate.first].first, talk.sentences[candidate.last].last
    return join_words(words[first : last + 1])


def _pick(talk: Talk, candidates: Sequence[Candidate], raws: Values, wanted: Wanted) -> list[int]:
    """Places of the candidates to keep, best first: the chosen and the near misses."""
    limit = wanted.clips * (1 + NEAR_MISSES)

    def terms(candidate: Candidate) -> frozenset[str]:
        return frozenset(terms_of(_text(talk, candidate)))

    def loops(candidate: Candidate) -> bool:
        return _is_loop(talk, candidate)

    kept = rank(candidates, raws.tolist(), limit=limit, terms_of=terms, refuses=loops)
    if len(kept) >= min(wanted.clips, len(candidates)):
        return kept
    packed = pack(candidates)
    rest = [candidates[place] for place in packed]
    chosen = rank(rest, raws[packed].tolist(), limit=limit, terms_of=terms, refuses=loops)
    return [packed[place] for place in chosen] if len(chosen) > len(kept) else kept


def _moment(
    talk: Talk, candidate: Candidate, scored: tuple[float, float], title: str, wanted: Wanted
) -> Moment:
    """``candidate`` with its cut, title and reasons; ``scored`` is its raw score and its percentile."""
    span = cut_of(candidate, talk.sentences, talk.transcript.words, wanted)
    raw, percentile = scored
    return Moment(
        id=f"m-{round(span.start * 1000)}-{round(span.end * 1000)}",
        first=candidate.first,
        last=candidate.last,
        span=span,
        score=percentile,
        raw=round(raw, 4),
        title=title,
        text=_text(talk, candidate),
        reasons=reasons_for(talk, candidate),
        signals=_signals(talk, candidate),
    )


def _title(talk: Talk, candidate: Candidate, weights: Weights, taken: frozenset[str]) -> str:
    """The best clause among the sentences of one candidate that no other moment is called by."""
    inside = slice(candidate.first, candidate.last + 1)
    scores = sentence_scores(talk.signals, weights)[inside]
    texts = [sentence.text for sentence in talk.sentences[inside]]
    return title_of(texts, scores.tolist(), language=talk.transcript.language, taken=taken)


def _signals(talk: Talk, candidate: Candidate) -> Mapping[str, float]:
    """The measured signals of one candidate, in deviations of this transcript."""
    ends = np.array([candidate.first]), np.array([candidate.last])
    means = mean_over(talk.signals.scaled, *ends)[0]
    return {name: round(float(value), 3) for name, value in zip(SENTENCE_SIGNALS, means, strict=True)}


def plain_moments(activity: Sequence[float], *, wanted: Wanted) -> Choice:
    """The liveliest stretches of a source without speech.

    ``activity`` is one number a second, 0 to 1. Moments have the usual length, never overlap, and are
    ranked by their mean activity; ``first`` and ``last`` are then seconds.
    """
    whole = min(wanted.duration, float(len(activity))) or wanted.duration
    if whole <= wanted.least:
        return _plain_choice([(0.0, wanted.duration)], activity, wanted)
    length = max(1, int(_usual(wanted)))
    windows = [
        (float(start), min(whole, float(start + length))) for start in range(max(1, int(whole) - length + 1))
    ]
    spans = [Candidate(int(start), int(end) - 1, Span(start, end)) for start, end in windows]
    means = [_activity(activity, span.span) for span in spans]
    kept = rank(spans, means, limit=wanted.clips * (1 + NEAR_MISSES), max_overlap=0.0)
    if len(kept) < wanted.clips:
        packed = pack(spans)
        kept = sorted(packed, key=lambda place: (-means[place], place)) if len(packed) > len(kept) else kept
    return _plain_choice([windows[place] for place in kept], activity, wanted)


def _activity(activity: Sequence[float], span: Span) -> float:
    inside = activity[int(span.start) : max(int(span.start) + 1, int(span.end))]
    return sum(inside) / len(inside) if inside else 0.0


def _plain_choice(
    windows: Sequence[tuple[float, float]], activity: Sequence[float], wanted: Wanted
) -> Choice:
    """Moments without words: titled by their time."""
    overall = sum(activity) / len(activity) if activity else 0.0
    moments = []
    for start, end in windows:
        raw = _activity(activity, Span(start, end))
        below = sum(value <= raw for value in activity)
        reasons = (
            "no speech was found",
            "livelier than the rest" if raw > overall else "a stretch of the picture",
        )
        moments.append(
            Moment(
                id=f"m-{round(start * 1000)}-{round(end * 1000)}",
                first=int(start),
                last=max(int(start), int(end) - 1),
                span=Span(start, end),
                score=round(100 * below / max(1, len(activity)), 1),
                raw=round(raw, 4),
                title=f"At {int(start) // 60}:{int(start) % 60:02d}",
                text="",
                reasons=reasons,
            )
        )
    return Choice(tuple(moments), tuple(moment.id for moment in moments[: wanted.clips]))
