"""Words put in order: clean text, times that run forward, no loops."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace

from clipmill.editing.text import unspaced
from clipmill.model import Word

SHORTEST = 0.02
"""Seconds that a word lasts at least: one step of Whisper's clock."""

USUAL = 0.25
"""Seconds that a word gets that came without a length, where there is room: about a word at 200 a minute."""

LONGEST = 2.0
"""Seconds that a word lasts at most; a longer one has a pause inside that belongs to nobody."""

LONGEST_TEXT = 200
"""Letters that a word has at most; no language needs more, and a caption could not show them."""

_KEPT_FORMAT = {"\u200c", "\u200d"}  # the joiners: Persian, Indic scripts and emoji need them


def clean_text(text: str) -> str:
    """``text`` without control, bidi and other unseen characters, blanks made single, cut to 200 letters."""
    kept = (" " if char.isspace() else char for char in text if char.isspace() or _seen(char))
    clean = " ".join("".join(kept).split())[:LONGEST_TEXT]
    return clean if clean.strip("\u200c\u200d ") else ""


def whole_words(pieces: Iterable[Word]) -> list[Word]:
    """The words of which a model heard these pieces: a piece without a blank before it goes on with the last.

    So ``$9`` and ``,000`` are one word. Scripts that write no blanks are left as they are.
    """
    words: list[Word] = []
    for piece in pieces:
        if words and _goes_on(words[-1].text, piece.text):
            last = words.pop()
            sure = min(last.probability, piece.probability)
            piece = replace(last, text=last.text + piece.text, end=piece.end, probability=sure)
        words.append(piece)
    return words


def _goes_on(before: str, after: str) -> bool:
    return bool(after) and not after[0].isspace() and not unspaced(before) and not unspaced(after)


def settle(words: Iterable[Word], *, duration: float) -> tuple[Word, ...]:
    """The words cleaned, in order of time, none overlapping, all inside 0 to ``duration``, none endless.

    Words that begin together share their room by their letters. Words outside the source, or without
    anything to read, are left out.
    """
    ready = [replace(word, text=clean_text(word.text)) for word in words]
    inside = [word for word in ready if word.text and 0 <= word.start < duration - SHORTEST]
    inside.sort(key=lambda word: word.start)
    return _in_line(_spread(inside), duration)


def without_loops(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words without phrases that a model repeated over and over: the first of them stays.

    Three or more words said four times in a row, or one or two said eight times, are a loop of the model,
    hardly ever speech.
    """
    kept: list[Word] = []
    place = 0
    said = [word.text.casefold() for word in words]
    while place < len(words):
        length, times = _loop_at(said, place)
        kept.extend(words[place : place + length])
        place += length * times
    return tuple(kept)


def _seen(char: str) -> bool:
    return char in _KEPT_FORMAT or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _spread(words: Sequence[Word]) -> list[Word]:
    spread: list[Word] = []
    place = 0
    while place < len(words):
        last = place + 1
        while last < len(words) and words[last].start - words[place].start < SHORTEST:
            last += 1
        after = words[last].start if last < len(words) else float("inf")
        spread += _shared(words[place:last], after)
        place = last
    return spread


def _shared(words: Sequence[Word], after: float) -> list[Word]:
    """Words that begin together, one after the other; a word alone only gets a length if it has none."""
    start, end = words[0].start, max(word.end for word in words)
    if len(words) == 1 and end - start >= SHORTEST:
        return list(words)
    if end - start < SHORTEST * len(words):
        end = min(start + USUAL * len(words), after)
    letters = sum(len(word.text) for word in words)
    shared = []
    for word in words:
        share = (end - start) * len(word.text) / letters
        shared.append(replace(word, start=start, end=start + share))
        start, letters = start + share, letters - len(word.text)
    return shared


def _in_line(words: Sequence[Word], duration: float) -> tuple[Word, ...]:
    line: list[Word] = []
    for place, word in enumerate(words):
        start = max(word.start, line[-1].end if line else 0.0)
        after = words[place + 1].start if place + 1 < len(words) else duration
        end = min(max(word.end, start + SHORTEST), start + LONGEST, max(after, start + SHORTEST), duration)
        start, end = round(start, 3), round(end, 3)
        if start < end <= duration:
            line.append(replace(word, start=start, end=end))
    return tuple(line)


def _loop_at(said: Sequence[str], place: int) -> tuple[int, int]:
    for length in range(1, 13):
        phrase = said[place : place + length]
        times = 1
        while said[place + times * length : place + (times + 1) * length] == phrase:
            times += 1
        if times >= (8 if length < 3 else 4):
            return length, times
    return 1, 1
