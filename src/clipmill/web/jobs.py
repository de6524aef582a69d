"""Jobs over HTTP: hand one in, look at it, wait for it, stop it, take it up again, remove it."""

import asyncio
import hashlib
import json
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from clipmill.errors import BusyError
from clipmill.jobs.records import ENDED, JobRecord, State
from clipmill.jobs.records import Request as Asked
from clipmill.plan import Options, checked_options
from clipmill.web.files import named_etag
from clipmill.web.floor import Floor, Ground
from clipmill.web.problems import told, wrong_field
from clipmill.web.shapes import JobShape, Page
from clipmill.web.show import job_shape, job_shapes
from clipmill.web.sources import allowed_file, allowed_source
from clipmill.web.taken import JobTaken
from clipmill.web.watch import Watch
from clipmill.workspace import demand_reserve

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

METADATA_BYTES = 16 << 10
"""Metadata are for names and numbers of the caller, not for documents."""

MODELS = ("auto", "tiny.en", "base")
"""Speech models that a request may name beside the server's own: others are fetched or read from disk."""

PATIENCE_S = 35.0
"""A job must be written within this time: a little more than the database waits for a lock."""

JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="The job.", examples=["job_2b7xk"])]
Bearer = Annotated[
    str | None,
    Header(max_length=4096, description="`Bearer` and a name: jobs of different names take turns."),
]
Key = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$",
        description="A name for this request: sent again within 24 hours it gives the same job.",
    ),
]
IfNoneMatch = Annotated[str | None, Header(max_length=1000, description="The ETag that is known already.")]


@router.post(
    "",
    status_code=202,
    response_model=JobShape,
    responses={
        202: {
            "description": "The job is written down and will be worked on.",
            "headers": {"Location": {"description": "Where the job is.", "schema": {"type": "string"}}},
        },
        **told(403, 404, 409, 410, 413, 415, 422, 429, 503, 507),
    },
    summary="Hand in a job",
)
async def submit_job(
    taken: JobTaken,
    floor: Ground,
    response: Response,
    authorization: Bearer = None,
    idempotency_key: Key = None,
) -> JobShape:
    """Make clips of a video. Answers as soon as the job is safely written down."""
    if floor.stopping.is_set():
        raise BusyError("The server is about to end: try again soon.", code="stopping", retry_after=5.0)
    asked = await run_in_threadpool(_admitted, taken, floor, owner_of(authorization), idempotency_key or "")
    job = await _accepted(asked, floor)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    response.headers["ETag"] = etag_of(job)
    return await run_in_threadpool(job_shape, job, floor)


@router.get("", response_model=Page[JobShape], responses=told(422, 503), summary="List jobs")
def list_jobs(
    floor: Ground,
    status: Annotated[State | None, Query(description="Only jobs in this state.")] = None,
    cursor: Annotated[
        str | None, Query(pattern="^[0-9a-f]{1,13}$", description="`next_cursor` of the list before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Most jobs to list.")] = 50,
) -> Page[JobShape]:
    """All jobs, newest first."""
    before = int(cursor, 16) if cursor is not None else None
    found = floor.store.jobs(state=status, before=before, limit=limit + 1)
    more = len(found) > limit
    shapes = job_shapes(found[:limit], floor)
    return Page(data=shapes, next_cursor=f"{found[limit - 1].seq:x}" if more else None)


