"""The finished clips of a job, as its ledger keeps them."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from clipmill.jobs.records import ClipRecord
from clipmill.jobs.sheet import Sheet
from clipmill.jobs.tables import clips, events, tasks


def keep_clip(sheet: Sheet, clip: ClipRecord) -> None:
    """Write down a finished clip and tell of it, unless that very clip was written down before.

    A moment keeps its clip's id for good; ``revision`` counts how often its file was another.
    """
    mine = clips.c.job == sheet.job.id
    rows = sheet.connection.execute(sa.select(clips).where(mine)).all()
    old = next((row for row in rows if row.moment == clip.moment), None)
    if old is not None and old.number == clip.number and old.facts == dict(clip.facts):
        return
    same_file = old is not None and _content(old.facts) == _content(clip.facts)
    last = old.revision if old is not None else _last_revision(sheet, clip.id)
    row = {
        "id": old.id if old is not None else clip.id,
        "moment": clip.moment,
        "number": clip.number,
        "revision": last if same_file else last + 1,
        "facts": dict(clip.facts),
        "made": old.made if old is not None and same_file else sheet.now,
    }
    replaced = sa.or_(clips.c.moment == clip.moment, clips.c.number == clip.number)
    sheet.connection.execute(sa.delete(clips).where(mine, replaced))
    sheet.connection.execute(sa.insert(clips).values(job=sheet.job.id, **row))
    _count_clips(sheet)
    facts = {name: clip.facts.get(name) for name in ("title", "score")}
    duration = (clip.facts.get("quality") or {}).get("duration")
    what = {name: row[name] for name in ("moment", "number", "revision")}
    sheet.tell("clip.ready", clip=row["id"], **what, **facts, duration=duration)


def drop_clips(sheet: Sheet, last: int) -> bool:
    """Forget clips, and tasks for clips, of a plan that had more of them; whether there were any."""
    job = sheet.job.id
    unused = sa.and_(tasks.c.job == job, tasks.c.stage == "encode", tasks.c.clip > last)
    more = sa.and_(clips.c.job == job, clips.c.number > last)
    gone = sum(
        sheet.connection.execute(sa.delete(t).where(w)).rowcount for t, w in ((tasks, unused), (clips, more))
    )
    _count_clips(sheet)
    return gone > 0


def _count_clips(sheet: Sheet) -> None:
    count = sa.select(sa.func.count()).where(clips.c.job == sheet.job.id)
    sheet.change(clips_ready=sheet.connection.scalar(count))


def _last_revision(sheet: Sheet, clip: str) -> int:
    """The newest revision of a clip whose place was taken by another for a while; 0 when there was none."""
    ready = sa.select(events.c.data).where(events.c.job == sheet.job.id, events.c.kind == "clip.ready")
    told = sheet.connection.scalars(ready).all()
    return max((data["revision"] for data in told if data["clip"] == clip), default=0)


def _content(facts: Mapping[str, Any]) -> object:
    """What makes a clip's file that file: its hash, or all that is known of it."""
    return facts.get("sha256") or facts
