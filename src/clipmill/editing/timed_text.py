"""SRT and WebVTT text as words with times, tolerant of what people and sites write."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from clipmill.model import Word

ROLLING = 0.3
"""Share of cues that begin with the line before from which a file scrolls, as a site's own captions do."""

LETTER_S = 0.09
"""Seconds that a letter takes at a calm 140 words a minute; bounds a word whose end nobody wrote down."""

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?$")
_INLINE = re.compile(r"<(?:\d+:)?\d{1,2}:\d{2}\.\d{3}>")
_TAG = re.compile(
    r"</?(?:b|i|u|s|font|c|v|lang|ruby|rt)(?:[.\s][^<>]*)?/?>|\{\\[^{}]*\}", re.ASCII | re.IGNORECASE
)
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")
_NOISE = re.compile(r"^\s*(?:\[[^\]]*\]|\([^)]*\)|[♪♫].*)\s*$")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&nbsp;": " ", "&lrm;": "", "&rlm;": "", "&amp;": "&"}


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

    Formatting tags of HTML and ASS and lines that only name a noise are left out, every other character
    stays as it is. Lines that a scrolling caption repeats are taken once. Raises NotTimedText.
    """
    shown = list(_shown(text))
    exact = any(_INLINE.search(line) for cue in shown for line in cue.lines)
    lines = (
        _new_lines(shown) if exact or _rolls(shown) else ((cue, line) for cue in shown for line in cue.lines)
    )
    web = text.lstrip("\ufeff \t\r\n").startswith("WEBVTT")
    words: list[Word] = []
    for cue, group in _by_cue(lines):
        words += _spoken(cue, group, web=web)
    return words, exact


def spread(text: str, start: float, end: float, *, speaker: str = "") -> list[Word]:
    """The words of ``text`` over a span of seconds, each with a share by its letters."""
    pieces = text.split()
    letters = sum(len(piece) + 1 for piece in pieces)
    words = []
    for piece in pieces:
        after = start + (end - start) * (len(piece) + 1) / max(1, letters)
        words.append(Word(piece, start, after, speaker=speaker))
        start, letters = after, letters - len(piece) - 1
    return words


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


def _rolls(shown: Sequence[Shown]) -> bool:
    pairs = list(pairwise(shown))
    again = [before.lines[-1:] == after.lines[:1] for before, after in pairs if len(after.lines) > 1]
    return len(again) > 2 and sum(again) > ROLLING * len(pairs)


def _new_lines(shown: Sequence[Shown]) -> Iterator[tuple[Shown, str]]:
    """The lines of a scrolling caption, each when it first appears."""
    last: tuple[str, ...] = ()
    for cue in shown:
        for line in cue.lines:
            if _plain(line) not in last and _plain(line):
                yield cue, line
        last = (*last[-1:], *(_plain(line) for line in cue.lines))[-3:]


def _by_cue(
    lines: Iterator[tuple[Shown, str]] | Sequence[tuple[Shown, str]],
) -> Iterator[tuple[Shown, list[str]]]:
    group: list[str] = []
    now: Shown | None = None
    for cue, line in lines:
        if now is not None and cue is not now:
            yield now, group
            group = []
        now = cue
        group.append(line)
    if now is not None:
        yield now, group


def _spoken(cue: Shown, lines: Sequence[str], *, web: bool) -> list[Word]:
    text = "\n".join(line for line in lines if not _NOISE.match(_plain(line)))
    voice = _VOICE.search(text)
    speaker = voice.group(1).strip() if voice else ""
    if not _INLINE.search(text):
        return spread(_literal(text, web=web), cue.start, cue.end, speaker=speaker)
    words: list[Word] = []
    times = [cue.start, *(_seconds(_clock(mark)) for mark in _INLINE.findall(text)), cue.end]
    for piece, start, after in zip(_INLINE.split(text), times, times[1:], strict=False):
        literal = _literal(piece, web=web)
        end = min(max(after, start + 0.02), start + 0.2 + LETTER_S * len(literal))
        words += spread(literal, start, end, speaker=speaker)
    return words


def _clock(mark: str) -> Sequence[str | None]:
    found = re.fullmatch(_TIME, mark.strip("<>"))
    return found.groups() if found else ("0", "0", "0", "0")


def _plain(line: str) -> str:
    return " ".join(_TAG.sub("", _INLINE.sub("", line)).split())


def _literal(text: str, *, web: bool) -> str:
    """What is said: no tags, no marks of a change of speaker; entities only mean something in WebVTT."""
    text = _TAG.sub("", text)
    for entity, char in _ENTITIES.items() if web else ():
        text = text.replace(entity, char)
    return re.sub(r"(?m)^\s*(?:>>+|[-–—])\s*", "", text)
