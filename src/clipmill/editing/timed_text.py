"""SRT and WebVTT text as words with times, tolerant of what people and sites write."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape
from itertools import pairwise

from clipmill.editing.text import clusters, unspaced
from clipmill.model import Word

ROLLING = 0.3
"""Share of cues that begin with the line before from which a file scrolls, as a site's own captions do."""

WORD_S, LETTER_S = 0.25, 0.05
"""Seconds that a word and each of its letters take at most where nobody wrote down its end: on speech with
exact times 6 % of words end over 50 ms later, and 99 % of the pauses of half a second are left to see."""

TOGETHER = 0.2
"""Seconds within which captions appear at once, as those of two people do: they are read one by one."""

SHOUTED = 0.7
"""Share of capitals among the letters from which all is written in capitals, and ``NAME:`` labels nobody."""

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?$")
_INLINE = re.compile(r"<(?:\d+:)?\d{1,2}:\d{2}\.\d{3}>")
_TAG = re.compile(
    r"</?(?:b|i|u|s|font|c|v|lang|ruby|rt)(?:[.\s][^<>]*)?/?>|\{\\[^{}]*\}", re.ASCII | re.IGNORECASE
)
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")
_LABEL = re.compile(r"([A-Z][A-Z0-9 .'’&-]{1,30}):\s+(?=\S)")
_TURN = re.compile(r"^\s*(?:>>+|[-–—]{1,3}(?=\s|\S{0,9}[^\W\d_]))\s*")
_SOUNDS = (
    "laugh|applau|music|cheer|sigh|chuckl|cough|gasp|groan|whistl|inaudible|indistinct|crosstalk|clapping|"
    "sobbing|scream"
)
_NOISE = re.compile(
    r"\[[^\[\]]{0,100}\]"  # [Music], [ __ ]
    r"|[♪♫♬♩][^♪♫♬♩]*(?:[♪♫♬♩]+|\Z)"  # what is sung
    r"|\A\s*\([^()]{0,100}\)\s*\Z|^[ \t]*#[ \t].*[ \t]#[ \t]*$"
    rf"|\([^()]{{0,60}}\b(?:{_SOUNDS})[^()]{{0,60}}\)",
    re.IGNORECASE | re.MULTILINE,
)


class NotTimedText(ValueError):  # noqa: N818 (it says what the text is not)
    """The text is no SRT or WebVTT; ``line`` is where that shows, counted from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Shown:
    """One cue of the file: its seconds and its lines as written."""

    start: float
    end: float
    lines: tuple[str, ...]


def read_timed_text(text: str) -> tuple[list[Word], bool]:
    """The words in order of the file, and whether their times were written rather than spread by length.

    Formatting tags of HTML and ASS and marks that only name a noise are left out, every other character
    stays as it is. Lines that a scrolling caption repeats are taken once, and captions that overlap are
    read one after the other. Raises NotTimedText.
    """
    shown = list(_shown(text))
    exact = any(_INLINE.search(line) for cue in shown for line in cue.lines)
    web = text.lstrip("\ufeff \t\r\n").startswith("WEBVTT")
    return words_of(shown, exact=exact, entities=web), exact


def words_of(shown: Sequence[Shown], *, exact: bool = False, entities: bool = False) -> list[Word]:
    """The words of cues.

    ``exact`` says that times stand between the words, ``entities`` that ``&lt;`` means a letter: both are so
    in WebVTT.
    """
    if exact or _rolls(shown):
        shown = list(_new_lines(shown))
    elif shown:
        shown = list(_one_by_one(shown))
    names = _labels(shown)
    words: list[Word] = []
    speaker = ""
    for cue in shown:
        lines, speakers = _read_lines(cue, speaker, names=names, entities=entities)
        speaker = speakers[-1][1]
        words += _spoken(cue, lines, [voice or name for voice, name in speakers])
    return words


def spread(text: str, start: float, end: float, *, speaker: str = "") -> list[Word]:
    """The words of ``text`` over a span of seconds, each with a share by its letters.

    Writing without spaces is taken apart into its letters, as recognisers do.
    """
    pieces = _pieces(text)
    letters = sum(len(piece) + 1 for piece in pieces)
    words = []
    for piece in pieces:
        after = start + (end - start) * (len(piece) + 1) / max(1, letters)
        words.append(Word(piece, start, after, speaker=speaker))
        start, letters = after, letters - len(piece) - 1
    return words


def longest_s(text: str) -> float:
    """Seconds that a word takes at most when all that is known of its end is the next word's start."""
    return WORD_S + LETTER_S * len(text.strip())


