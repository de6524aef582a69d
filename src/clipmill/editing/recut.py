"""Moments cut anew when the times of their words are known better."""

from collections.abc import Sequence
from dataclasses import replace

from clipmill.editing.choose import Choice, Wanted, cut_of, sentences_of
from clipmill.model import Sentence, Span, Transcript, Word


def recut(choice: Choice, transcript: Transcript, words: Sequence[Word], *, wanted: Wanted) -> Choice:
    """The same moments cut by better times of their words; ``choice`` was made from ``transcript``.

    ``words`` are those of the transcript, in the same order. Moments keep their sentences and their ids.
    """
    sentences = tuple(
        replace(sentence, span=_span_in(sentence, words)) for sentence in sentences_of(transcript, wanted)
    )
    moments = tuple(
        replace(moment, span=cut_of(moment, sentences, words, wanted)) if moment.text else moment
        for moment in choice.moments
    )
    return Choice(moments, choice.chosen)


def speech_of(choice: Choice, transcript: Transcript, *, wanted: Wanted) -> tuple[Span, ...]:
    """From the first to the last word of each chosen moment, in the order of rank."""
    sentences = sentences_of(transcript, wanted)
    by_id = {moment.id: moment for moment in choice.moments}
    chosen = (by_id[name] for name in choice.chosen)
    return tuple(
        Span(sentences[one.first].span.start, sentences[one.last].span.end) for one in chosen if one.text
    )


def _span_in(sentence: Sentence, words: Sequence[Word]) -> Span:
    start = words[sentence.first].start
    return Span(start, max(start + 0.001, max(one.end for one in words[sentence.first : sentence.last + 1])))
