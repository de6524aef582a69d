"""How far a job is and how long it still takes, from what is known about its tasks."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

STAGES = ("download", "transcribe", "score", "encode")
"""In their order; only the tasks of ``encode`` run beside each other."""

SPEEDS: Mapping[str, float] = {"download": 4.0, "transcribe": 0.08, "score": 4.0, "encode": 1.8}
"""Seconds a unit of a stage takes until that was measured here.

A unit is a second of the source (``transcribe``), a second of the clip (``encode``) or the whole task. From
the CPU seconds of the speech and video measurements on two cores, with as much again for a machine that does
other things too. A wrong one is forgotten with the first task that was measured.
"""

SOURCE_S = 1800.0
"""How long a source is taken to be before its file was opened."""

CLIP_S = 40.0
"""How long a clip is taken to be before it was chosen."""

CLIPS_AN_HOUR, CLIPS_AT_LEAST = 12.0, 4
"""How many clips are chosen when nobody says how many."""

MEMORY = 0.2
"""How much the newest task says about the speed of its stage: about the last five count."""

SHORTEST_S = 5.0
"""A task that heard or rendered less than this says nothing about speed: it hardly did more than start."""

TRUSTED = 0.2
"""A task that has done this much goes by its own pace alone."""

STEP = 0.005
"""A task's share is told when it grew by this much: at most 200 times a task, and the bar still glides."""


@dataclass(frozen=True, slots=True)
class Part:
    """A task of a job: the seconds it is expected to take in all, its share done, how long it has run."""

    stage: str
    weight_s: float
    share: float = 0.0
    running_s: float = 0.0


def total_share(parts: Iterable[Part]) -> float:
    """How much of all the work is done, 0 to 1."""
    parts = tuple(parts)
    total = math.fsum(part.weight_s for part in parts)
    if total <= 0:
        return math.fsum(part.share for part in parts) / len(parts) if parts else 0.0
    return min(1.0, math.fsum(part.weight_s * part.share for part in parts) / total)


def seconds_left(parts: Iterable[Part], *, lanes: int) -> float:
    """Seconds until all is done: stage after stage, with ``lanes`` clips rendered at once."""
    by_stage = groupby(sorted(parts, key=_stage), key=_stage)
    return math.fsum(_stage_left([_left(part) for part in group], lanes) for _, group in by_stage)


def _stage(part: Part) -> str:
    return part.stage


def _stage_left(left: Sequence[float], lanes: int) -> float:
    """No sooner than its longest task, and no sooner than all lanes together can do it."""
    return max(max(left), math.fsum(left) / max(1, lanes))


def _left(part: Part) -> float:
    """Seconds that a task still needs: the expectation at its start, soon its own pace."""
    to_do = 1.0 - part.share
    if part.running_s <= 0:
        return part.weight_s * to_do
    if part.share <= 0:
        return max(part.weight_s - part.running_s, 0.1 * part.weight_s)
    trust = min(1.0, part.share / TRUSTED)
    return to_do * (trust * part.running_s / part.share + (1.0 - trust) * part.weight_s)


def with_guesses(parts: Iterable[Part], speeds: Mapping[str, float]) -> tuple[Part, ...]:
    """The parts, and one for each stage of which no task is known yet: the bar leaves room for it.

    ``speeds`` are the seconds that stages take a unit.
    """
    parts = tuple(parts)
    known = {part.stage for part in parts}
    source_s = _source_s(parts, speeds)
    missing = (stage for stage in STAGES if stage not in known)
    return (*parts, *(guess for stage in missing for guess in _guesses(stage, source_s, speeds)))


def _source_s(parts: Iterable[Part], speeds: Mapping[str, float]) -> float:
    """How long the source is, told by what is to be heard of it; as long as usual when nothing is."""
    heard = (part.weight_s / speed_of(part.stage, speeds) for part in parts if part.stage == "transcribe")
    return next((units for units in heard if units >= SHORTEST_S), SOURCE_S)


def _guesses(stage: str, source_s: float, speeds: Mapping[str, float]) -> list[Part]:
    """The tasks that a stage usually has for a source of this length."""
    speed = speed_of(stage, speeds)
    if stage != "encode":
        return [Part(stage, speed * (source_s if stage == "transcribe" else 1.0))]
    clips = max(CLIPS_AT_LEAST, round(source_s / 3600 * CLIPS_AN_HOUR))
    return [Part(stage, speed * min(CLIP_S, source_s / clips))] * clips


def usual_weight(stage: str) -> float:
    """Seconds of one task of a stage about which nothing is known."""
    return usual_speed(stage) * {"transcribe": SOURCE_S, "encode": CLIP_S}.get(stage, 1.0)


def usual_speed(stage: str) -> float:
    """Seconds a unit of a stage takes where nothing was measured."""
    return SPEEDS.get(stage, 1.0)


def speed_of(stage: str, speeds: Mapping[str, float]) -> float:
    """Seconds a unit of a stage takes, as measured or else as usual."""
    return speeds.get(stage) or usual_speed(stage)


def at_speed(part: Part, speeds: Mapping[str, float]) -> Part:
    """A part whose weight is at the usual speed, at the measured one."""
    return replace(part, weight_s=part.weight_s * speed_of(part.stage, speeds) / usual_speed(part.stage))


def learned(speed: float, count: int, sample: float) -> float:
    """A measured speed after one more measurement: the mean of the first few, then a moving average."""
    return speed + (sample - speed) * max(MEMORY, 1 / (count + 1))


def tells_speed(stage: str, units: float) -> bool:
    """Whether a task of so many units says how fast its stage is."""
    return units >= (SHORTEST_S if stage in ("transcribe", "encode") else 0.5)