def said(text: str) -> str:
    """What is said of ``text``: no marks of noises, music and changes of speaker."""
    return "\n".join(_TURN.sub("", line) for line in _NOISE.sub(" ", text).splitlines())


def is_shouted(text: str) -> bool:
    """Whether a text is written in capitals."""
    capitals, small = sum(map(str.isupper, text)), sum(map(str.islower, text))
    return capitals > SHOUTED * (capitals + small)


def _pieces(text: str) -> list[str]:
    return [piece for part in text.split() for piece in (_letters(part) if unspaced(part) else (part,))]


def _letters(part: str) -> list[str]:
    """A part without spaces in pieces: its letters, with the marks after them, and foreign words whole."""
    pieces: list[str] = []
    for letter in clusters(part):
        glued = pieces and not unspaced(letter) and letter.isalnum() == pieces[-1][-1].isalnum()
        mark = pieces and not letter.isalnum() and letter[0] not in "「『（《“"
        if mark or (glued and not unspaced(pieces[-1])):
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces


def _unescaped(text: str) -> str:
    """A text with its entities, but no direction marks, as the letters that they mean."""
    return unescape(text).replace("\u200e", "").replace("\u200f", "").replace("\xa0", " ")


def _shown(text: str) -> Iterator[Shown]:
    cue: tuple[float, float] | None = None
    lines: list[str] = []
    found = False
    for number, line in enumerate(text.splitlines(), 1):
        timing = _TIMING.match(line)
        if timing is None and "-->" in line:
            raise NotTimedText(number)
        if timing:
            if cue:
                yield Shown(*cue, tuple(_without_number(lines)))
            cue, lines, found = _span(timing), [], True
        elif not line.strip() and cue and lines:
            yield Shown(*cue, tuple(lines))
            cue, lines = None, []
        elif line.strip():
            lines.append(line)
    if cue:
        yield Shown(*cue, tuple(lines))
    if not found:
        raise NotTimedText(1)


def _without_number(lines: list[str]) -> list[str]:
    """The lines of a cue that ran into the next one, whose number is not its text."""
    return lines[:-1] if lines and lines[-1].strip().isdigit() else lines


def _span(timing: re.Match[str]) -> tuple[float, float]:
    start, end = _seconds(timing.groups()[:4]), _seconds(timing.groups()[4:])
    return start, max(end, start + 0.1)


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000


# --- which lines ----------------------------------------------------------------------------------


def _rolls(shown: Sequence[Shown]) -> bool:
    pairs = list(pairwise(shown))
    again = [before.lines[-1:] == after.lines[:1] for before, after in pairs if len(after.lines) > 1]
    return len(again) > 2 and sum(again) > ROLLING * len(pairs)


def _new_lines(shown: Iterable[Shown]) -> Iterator[Shown]:
    """The cues of a scrolling caption with the lines that first appear there."""
    last: tuple[str, ...] = ()
    for cue in shown:
        plain = tuple(_plain(line) for line in cue.lines)
        fresh = tuple(line for line, text in zip(cue.lines, plain, strict=True) if text and text not in last)
        last = (*last[-1:], *plain)[-3:]
        if fresh:
            yield replace(cue, lines=fresh)


