"""Finished clips over HTTP: what they are, their files, all in one archive, and the page about them."""

import os
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path as File
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from starlette.responses import HTMLResponse, PlainTextResponse, StreamingResponse

from clipmill import report
from clipmill.clipfile import SUFFIXES, ClipFile, finished_clip
from clipmill.errors import PlanError, UnknownError
from clipmill.jobs.joblog import log_file
from clipmill.jobs.records import ClipRecord, JobRecord
from clipmill.plan import Plan, read_plan
from clipmill.web.archive import Entry, zip_stream
from clipmill.web.files import Opened, Sent, Wanted, disposition, file_answer, opened_file, wanted_part
from clipmill.web.floor import Floor, Ground
from clipmill.web.jobs import JobId
from clipmill.web.links import CLIP_FILES, Signed, clip_links
from clipmill.web.problems import told
from clipmill.web.shapes import ClipList, ClipShape
from clipmill.web.show import clip_shape
from clipmill.workspace import Workspace, folder_name

router = APIRouter(prefix="/v1", tags=["clips"])

ClipId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9_.-]{1,200}$", description="The clip.", examples=["mfrggzdfmztwq2lk-m1"])
]
Save = Annotated[bool, Query(description="Save the file instead of showing it.")]

TYPES = {
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".srt": "application/x-subrip; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
    ".ass": "text/x-ssa; charset=utf-8",
    ".json": "application/json",
}
"""What the files of a clip are."""

FILE_NAMES = {
    ".mp4": "The video of a clip",
    ".jpg": "A picture of a clip",
    ".srt": "The captions of a clip as SRT",
    ".vtt": "The captions of a clip as WebVTT",
    ".ass": "The captions of a clip as they were drawn, as ASS",
    ".json": "All about a clip, word for word",
}
"""The same for people."""

LOG_BYTES = 256 << 10
"""The most of a job's log that is read: the end of it."""


@router.get("/jobs/{job_id}/clips", responses=told(404, 503), summary="List the finished clips of a job")
def list_clips(job_id: JobId, floor: Ground) -> ClipList:
    """The clips that can be watched, the best first; more may come while the job runs."""
    job = floor.store.job(job_id)
    return ClipList(data=[clip_shape(clip, floor) for clip in floor.store.clips(job.id)])


@router.get("/clips/{clip_id}", responses=told(404, 503), summary="Look at a clip")
def show_clip(clip_id: ClipId, floor: Ground) -> ClipShape:
    """A finished clip: why it was chosen, how it was cut, how it turned out, and where its files are."""
    return clip_shape(floor.store.clip(clip_id), floor)


# --- files ----------------------------------------------------------------------------------------


def _sender(suffix: str) -> Callable[..., Response]:
    """The endpoint of one kind of file."""

    def send_file(
        clip_id: ClipId,
        floor: Ground,
        wanted: Annotated[Wanted, Depends(wanted_part)],
        download: Save = False,
    ) -> Response:
        """The file, or the part of it that is wanted; its ETag changes with its bytes."""
        clip = floor.store.clip(clip_id)
        file = _clip_file(clip, floor.workspace(clip.job), suffix)
        name = f"{clip.number:02d} {folder_name(str(clip.facts.get('title', '')))}{suffix}"
        return file_answer(file, wanted, Sent(TYPES[suffix], name, save=download))

    return send_file


def _file_answers(suffix: str) -> dict[int | str, dict[str, Any]]:
    content = {TYPES[suffix]: {"schema": {"type": "string", "format": "binary"}}}
    if suffix == ".json":
        content = {TYPES[suffix]: {"schema": {"type": "object"}}}
    parts = {**content, "multipart/byteranges": {"schema": {"type": "string", "format": "binary"}}}
    return {
        200: {"description": "All of the file.", "content": content},
        206: {"description": "The part that was asked for.", "content": parts},
        304: {"description": "The file is as it was."},
        **told(403, 404, 416, 422, 503),
    }


for _name, _suffix in CLIP_FILES.items():
    for _method in ("GET", "HEAD"):
        router.add_api_route(
            f"/clips/{{clip_id}}/{_name}",
            _sender(_suffix),
            methods=[_method],
            operation_id=f"{_method.lower()}_clip_{_name.replace('.', '_')}",
            summary=FILE_NAMES[_suffix] + ("" if _method == "GET" else ": its head only"),
            response_class=Response,
            responses=_file_answers(_suffix),
            dependencies=[Signed],
        )


def _clip_file(clip: ClipRecord, work: Workspace, suffix: str) -> Opened:
    """A file of a clip, open; raises UnknownError when it is not there, or is another clip's by now."""
    try:
        file = opened_file(work.clip(clip.number, suffix))
    except OSError:
        raise _no_file(clip, suffix) from None
    if not _belongs(file, clip, work, suffix):
        os.close(file.number)
        raise _no_file(clip, suffix)
    return file


