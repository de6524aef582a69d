"""What lies beside a finished clip: ``clip-NN.json`` and the captions, written when the clip is whole."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from clipmill.addresses import is_address
from clipmill.editing.command import Encoding
from clipmill.editing.export import srt, vtt
from clipmill.media.encode import Rendering
from clipmill.model import CropPath, Cue, Edit, Moment, QualityCard, Scene, Span, Transcript, Word
from clipmill.plan import Plan
from clipmill.workspace import Workspace

SUFFIXES = (".mp4", ".json", ".srt", ".vtt", ".ass", ".jpg")
"""All files of one clip."""

FORM = 1
"""Raised when the same decisions would give another picture or sound: finished clips are then made anew."""

CLIP_MB_A_SECOND = 1.6
"""Disk that a second of clip takes: 12 Mb/s at most, and its small pictures while it is made."""


@dataclass(frozen=True, slots=True)
class Draft:
    """All decisions about one clip, with its captions and words on the clip's own clock."""

    edit: Edit
    cues: tuple[Cue, ...]
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class ClipFile:
    """What ``clip-NN.json`` holds: why this moment, how it was cut and framed, and how it turned out."""

    rank: int
    moment: str
    title: str
    score: float
    reasons: tuple[str, ...]
    span: Span
    text: str
    words: tuple[Word, ...]
    width: int
    height: int
    frame_rate: float
    scenes: tuple[Scene, ...]
    crop_path: CropPath
    quality: QualityCard
    degraded: tuple[str, ...]
    signals: Mapping[str, float]
    words_by: str = ""
    address: str = ""


def clip_file(number: int, plan: Plan, moment: Moment, draft: Draft, rendering: Rendering) -> ClipFile:
    """The record of a rendered clip."""
    edit = draft.edit
    return ClipFile(
        rank=number,
        moment=moment.id,
        title=plan.change_of(moment).title or moment.title,
        score=moment.score,
        reasons=moment.reasons,
        span=edit.span,
        text=" ".join(word.text for word in draft.words),
        words=draft.words,
        width=edit.canvas.width,
        height=edit.canvas.height,
        frame_rate=float(edit.canvas.frame_rate),
        scenes=edit.framing.scenes,
        crop_path=edit.framing.path,
        quality=rendering.card,
        degraded=(*edit.framing.degraded, *rendering.degraded),
        signals=moment.signals,
        words_by=plan.transcript.by,
        address=plan.source.path if is_address(plan.source.path) else "",
    )


def clip_key(plan: Plan, moment: Moment, transcript: Transcript, encoding: Encoding, height: int) -> str:
    """A name for all that a clip is made from: the same key means the same clip.

    It outlives an update of clipmill, and a move to a machine with another number of cores.
    """
    change, options = plan.change_of(moment), plan.options
    made_from = (
        FORM,
        plan.source.media.sha256,
        moment,
        change,
        (options.aspect, options.layout, options.style, options.safe_area),
        words_key(transcript),
        (replace(encoding, threads=0), height),
    )
    return _hash(made_from)


def words_key(transcript: Transcript) -> str:
    """A name for the words of a transcript: the same key means the same words at the same times."""
    return _hash(transcript.words)


def _hash(value: object) -> str:
    return hashlib.sha256(TypeAdapter[Any](Any).dump_json(value)).hexdigest()


def finished_clip(work: Workspace, number: int, *, key: str | None) -> ClipFile | None:
    """The record of clip ``number`` when it is finished and whole; ``key`` as for ``Workspace.load``."""
    record = work.load(ClipFile, work.clip(number, ".json"), key=key)
    video = work.clip(number, ".mp4")
    whole = record and video.exists() and video.stat().st_size == record.quality.size_bytes
    return record if whole else None


def save_clip(work: Workspace, number: int, draft: Draft, record: ClipFile, *, key: str) -> None:
    """Write what lies beside a finished clip, its record last."""
    work.write(work.clip(number, ".srt"), srt(draft.cues))
    work.write(work.clip(number, ".vtt"), vtt(draft.cues))
    if draft.edit.ass:
        work.write(work.clip(number, ".ass"), draft.edit.ass)
    else:
        work.remove(work.clip(number, ".ass"))
    work.save(record, work.clip(number, ".json"), key=key)


def remove_clips_after(work: Workspace, last: int) -> None:
    """Remove finished clips of an earlier plan that had more of them."""
    for record in work.folder.glob("clip-[0-9][0-9]*.json"):
        number = record.stem.removeprefix("clip-")
        if number.isdecimal() and int(number) > last:
            work.remove(*(record.with_suffix(suffix) for suffix in SUFFIXES))
