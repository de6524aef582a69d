"""Records of the store as the answers that tell of them."""

from collections.abc import Sequence
from dataclasses import asdict

from clipmill.addresses import is_address
from clipmill.jobs.records import ClipRecord, Fault, JobRecord, State, TaskRecord
from clipmill.jobs.upload_rows import Upload
from clipmill.web.floor import Floor
from clipmill.web.links import clip_links, signed
from clipmill.web.messages import utc
from clipmill.web.shapes import (
    ClipCounts,
    ClipShape,
    FaultShape,
    JobLinks,
    JobShape,
    SpanShape,
    TaskShape,
    UploadShape,
)
from clipmill.web.taken import OptionsShape, SourceShape


def job_shapes(jobs: Sequence[JobRecord], floor: Floor) -> list[JobShape]:
    """Jobs as they are shown."""
    places = floor.store.positions([job.id for job in jobs if job.state is State.QUEUED])
    return [_job_shape(job, floor, places.get(job.id)) for job in jobs]


def job_shape(job: JobRecord, floor: Floor, *, tasks: bool = False) -> JobShape:
    """A job as it is shown, with the tasks of its run if wanted."""
    (shape,) = job_shapes([job], floor)
    if tasks:
        shown = [_task_shape(task) for task in floor.store.tasks(job.id)]
        return shape.model_copy(update={"tasks": shown})
    return shape


def _job_shape(job: JobRecord, floor: Floor, place: int | None) -> JobShape:
    return JobShape(
        id=job.id,
        status=job.state,
        stage=job.stage,
        progress=min(1.0, max(0.0, job.progress)),
        eta_s=job.eta_s,
        queue_position=place,
        priority=job.request.priority,
        source=_source(job.request.source, floor),
        title=job.title,
        words_by=job.words_by,
        reuse=job.request.reuse,
        options=OptionsShape.model_construct(**asdict(job.request.options)),
        metadata=dict(job.request.metadata),
        cost=job.cost,
        warnings=list(job.warnings),
        error=_fault(job.fault),
        clips=ClipCounts(ready=job.clips_ready, expected=job.clips_expected),
        tasks=None,
        created_at=utc(job.created),
        started_at=_when(job.started),
        ended_at=_when(job.ended),
        links=job_links(job.id, floor),
    )


def _source(source: str, floor: Floor) -> SourceShape:
    """A job's source as it was asked for."""
    if is_address(source):
        return SourceShape.model_construct(address=source)
    if upload := floor.uploads.of_source(source):
        return SourceShape.model_construct(upload=upload)
    return SourceShape.model_construct(path=source)


def job_links(job: str, floor: Floor) -> JobLinks:
    """Where to go from a job; what a browser opens by itself is signed."""
    place = f"/v1/jobs/{job}"
    return JobLinks(
        self=place,
        events=f"{place}/events",
        ws=f"{place}/ws",
        clips=f"{place}/clips",
        plan=f"{place}/plan",
        archive=signed(f"{place}/archive.zip", floor),
        report=signed(f"{place}/report", floor),
        logs=f"{place}/logs",
    )


def clip_shape(clip: ClipRecord, floor: Floor) -> ClipShape:
    """A finished clip as it is shown."""
    facts = clip.facts
    return ClipShape(
        id=clip.id,
        job_id=clip.job,
        number=clip.number,
        revision=clip.revision,
        moment=clip.moment,
        title=facts.get("title", ""),
        score=facts.get("score", 0.0),
        reasons=list(facts.get("reasons", ())),
        span=SpanShape(**facts.get("span", {"start": 0.0, "end": 0.0})),
        text=facts.get("text", ""),
        words_by=facts.get("words_by", ""),
        width=facts.get("width", 0),
        height=facts.get("height", 0),
        frame_rate=facts.get("frame_rate", 0.0),
        quality=dict(facts.get("quality", {})),
        degraded=list(facts.get("degraded", ())),
        sha256=facts.get("sha256", ""),
        made_at=utc(clip.made),
        links=clip_links(clip.id, floor),
    )


def upload_shape(upload: Upload, floor: Floor) -> UploadShape:
    """An upload as it is shown."""
    return UploadShape(
        id=upload.id,
        name=upload.name,
        length=upload.length,
        offset=upload.received,
        done=upload.done,
        sha256=upload.sha256,
        created_at=utc(upload.created),
        expires_at=utc(floor.uploads.expires(upload)),
        links={"self": f"/v1/uploads/{upload.id}"},
    )


def _task_shape(task: TaskRecord) -> TaskShape:
    return TaskShape(
        stage=task.name.stage,
        clip=task.name.clip,
        state=task.state,
        attempt=task.attempt,
        crashes=task.crashes,
        share=task.share,
        worked=task.worked,
        started_at=_when(task.started),
        ended_at=_when(task.ended),
        error=_fault(task.fault),
    )


def _fault(fault: Fault | None) -> FaultShape | None:
    return FaultShape(code=fault.code, message=fault.message) if fault else None


def _when(seconds: float | None) -> str | None:
    return None if seconds is None else utc(seconds)