def _belongs(file: Opened, clip: ClipRecord, work: Workspace, suffix: str) -> bool:
    """Whether a file is of this clip: a plan that was saved may give its number to another."""
    beside = work.load(ClipFile, work.clip(clip.number, ".json"), key=None)
    if beside is None or beside.moment != clip.moment:
        return False
    if suffix != ".mp4" or file.facts.st_size == beside.quality.size_bytes:
        return True
    plan = _plan(work)  # a new video whose record is not written yet: of the moment that the plan says
    return plan is not None and plan.chosen[clip.number - 1 : clip.number] == (clip.moment,)


def _no_file(clip: ClipRecord, suffix: str) -> UnknownError:
    return UnknownError(
        f"Clip {clip.id} has no {suffix[1:]} file just now: it has no captions, or is being rendered anew.",
        code="clip-file-unknown",
    )


# --- all of a job ---------------------------------------------------------------------------------


@router.get(
    "/jobs/{job_id}/archive.zip",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The archive.",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        },
        **told(403, 404, 422, 503),
    },
    dependencies=[Signed],
    summary="All finished clips as one ZIP file",
)
def send_archive(job_id: JobId, floor: Ground) -> Response:
    """Every file of every finished clip, the plan, the transcript and the page; made while it is sent."""
    job = floor.store.job(job_id)
    work, clips = floor.workspace(job.id), floor.store.clips(job.id)
    if not clips:
        raise UnknownError(f"Job {job.id} has no finished clip yet.", code="clips-unknown")
    files = [work.clip(clip.number, suffix) for clip in clips for suffix in SUFFIXES]
    files += [work.path("plan.json"), work.path("transcript.json"), work.path("words.json")]
    entries = [Entry(file.name, file) for file in files]
    if (plan := _plan(work)) is not None:
        entries.append(Entry("report.html", _page(plan, job, floor).encode()))
    name = f"{folder_name(job.title or File(job.request.source).stem)}.zip"
    headers = {"Content-Disposition": disposition(Sent("", name, save=True))}
    return StreamingResponse(zip_stream(entries), headers=headers, media_type="application/zip")


@router.get(
    "/jobs/{job_id}/report",
    response_class=HTMLResponse,
    responses={
        200: {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}},
        **told(403, 404, 422, 503),
    },
    dependencies=[Signed],
    summary="A page to look through the clips",
)
def send_report(job_id: JobId, floor: Ground) -> Response:
    """The page about the clips that are finished; it loads nothing from elsewhere."""
    job = floor.store.job(job_id)
    plan = _plan(floor.workspace(job.id))
    if plan is None:
        raise UnknownError(f"Job {job.id} has no plan yet.", code="plan-unknown")
    links = {clip.number: clip_links(clip.id, floor) for clip in floor.store.clips(job.id)}
    names = {suffix: name.replace(".", "_") for name, suffix in CLIP_FILES.items()}

    def linked(found: re.Match[str]) -> str:
        link = links.get(int(found[2]), {}).get(names.get(found[3], ""), "")
        return f'{found[1]}="{link.replace("&", "&amp;")}"'

    page = re.sub(r'(src|href|poster)="clip-(\d+)(\.[a-z0-9]+)"', linked, _page(plan, job, floor))
    return HTMLResponse(page, headers={"Content-Security-Policy": _policy()})


@router.get(
    "/jobs/{job_id}/logs",
    response_class=PlainTextResponse,
    responses={
        200: {"description": "The log.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        **told(404, 422, 503),
    },
    summary="The log of a job",
)
def send_log(
    job_id: JobId,
    floor: Ground,
    lines: Annotated[int, Query(ge=1, le=10000, description="So many lines from the end.")] = 200,
) -> Response:
    """What the job's tasks said, and the end of what programs wrote that crashed; empty before the first."""
    job = floor.store.job(job_id)
    try:
        with log_file(floor.workspace(job.id).folder).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_BYTES))
            text = log.read().decode("utf-8", "replace")
    except FileNotFoundError:
        text = ""
    return PlainTextResponse("".join(text.splitlines(keepends=True)[-lines:]))


def _plan(work: Workspace) -> Plan | None:
    try:
        return read_plan(work.path("plan.json"))
    except PlanError:
        return None


def _page(plan: Plan, job: JobRecord, floor: Floor) -> str:
    work = floor.workspace(job.id)
    found = (finished_clip(work, number, key=None) for number in range(1, len(plan.chosen) + 1))
    return report.page(plan, [clip for clip in found if clip], job.warnings)


def _policy() -> str:
    """What the page may do: run its own script, show its own clips, nothing else."""
    template = File(report.__file__).parent / "data" / "report.html"
    script = re.search(r"<script>(.*?)</script>", template.read_text(encoding="utf-8"), re.DOTALL)
    digest = b64encode(sha256(script[1].encode()).digest()).decode() if script else ""
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src 'self';"
        " media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
