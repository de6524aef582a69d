"""Words into short caption lines with times."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

from clipmill.editing.keywords import find_keywords
from clipmill.editing.linebreaks import (
    NEVER,
    break_cost,
    break_lines,
    ends_clause,
    ends_sentence,
    phrases,
)
from clipmill.editing.styles import Style
from clipmill.editing.text import cleaned, clusters, joined, shortened, unspaced
from clipmill.editing.typefaces import FontMetrics
from clipmill.editing.typesetting import SMALLEST, shown, space_width, text_room, text_width
from clipmill.model import Canvas, Cue, SafeArea, Span, Word

LEAD = 0.06
"""Seconds by which a word shows before it is heard: on whole frames that makes it 20 to 70 ms early."""

HOLD = 0.4
"""Gaps up to so many seconds are bridged: the last word stays until the next begins."""

SHORTEST = 0.5
"""No cue is shown for less, where the clip has room (half of the 5/6 s of subtitles: words are few)."""

# A silence of so many seconds always ends a cue, as does another speaker.
_SILENCE = 0.7
# After the last word before a silence a cue stays for so long.
_LINGER = 0.3
# A word needs at least so long to be a word at all; recognisers give some of them no length.
_BLINK = 0.02

# Costs of a cue, in the unit of ``break_cost``; set by reading the cues of real talks.
_SENTENCE_INSIDE = 9.0
_CLAUSE_INSIDE = 2.5
_PAUSE_INSIDE = 4.0
_TOO_SHORT = 24.0
_SET_SMALLER = 6.0
_PAUSE = 0.3


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What a cue may hold: ``room`` is the width of a line and ``space`` that of a space, in em."""

    style: Style
    measure: FontMetrics
    room: float
    space: float

    def width(self, word: Word) -> float:
        text = shown(word.text, style=self.style, measure=self.measure)
        return text_width(text, style=self.style, measure=self.measure)


@dataclass(frozen=True, slots=True)
class _Talk:
    """The words with their widths in em, and the cost of a break after each."""

    words: tuple[Word, ...]
    widths: tuple[float, ...]
    costs: tuple[float, ...]


def make_cues(
    words: Sequence[Word],
    *,
    style: Style,
    measure: FontMetrics,
    canvas: Canvas,
    safe: SafeArea,
    clip_length: float,
) -> tuple[Cue, ...]:
    """The captions of one clip.

    ``words`` have times in seconds of the clip, which is ``clip_length`` long. Cues follow each other
    without overlap inside the clip; each has at most the style's words and lines, and stays for half a
    second where there is room.
    """
    sheet = _Sheet(style, measure, text_room(style, canvas, safe), space_width(style, measure))
    spoken = tuple(_spoken(words, sheet, clip_length))
    if not spoken:
        return ()
    costs = tuple(break_cost(a.text, b.text, language=measure.language) for a, b in pairwise(spoken))
    talk = _Talk(spoken, tuple(sheet.width(word) for word in spoken), (*costs, 0.0))
    groups = _groups(talk, sheet)
    stressed = find_keywords([word.text for word in spoken])
    spans = _spans([talk.words[first:last] for first, last in groups], clip_length)
    return tuple(
        _cue(talk, group, span, sheet, stressed)
        for group, span in zip(groups, spans, strict=True)
        if span is not None
    )


def _spoken(words: Iterable[Word], sheet: _Sheet, clip_length: float) -> Iterator[Word]:
    """The words that can be shown, cleaned, in order, inside the clip, in pieces that fit a line."""
    reached = 0.0
    for word in _phrased(_cleaned(words), sheet.measure):
        start = min(max(word.start, reached, 0.0), clip_length)
        end = min(max(word.end, start + _BLINK), clip_length)
        if end <= start:
            continue
        reached = start
        yield from _fitting(replace(word, start=start, end=end), sheet)


