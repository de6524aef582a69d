"""Plans over HTTP: read one, save a changed one, change one clip of it, render what changed."""

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool

from clipmill.errors import OutdatedError, PlanError, StateError, UnknownError
from clipmill.jobs.records import ENDED, ClipRecord, JobRecord, State
from clipmill.model import Moment, Span
from clipmill.plan import Change, Plan, parse_plan, plan_text, read_plan
from clipmill.web.bodies import strict_json
from clipmill.web.clips import ClipId
from clipmill.web.files import named_etag
from clipmill.web.floor import Floor, Ground
from clipmill.web.jobs import IfNoneMatch, JobId
from clipmill.web.problems import Refused, told, wrong_field
from clipmill.web.shapes import JobShape, PlannedClip, SpanShape
from clipmill.web.show import job_shape
from clipmill.web.taken import ClipChangeTaken
from clipmill.workspace import Workspace, write_text

router = APIRouter(prefix="/v1", tags=["plans"])

MOST_CLIPS = 100
"""As many as a job can be asked for."""

LONGEST_S = 3600.0
"""The longest clip, as the plan's options have it."""

CHANGEABLE = ENDED | {State.PAUSED}
"""Nothing works on the plan in these states."""

PLAN_ANSWER: dict[str, Any] = {
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Plan"}}},
    "headers": {"ETag": {"description": "The plan's revision.", "schema": {"type": "string"}}},
}

IfMatch = Annotated[
    str | None,
    Header(max_length=200, description='The ETag of the plan that was changed, such as `"3"`; needed.'),
]


@dataclass(frozen=True, slots=True)
class Desk:
    """A plan that nobody else changes for the moment."""

    job: JobRecord
    work: Workspace
    plan: Plan

    def save(self, plan: Plan) -> Plan:
        """Leave a changed plan under the next revision."""
        new = replace(plan, revision=self.plan.revision + 1)
        text = plan_text(new)
        strict_json(text.encode())  # what JSON cannot say came in as a huge number
        write_text(self.work.path("plan.json"), text)
        return new


@router.get(
    "/jobs/{job_id}/plan",
    responses={
        200: {"description": "The plan.", **PLAN_ANSWER},
        304: {"description": "The plan is as it was."},
        **told(404, 422, 503),
    },
    response_class=Response,
    summary="Read the plan of a job",
)
def show_plan(job_id: JobId, floor: Ground, if_none_match: IfNoneMatch = None) -> Response:
    """Everything that was decided about the video, to be changed and sent back."""
    plan = _plan(floor.store.job(job_id), floor.workspace(job_id))
    headers = {"ETag": etag_of(plan)}
    if named_etag(if_none_match, etag_of(plan)):
        return Response(status_code=304, headers=headers)
    return Response(plan_text(plan), media_type="application/json", headers=headers)


@router.put(
    "/jobs/{job_id}/plan",
    status_code=202,
    responses=told(404, 409, 412, 413, 415, 422, 428, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Plan"}}},
        }
    },
    summary="Save a changed plan and render what changed",
)
async def save_plan(
    request: Request, job_id: JobId, floor: Ground, response: Response, if_match: IfMatch = None
) -> JobShape:
    """Clips of which nothing changed are not rendered again. Only while nothing works on the job."""
    body = await request.body()
    shape, etag = await run_in_threadpool(_saved, body, job_id, floor, if_match)
    response.headers["ETag"] = etag
    return shape


@router.patch(
    "/clips/{clip_id}",
    responses=told(404, 409, 413, 415, 422, 503),
    summary="Change one clip in its plan",
)
def change_clip(clip_id: ClipId, taken: ClipChangeTaken, floor: Ground) -> PlannedClip:
    """Move, extend, rename or recaption a clip. The plan is saved; render the clip to see it."""
    clip = floor.store.clip(clip_id)
    with _desk(clip.job, floor) as desk:
        moment = _moment(desk.plan, clip)
        change = _changed(desk.plan, moment, taken)
        plan = desk.plan
        if change != plan.change_of(moment):
            plan = desk.save(_with_change(plan, moment, change))
    return _planned(clip, plan, moment)


@router.post(
    "/clips/{clip_id}/render",
    status_code=202,
    responses=told(404, 409, 503),
    summary="Render a changed clip",
)
def render_clip(clip_id: ClipId, floor: Ground) -> JobShape:
    """Queue the job of a clip again: what changed in its plan is rendered, all else is found finished."""
    clip = floor.store.clip(clip_id)
    with _desk(clip.job, floor) as desk:
        _moment(desk.plan, clip)
        return job_shape(floor.store.rerun(clip.job, desk.plan.options), floor)


def etag_of(plan: Plan) -> str:
    """A plan's ETag: its revision."""
    return f'"{plan.revision}"'


# --- a whole plan ---------------------------------------------------------------------------------


def _saved(body: bytes, job_id: str, floor: Floor, if_match: str | None) -> tuple[JobShape, str]:
    with _desk(job_id, floor) as desk:
        if if_match is None:
            raise Refused(
                "Send the ETag of the plan that you changed as If-Match, so that nobody's changes are lost.",
                code="precondition-required",
            )
        _demand_revision(if_match, desk)
        plan = _taken(body, desk.plan)
        plan = desk.save(plan)
        return job_shape(floor.store.rerun(job_id, plan.options), floor), etag_of(plan)