@router.get(
    "/{job_id}",
    response_model=JobShape,
    responses={
        200: {"headers": {"ETag": {"description": "Changes with the job.", "schema": {"type": "string"}}}},
        304: {"description": "The job is as it was."},
        **told(404, 422, 503),
    },
    summary="Look at a job, or wait for it",
)
async def show_job(
    request: Request,
    job_id: JobId,
    floor: Ground,
    wait: Annotated[
        float,
        Query(ge=0, le=60, description="Seconds to wait for its end; with If-None-Match for a change."),
    ] = 0.0,
    tasks: Annotated[bool, Query(description="List the tasks of the present run, too.")] = False,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The job as it is now."""
    watch: Watch = request.app.state.watch
    job = await _awaited(job_id, floor, watch, wait_s=wait, known=if_none_match)
    if named_etag(if_none_match, etag_of(job)):
        return Response(status_code=304, headers={"ETag": etag_of(job)})
    shape = await run_in_threadpool(job_shape, job, floor, tasks=tasks)
    return Response(shape.model_dump_json(), media_type="application/json", headers={"ETag": etag_of(job)})


@router.post("/{job_id}/cancel", responses=told(404, 409, 503), summary="Stop a job for good")
def cancel_job(job_id: JobId, floor: Ground) -> JobShape:
    """Stop what runs and start nothing more; finished clips stay."""
    return job_shape(floor.store.cancel(job_id), floor)


@router.post("/{job_id}/pause", responses=told(404, 409, 503), summary="Hold a job")
def pause_job(job_id: JobId, floor: Ground) -> JobShape:
    """Let what runs come to its end and start nothing more until it is resumed."""
    return job_shape(floor.store.pause(job_id), floor)


@router.post("/{job_id}/resume", responses=told(404, 409, 503), summary="Go on with a paused job")
def resume_job(job_id: JobId, floor: Ground) -> JobShape:
    """Queue a paused job again; what is finished is not done again."""
    return job_shape(floor.store.resume(job_id), floor)


@router.post("/{job_id}/retry", responses=told(404, 409, 503), summary="Try an ended job again")
def retry_job(job_id: JobId, floor: Ground) -> JobShape:
    """Queue a job that failed or was cancelled again; what is finished is not done again."""
    return job_shape(floor.store.retry(job_id), floor)


@router.delete(
    "/{job_id}",
    status_code=204,
    responses={
        204: {"description": "The job is gone; its files go as soon as nothing works on them."},
        **told(404, 503),
    },
    summary="Remove a job",
)
def remove_job(job_id: JobId, floor: Ground) -> None:
    """Remove a job with its clips; stop it first when it runs."""
    floor.store.remove(job_id)


# --- handing in -----------------------------------------------------------------------------------


def owner_of(authorization: str | None) -> str:
    """Whose a request is: a short hash of what follows ``Bearer``; empty when nothing does."""
    kind, _, name = (authorization or "").partition(" ")
    if kind.lower() != "bearer" or not name.strip():
        return ""
    return hashlib.sha256(name.strip().encode("utf-8", "replace")).hexdigest()[:16]


def _admitted(taken: JobTaken, floor: Floor, owner: str, key: str) -> Asked:
    """The request as the store takes it; raises ClipmillError when it cannot be taken."""
    source = allowed_source(taken.source, floor, owner)
    options = _checked(taken, floor)
    metadata = json.dumps(taken.metadata, separators=(",", ":"))
    if len(metadata) > METADATA_BYTES:
        raise wrong_field("metadata", f"takes {len(metadata)} bytes as JSON, {METADATA_BYTES} are the most")
    demand_reserve(floor.home, reserve_mb=floor.reserve_mb)
    said = json.dumps(taken.model_dump(mode="json"), sort_keys=True)
    return Asked(
        source=source,
        options=options,
        owner=owner,
        priority=taken.priority,
        reuse=taken.reuse,
        metadata=taken.metadata,
        idempotency_key=key,
        fingerprint=hashlib.sha256(said.encode()).hexdigest(),
    )


def _checked(taken: JobTaken, floor: Floor) -> Options:
    given: dict[str, Any] = taken.options.model_dump()
    if given["model"] not in (*MODELS, floor.model):
        known = ", ".join(dict.fromkeys((*MODELS, floor.model)))
        raise wrong_field("options.model", f"this server has {known}")
    if given["model"] == "auto":
        given["model"] = floor.model
    if given["transcript"]:
        words = allowed_file(given["transcript"], floor.folders, field="options.transcript")
        given["transcript"] = str(words)
    return checked_options(given)


async def _accepted(asked: Asked, floor: Floor) -> JobRecord:
    writing = asyncio.wrap_future(floor.accepting.submit(asked))
    try:
        return await asyncio.wait_for(asyncio.shield(writing), PATIENCE_S)
    except TimeoutError:
        raise BusyError(
            "The job could not be written in time: send it again with the same Idempotency-Key.",
            code="database-down",
            retry_after=5.0,
        ) from None


# --- looking --------------------------------------------------------------------------------------


async def _awaited(job_id: str, floor: Floor, watch: Watch, *, wait_s: float, known: str | None) -> JobRecord:
    """A job, at once or when it is worth looking at."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + min(wait_s, floor.wait_s)
    job = await run_in_threadpool(floor.store.job, job_id)
    while (left := deadline - clock()) > 0 and not floor.stopping.is_set():
        if not named_etag(known, etag_of(job)) if known else job.state in ENDED:
            break
        if not await watch.changed(job_id, job.last_event, left):
            break
        job = await run_in_threadpool(floor.store.job, job_id)
    return job


def etag_of(job: JobRecord) -> str:
    """A job's ETag: the number of its newest event."""
    return f'"{job.last_event}"'