def _cleaned(words: Iterable[Word]) -> Iterator[Word]:
    """Words without anything unseen; one that holds spaces becomes several."""
    for word in words:
        text = cleaned(word.text)
        if not text:
            continue
        times = _paces(replace(word, text=text))
        place = 0
        for part in text.split(" "):
            start, end = times[place][0], times[place + len(part) - 1][1]
            yield replace(word, text=shortened(part), start=start, end=end)
            place += len(part) + 1


def _phrased(words: Iterable[Word], measure: FontMetrics) -> Iterator[Word]:
    """Stretches of words in a script without spaces, cut again into phrases."""
    stretch: list[Word] = []
    for word in words:
        if measure.phrases is not None and unspaced(word.text):
            if stretch and (word.start - stretch[-1].end > _PAUSE or ends_sentence(stretch[-1].text)):
                yield from _rephrased(stretch, measure)
                stretch = []
            stretch.append(word)
            continue
        yield from _rephrased(stretch, measure)
        stretch = []
        yield word
    yield from _rephrased(stretch, measure)


def _rephrased(stretch: Sequence[Word], measure: FontMetrics) -> Iterator[Word]:
    """The same text and times in other pieces: each character is said within its word at an even pace."""
    if not stretch or measure.phrases is None:
        return
    times = [moment for word in stretch for moment in _paces(word)]
    place = 0
    for phrase in phrases("".join(word.text for word in stretch), measure.phrases):
        last = place + len(phrase) - 1
        speaker = stretch[0].speaker
        yield Word(phrase, times[place][0], times[last][1], stretch[0].probability, speaker)
        place = last + 1


def _paces(word: Word) -> list[tuple[float, float]]:
    step = (word.end - word.start) / len(word.text)
    return [(word.start + i * step, word.start + (i + 1) * step) for i in range(len(word.text))]


def _fitting(word: Word, sheet: _Sheet) -> Iterator[Word]:
    """``word``, or pieces of it where it could not be set in one line even in the smallest size."""
    letters = clusters(word.text)
    pieces = min(len(letters), ceil(sheet.width(word) * SMALLEST / sheet.room))
    if pieces < 2:
        yield word
        return
    size = ceil(len(letters) / pieces)
    step = (word.end - word.start) / len(letters)
    for first in range(0, len(letters), size):
        last = min(first + size, len(letters))
        text = "".join(letters[first:last])
        yield replace(word, text=text, start=word.start + first * step, end=word.start + last * step)


def _groups(talk: _Talk, sheet: _Sheet) -> list[tuple[int, int]]:
    """First word and end (not included) of each cue: the cheapest way through all the words."""
    count = len(talk.words)
    best = [0.0] + [float("inf")] * count
    origin = [0] * (count + 1)
    for end in range(1, count + 1):
        for begin in range(end - 1, max(-1, end - 1 - sheet.style.words), -1):
            if begin < end - 1 and not _together(talk, begin, end, sheet):
                break
            cost = best[begin] + _group_cost(talk, begin, end, sheet)
            if cost < best[end]:
                best[end], origin[end] = cost, begin
    groups = []
    end = count
    while end > 0:
        groups.append((origin[end], end))
        end = origin[end]
    return groups[::-1]


def _together(talk: _Talk, begin: int, end: int, sheet: _Sheet) -> bool:
    """Whether these words may share a cue: one speaker, no silence, no more lines than allowed."""
    left, right = talk.words[begin], talk.words[begin + 1]
    if right.start - left.end >= _SILENCE or left.speaker != right.speaker:
        return False
    lines, width = 1, 0.0
    for word in talk.widths[begin:end]:
        wider = width + (sheet.space if width else 0.0) + word
        if width and wider > sheet.room:
            lines, width = lines + 1, word
        else:
            width = wider
    return lines <= sheet.style.lines


