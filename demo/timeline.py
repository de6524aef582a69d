"""From the written dialogue and the times of its words: who speaks, which shot shows, where the face is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import sin, tau

SIZES = {"wide": 1.75, "medium": 2.25, "close": 2.9}
"""How many frame pixels one pixel of the portrait takes, in a frame 1080 pixels high."""
PLACES = {"left": 0.28, "centre": 0.5, "right": 0.72}
"""Where the guest's middle is, as a share of the frame's width."""
FACE = (-33.5, 60.5, 92.4, 116.9)
"""The face in the portrait's pixels: left edge from the guest's middle, top, width, height."""
FRAME = (1920, 1080)
MOVE_SECONDS = 1.4
CUT_BEFORE_WORD = 0.12
"""A cut this long before a word looks as if the editor had heard it coming."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A direction to the camera: what it does (``wide``, ``slide``, ``move``), where, before which word."""

    action: str
    where: str
    word: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What one person says without a break, and the directions inside it."""

    speaker: str
    text: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word with its times in seconds."""

    text: str
    start: float
    end: float
    speaker: str


@dataclass(frozen=True, slots=True)
class Move:
    """The guest starts at ``at`` seconds towards another place and takes ``MOVE_SECONDS``."""

    at: float
    place: float


@dataclass(frozen=True, slots=True)
class Shot:
    """The picture between two cuts: a size of the guest, or a slide (then ``size`` is its name)."""

    start: float
    end: float
    size: str
    place: float
    moves: tuple[Move, ...] = ()

    @property
    def slide(self) -> bool:
        """Whether it shows a slide and so no face."""
        return self.size not in SIZES


def parse(text: str) -> tuple[Turn, ...]:
    """The turns of a dialogue file; ``ValueError`` names a mark that nobody knows."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(_turn(block.strip()) for block in kept.split("\n\n") if block.strip())


def _turn(block: str) -> Turn:
    speaker, said = block.split(":", 1)
    words: list[str] = []
    marks: list[Mark] = []
    for action, where, word in re.findall(r"\[(\w+) (\w+)\]|(\S+)", said):
        if word:
            words.append(word)
        elif action == "slide" or (action in (*SIZES, "move") and where in PLACES):
            marks.append(Mark(action, where, len(words)))
        else:
            raise ValueError(f"unknown mark [{action} {where}]")
    return Turn(speaker.strip().lower(), " ".join(words), tuple(marks))


def shots(turns: Sequence[Turn], words: Sequence[Word], duration: float) -> tuple[Shot, ...]:
    """The shots in order; together they last from 0 to ``duration``."""
    found: list[tuple[float, str, float, list[Move]]] = []
    for mark, at in _timed(turns, words):
        if mark.action == "move":
            found[-1][3].append(Move(at, PLACES[mark.where]))
        elif mark.action == "slide":
            found.append((at, mark.where, 0.5, []))
        else:
            found.append((at, mark.action, PLACES[mark.where], []))
    ends = [start for start, *_ in found[1:]] + [duration]
    return tuple(
        Shot(start, end, size, place, tuple(moves))
        for (start, size, place, moves), end in zip(found, ends, strict=True)
    )


def _timed(turns: Sequence[Turn], words: Sequence[Word]) -> list[tuple[Mark, float]]:
    timed, first = [], 0
    for turn in turns:
        for mark in turn.marks:
            at = words[first + mark.word].start - CUT_BEFORE_WORD
            timed.append((mark, at if timed else 0.0))
        first += len(turn.text.split())
    return timed


def middle(shot: Shot, at: float) -> float:
    """Where the guest's middle is at a time, as a share of the frame's width."""
    x = shot.place
    for move in shot.moves:
        x += (move.place - x) * _ease((at - move.at) / MOVE_SECONDS)
    return x + 0.0025 * sin(tau * at / 5.3) + 0.0015 * sin(tau * at / 2.9)


def lean(shot: Shot, at: float) -> float:
    """How far the head is ahead of the shoulders at a time, in the portrait's pixels."""
    speed = middle(shot, at + 0.25) - middle(shot, at - 0.05)
    return max(-7.0, min(7.0, 45 * speed)) + 1.6 * sin(tau * at / 3.7) + 1.1 * sin(tau * at / 1.9 + 1)


def nod(at: float, loudness: float) -> float:
    """How far the head is lowered at a time, in the portrait's pixels; loud words press it down a little."""
    return 1.2 * sin(tau * at / 4.3) + 0.8 * sin(tau * at / 2.3 + 2) + 1.8 * loudness


def face(shot: Shot, at: float) -> tuple[float, float, float, float] | None:
    """The face at a time as left, top, width, height in shares of the frame; ``None`` on a slide."""
    if shot.slide:
        return None
    scale, (width, height) = SIZES[shot.size], FRAME
    left, top, wide, high = FACE
    x = middle(shot, at) * width + (left + lean(shot, at)) * scale
    y = floor_px(shot.size) + (top + nod(at, 0.0)) * scale
    return (x / width, y / height, wide * scale / width, high * scale / height)


def floor_px(size: str) -> float:
    """The frame row of the portrait's first row; its last row is then behind the desk or below the frame."""
    return {"wide": 392.0, "medium": 252.0, "close": 104.0}[size]


def _ease(share: float) -> float:
    s = max(0.0, min(1.0, share))
    return s * s * s * (s * (6 * s - 15) + 10)