def _taken(body: bytes, old: Plan) -> Plan:
    """The plan in a body, when it is about the same source and words as the one before."""
    strict_json(body)
    plan = parse_plan(body.decode(), name="that was sent")
    for field, before, after in (
        ("source", old.source, plan.source),
        ("transcript", old.transcript, plan.transcript),
        ("options.transcript", old.options.transcript, plan.options.transcript),
        ("options.model", old.options.model, plan.options.model),
        ("options.language", old.options.language, plan.options.language),
    ):
        if before != after:
            raise wrong_field(field, "must stay as it was: hand in a new job for another")
    if not 1 <= len(plan.chosen) <= MOST_CLIPS:
        raise wrong_field("chosen", f"takes 1 to {MOST_CLIPS} moments")
    for name in plan.chosen:
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", name):
            raise wrong_field("chosen", "the id of a moment may have letters, digits, _, . and - only")
    return plan


# --- one clip -------------------------------------------------------------------------------------


def _moment(plan: Plan, clip: ClipRecord) -> Moment:
    for moment in plan.chosen_moments:
        if moment.id == clip.moment:
            return moment
    raise StateError(
        f"Clip {clip.id} is not in the plan any more: put its moment into `chosen` first.",
        code="clip-not-chosen",
    )


def _changed(plan: Plan, moment: Moment, taken: ClipChangeTaken) -> Change:
    """What is changed about a clip when all that was sent is done."""
    old, given = plan.change_of(moment), taken.model_fields_set
    words = {int(number): text for number, text in (taken.words or {}).items()}
    return replace(
        old,
        span=_span(plan, moment, taken) if given & {"start", "end"} else old.span,
        title=taken.title if "title" in given else old.title,
        style=taken.style if "style" in given else old.style,
        layout=taken.layout if "layout" in given else old.layout,
        words=words if "words" in given else old.words,
    )


def _span(plan: Plan, moment: Moment, taken: ClipChangeTaken) -> Span | None:
    """Where the clip is to be cut; None where it was found."""
    now, given, length = plan.span_of(moment), taken.model_fields_set, plan.source.media.duration
    start = (moment.span.start if taken.start is None else taken.start) if "start" in given else now.start
    end = (moment.span.end if taken.end is None else taken.end) if "end" in given else now.end
    if end > length + 0.05:
        raise wrong_field("end", f"the source ends at {length:g} s")
    if not start < end <= start + LONGEST_S:
        edge = "start" if "start" in given else "end"
        raise wrong_field(edge, f"a clip takes up to {LONGEST_S:g} s and must end after it starts")
    span = Span(start, end)
    return None if span == moment.span else span


def _with_change(plan: Plan, moment: Moment, change: Change) -> Plan:
    """A plan with one clip changed; a change that changes nothing is left out."""
    changes = {name: each for name, each in plan.changes.items() if name != moment.id}
    if change != Change():
        changes[moment.id] = change
    try:
        return replace(plan, changes=changes)
    except ValueError as error:
        raise PlanError(f"The plan cannot be changed so: {error}.", code="plan-wrong") from None


def _planned(clip: ClipRecord, plan: Plan, moment: Moment) -> PlannedClip:
    change, span = plan.change_of(moment), plan.span_of(moment)
    place = f"/v1/clips/{clip.id}"
    return PlannedClip(
        id=clip.id,
        job_id=clip.job,
        moment=moment.id,
        plan_revision=plan.revision,
        span=SpanShape(start=span.start, end=span.end),
        title=change.title or moment.title,
        style=change.style or plan.options.style,
        layout=change.layout or plan.options.layout,
        words={str(number): text for number, text in change.words.items()},
        links={"self": place, "render": f"{place}/render", "plan": f"/v1/jobs/{clip.job}/plan"},
    )


# --- the plan on the disk -------------------------------------------------------------------------


@contextmanager
def _desk(job_id: str, floor: Floor) -> Iterator[Desk]:
    """A job's plan, locked against everybody else who changes plans; StateError while the job is at work."""
    job, work = floor.store.job(job_id), floor.workspace(job_id)
    _plan(job, work)
    with (work.kept / "plan.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        job = floor.store.job(job_id)
        if job.state not in CHANGEABLE:
            raise StateError(
                f"Job {job_id} is {job.state}: its plan can be changed when it has ended or is paused.",
                code="job-state",
            )
        yield Desk(job, work, _plan(job, work))


def _plan(job: JobRecord, work: Workspace) -> Plan:
    try:
        return read_plan(work.path("plan.json"))
    except PlanError as error:
        if error.code != "plan-not-found":
            raise
    raise UnknownError(f"Job {job.id} has no plan yet.", code="plan-unknown")


def _demand_revision(if_match: str, desk: Desk) -> None:
    named = [each.strip() for each in if_match.split(",")]
    if etag_of(desk.plan) not in named and "*" not in named:
        raise OutdatedError(
            f"The plan was changed meanwhile and is at revision {desk.plan.revision}: read it again.",
            code="plan-changed",
        )