def _group_cost(talk: _Talk, begin: int, end: int, sheet: _Sheet) -> float:
    words = talk.words[begin:end]
    wanted = _FILL * sheet.style.words
    cost = ((len(words) - wanted) / (wanted / 2)) ** 2
    cost += talk.costs[end - 1]
    for left, right in pairwise(words):
        cost += _SENTENCE_INSIDE * ends_sentence(left.text) + _CLAUSE_INSIDE * ends_clause(left.text)
        cost += _PAUSE_INSIDE * (right.start - left.end >= _PAUSE)
    cost += _SET_SMALLER * (not _has_good_break(talk, begin, end, sheet))
    until = talk.words[end].start if end < len(talk.words) else words[-1].end + _LINGER
    shown_for = min(until, words[-1].end + HOLD) - words[0].start
    return cost + _TOO_SHORT * max(0.0, SHORTEST - shown_for) / SHORTEST


def _has_good_break(talk: _Talk, begin: int, end: int, sheet: _Sheet) -> bool:
    """Whether the words fit on one line, or on more with a break that parts no article from its noun."""
    widths = talk.widths[begin:end]
    if sum(widths) + sheet.space * (len(widths) - 1) <= sheet.room:
        return True
    return any(cost < NEVER for cost in talk.costs[begin : end - 1])


# The share of the most words that a cue is best filled with: room is left to end it at a good place.
_FILL = 0.7


def _spans(groups: Sequence[Sequence[Word]], clip_length: float) -> list[Span | None]:
    """When each cue shows; None for one that has no time left in the clip."""
    spans: list[Span | None] = []
    reached = 0.0
    for number, group in enumerate(groups):
        start = max(group[0].start - LEAD, reached)
        last = max(word.end for word in group)
        following = groups[number + 1][0].start - LEAD if number + 1 < len(groups) else clip_length
        end = following if following - last <= HOLD else last + _LINGER
        end = min(max(end, start + SHORTEST), max(following, start + _BLINK), clip_length)
        spans.append(Span(start, end) if start < end else None)
        reached = max(reached, end)
    return spans


# Emoji are as wide as nothing, since they are not drawn; a line of them still wants a length above zero.
_LEAST_TARGET = 1.0


def _cue(talk: _Talk, group: tuple[int, int], span: Span, sheet: _Sheet, stressed: frozenset[int]) -> Cue:
    first, end = group
    breaks = _breaks(talk.widths[first:end], talk.costs[first:end], sheet)
    edges = [first, *(first + place for place in breaks), end]
    lines = tuple(talk.words[a:b] for a, b in pairwise(edges))
    keywords = tuple(
        (number, place)
        for number, a in enumerate(edges[:-1])
        for place in range(edges[number + 1] - a)
        if a + place in stressed
    )
    return Cue(span, lines, keywords)


def _breaks(widths: Sequence[float], costs: Sequence[float], sheet: _Sheet) -> tuple[int, ...]:
    """Where the lines of one cue begin.

    A break is made dearer until lines are no more than allowed; rather than end a line with an article,
    all is set smaller.
    """
    total = sum(widths) + sheet.space * (len(widths) - 1)
    breaks: tuple[int, ...] = ()
    for smaller in (1.0, _SMALLER, SMALLEST):
        room = sheet.room / smaller
        target = total if 0 < total <= room else min(room, max(total / 2, _LEAST_TARGET))
        for dearer in (0.0, 10.0, 1e6):
            dear = [cost + dearer for cost in costs]
            breaks = break_lines(widths, dear, room=room, target=target, space=sheet.space)
            if len(breaks) < sheet.style.lines:
                break
        if all(costs[place - 1] < NEVER for place in breaks):
            break
    return breaks


# How small a cue may be set to keep an article on the line of its noun.
_SMALLER = 0.75


def cue_text(cue: Cue) -> str:
    """The words of a cue as text, its lines on lines."""
    return "\n".join(joined(word.text for word in line) for line in cue.lines)