def _one_by_one(shown: Sequence[Shown]) -> Iterator[Shown]:
    """The cues in order of time, each over before the next: one that is repeated is taken once.

    Cues that appear at once become one, with the lines of both.
    """
    ordered = sorted(shown, key=lambda cue: cue.start)
    now = ordered[0]
    for cue in ordered[1:]:
        if cue.start - now.start >= TOGETHER:
            yield replace(now, end=min(now.end, cue.start))
            now = replace(cue, lines=_not_again(now, cue))
        else:
            now = Shown(now.start, max(now.end, cue.end), (*now.lines, *_not_again(now, cue)))
    yield now


def _not_again(before: Shown, cue: Shown) -> tuple[str, ...]:
    """The lines of ``cue``, none where it only shows again what is shown."""
    plain = [_plain(line) for line in cue.lines]
    shown = [_plain(line) for line in before.lines]
    again = plain == shown[-len(plain) :] and before.end - cue.start > (cue.end - cue.start) / 2
    return () if again else cue.lines


# --- words of one cue -----------------------------------------------------------------------------


def _labels(shown: Sequence[Shown]) -> frozenset[str]:
    """Names before a colon that more than one line begins with, where not everything is in capitals."""
    lines = [_TURN.sub("", _plain(line)) for cue in shown for line in cue.lines]
    found = Counter(label.group(1) for line in lines if (label := _LABEL.match(line)))
    if is_shouted("".join(lines)):
        return frozenset()
    return frozenset(name for name, times in found.items() if times > 1)


def _read_lines(
    cue: Shown, speaker: str, *, names: frozenset[str], entities: bool
) -> tuple[list[str], list[tuple[str, str]]]:
    """What is said in each line of a cue, and by whom: the voice named there, and the one of the last label.

    A label in capitals holds until the next one or a mark of a change, ``<v Name>`` to the end of the cue.
    """
    text = _NOISE.sub(lambda found: "\n" * found.group().count("\n"), "\n".join(cue.lines))
    lines, speakers, voice = [], [], ""
    for line in text.split("\n"):
        found = _VOICE.search(line)
        voice = found.group(1).strip() if found else voice
        plain = _TAG.sub("", line)
        plain, speaker = _unlabelled(_unescaped(plain) if entities else plain, speaker, names)
        lines.append(plain)
        speakers.append((voice, speaker))
    return lines, speakers


def _spoken(cue: Shown, lines: Sequence[str], speakers: Sequence[str]) -> list[Word]:
    """The words of the lines of a cue."""
    if any(_INLINE.search(line) for line in lines):
        return [replace(word, speaker=speakers[0]) for word in _timed(cue, "\n".join(lines))]
    words = spread("\n".join(lines), cue.start, cue.end)
    who = [name for line, name in zip(lines, speakers, strict=True) for _ in _pieces(line)]
    return [replace(word, speaker=name) for word, name in zip(words, who, strict=True)]


def _unlabelled(line: str, speaker: str, names: frozenset[str]) -> tuple[str, str]:
    """A line without marks and labels of who speaks, and who does."""
    turn = _TURN.match(line)
    rest = line[turn.end() :] if turn else line
    label = _LABEL.match(rest)
    if label and label.group(1) in names:
        return rest[label.end() :], label.group(1).strip()
    return rest, "" if turn else speaker


def _timed(cue: Shown, text: str) -> list[Word]:
    """The words of a text with times between them."""
    words: list[Word] = []
    times = [cue.start, *(_seconds(_clock(mark)) for mark in _INLINE.findall(text)), cue.end]
    for piece, start, after in zip(_INLINE.split(text), times, times[1:], strict=False):
        end = min(max(after, start + 0.02), start + longest_s(piece))
        words += spread(piece, start, end)
    return words


def _clock(mark: str) -> Sequence[str | None]:
    found = re.fullmatch(_TIME, mark.strip("<>"))
    return found.groups() if found else ("0", "0", "0", "0")


def _plain(line: str) -> str:
    return " ".join(_TAG.sub("", _INLINE.sub("", line)).split())
