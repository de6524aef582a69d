"""Uploads over HTTP: tus 1.0.0 for those that go on after a cut, and a plain PUT for curl."""

from typing import Annotated, cast

from fastapi import APIRouter, Path, Request, Response
from starlette.datastructures import Headers

from clipmill.errors import BusyError, ClipmillError, UnknownError
from clipmill.jobs.upload_rows import Upload
from clipmill.web import tus
from clipmill.web.floor import Floor, Ground
from clipmill.web.jobs import Bearer, owner_of
from clipmill.web.problems import Refused, told, wrong_field
from clipmill.web.reception import Coming, Cut, Reception, demand_offset, too_long
from clipmill.web.shapes import UploadList, UploadShape
from clipmill.web.show import upload_shape
from clipmill.web.tus_document import answering, taking

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])

GONE = 499
"""What is noted down as the status of a request whose sender is gone: nobody reads it."""

UploadId = Annotated[
    str, Path(pattern=r"^[a-z2-7]{24}$", description="The upload.", examples=["upload2lkmfrggzdfmztwq2l"])
]
FileName = Annotated[
    str, Path(min_length=1, max_length=tus.MOST_NAME, description="The file's name.", examples=["talk.mp4"])
]


@router.options(
    "",
    status_code=204,
    responses={
        **answering(
            204,
            "What the server knows of tus.",
            "Tus-Version",
            "Tus-Extension",
            "Tus-Max-Size",
            "Tus-Checksum-Algorithm",
        ),
        **told(),
    },
    summary="Ask what uploads can do",
)
def upload_abilities(floor: Ground) -> Response:
    """The version and the parts of tus that the server knows, and how large an upload may be."""
    return Response(status_code=204, headers=tus.abilities(floor.uploads.rules.most_bytes))


@router.get("", responses=told(503), summary="List uploads")
def list_uploads(floor: Ground, authorization: Bearer = None) -> UploadList:
    """Your newest uploads, at most 100."""
    found = floor.uploads.all_of(owner_of(authorization))
    return UploadList(data=[upload_shape(upload, floor) for upload in found])


@router.post(
    "",
    status_code=201,
    response_model=UploadShape,
    responses={
        **answering(201, "The upload can be sent.", "Location", "Upload-Offset", "Upload-Expires"),
        **told(400, 408, 412, 413, 415, 429, 460, 503, 507),
    },
    openapi_extra=taking(
        "Tus-Resumable",
        "Upload-Length",
        "Upload-Defer-Length",
        "Upload-Metadata",
        "Upload-Checksum",
        body=tus.BODY_TYPE,
    ),
    summary="Begin an upload that can go on after a cut",
)
async def begin_upload(request: Request, floor: Ground, authorization: Bearer = None) -> Response:
    """Make a place for an upload by tus; a body are its first bytes."""
    headers = request.headers
    tus.demand_version(headers)
    length, name = tus.length_in(headers), tus.name_in(headers)
    coming = Coming(0, tus.checksum_in(headers))
    demand_size(floor, length)
    has_body = _announced(headers) != 0
    if has_body:
        tus.demand_type(headers)
        _demand_fit(headers, floor.uploads.rules.most_bytes if length is None else length)
    owner, metadata = owner_of(authorization), headers.get("upload-metadata", "")
    _demand_open(floor)
    upload = await _reception(request).ask(
        lambda uploads: uploads.create(owner, name, length, metadata=metadata)
    )
    return await _received(request, floor, upload, coming) if has_body else _made(upload, floor)


@router.head(
    "/{upload}",
    response_class=Response,
    responses={
        **answering(
            200,
            "How far the upload is.",
            "Upload-Offset",
            "Upload-Length",
            "Upload-Expires",
            "Upload-Metadata",
        ),
        **told(404, 410, 412, 503),
    },
    openapi_extra=taking("Tus-Resumable"),
    summary="Ask where an upload goes on",
)
async def upload_offset(
    request: Request, upload: UploadId, floor: Ground, authorization: Bearer = None
) -> Response:
    """How many bytes are safely on the disk: where to go on."""
    tus.demand_version(request.headers)
    found = await _reception(request).settled(upload, owner_of(authorization))
    return Response(headers=tus.whole_headers(found, floor.uploads.expires(found)))


@router.get("/{upload}", responses=told(404, 410, 503), summary="Look at an upload")
def show_upload(upload: UploadId, floor: Ground, authorization: Bearer = None) -> UploadShape:
    """An upload and how far it is."""
    return upload_shape(floor.uploads.find(upload, owner_of(authorization)), floor)


@router.patch(
    "/{upload}",
    status_code=204,
    responses={
        **answering(204, "The bytes are safely on the disk.", "Upload-Offset", "Upload-Expires"),
        **told(400, 404, 408, 409, 410, 412, 413, 415, 423, 429, 460, 503, 507),
    },
    openapi_extra=taking(
        "Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Checksum", body=tus.BODY_TYPE
    ),
    summary="Send more of an upload",
)
async def continue_upload(
    request: Request, upload: UploadId, floor: Ground, authorization: Bearer = None
) -> Response:
    """Write bytes at the end of an upload by tus. What came before a cut stays."""
    headers, reception, owner = request.headers, _reception(request), owner_of(authorization)
    tus.demand_version(headers)
    tus.demand_type(headers)
    coming = Coming(tus.offset_in(headers), tus.checksum_in(headers))
    _demand_open(floor)
    found = await reception.ask(lambda uploads: uploads.find(upload, owner))
    if found.once and not found.done:
        raise UnknownError(
            f"The upload {upload} must come in one piece: send all of it again.", code="upload-gone"
        )
    found = await _with_length(found, headers, floor, reception)
    most = floor.uploads.rules.most_bytes if found.length is None else found.length
    _demand_fit(headers, most - (coming.offset or 0))
    if found.done:
        demand_offset(found.received, coming)
    else:
        try:
            found = await reception.take(found, request.receive, coming)
        except Cut:
            return Response(status_code=GONE)
    return Response(status_code=204, headers=tus.upload_headers(found, floor.uploads.expires(found)))


@router.put(
    "/{upload}",
    status_code=201,
    response_model=UploadShape,
    responses={
        **answering(201, "The upload is here and whole.", "Location"),
        **told(408, 413, 422, 429, 503, 507),
    },
    openapi_extra=taking(body="application/octet-stream"),
    summary="Upload a file in one piece",
)
async def upload_file(
    request: Request, upload: FileName, floor: Ground, authorization: Bearer = None
) -> Response:
    """Take a whole file, as `curl -T talk.mp4 URL/v1/uploads/` sends it; a cut one leaves nothing."""
    if not tus.is_name(upload):
        raise wrong_field("path.upload", tus.NAMING)
    length, owner = _announced(request.headers), owner_of(authorization)
    demand_size(floor, length)
    _demand_open(floor)
    made = await _reception(request).ask(lambda uploads: uploads.create(owner, upload, length, once=True))
    return await _received(request, floor, made, Coming(0))


@router.delete(
    "/{upload}",
    status_code=204,
    responses={204: {"description": "The upload and its file are gone."}, **told(404, 409, 410, 412, 503)},
    summary="Remove an upload",
)
def remove_upload(request: Request, upload: UploadId, floor: Ground, authorization: Bearer = None) -> None:
    """Remove an upload, finished or not; not while a job has it as its source."""
    tus.demand_version(request.headers, needed=False)
    floor.uploads.remove(floor.uploads.find(upload, owner_of(authorization)))


# --- taking -----------------------------------------------------------------------------------------


async def _received(request: Request, floor: Floor, upload: Upload, coming: Coming) -> Response:
    """Take the body that came with the request for a new upload; where that fails, nothing is left."""
    reception = _reception(request)
    try:
        whole = await reception.take(upload, request.receive, coming)
    except (Cut, ClipmillError) as error:
        await reception.ask(lambda uploads: uploads.discard(upload))
        if isinstance(error, Cut):
            return Response(status_code=GONE)
        raise
    return _made(whole, floor)


async def _with_length(found: Upload, headers: Headers, floor: Floor, reception: Reception) -> Upload:
    """An upload with the length that a later request says."""
    length = tus.number_in(headers, "Upload-Length")
    if length is None or length == found.length:
        return found
    if found.length is not None or length < found.received:
        raise Refused("The length of this upload was said before.", code="upload-header-wrong")
    demand_size(floor, length)
    await reception.ask(lambda uploads: uploads.announce(found, length))
    return await reception.ask(lambda uploads: uploads.find(found.id, found.owner))


def _made(upload: Upload, floor: Floor) -> Response:
    """The answer to who began an upload."""
    expires = floor.uploads.expires(upload)
    headers = {"Location": f"/v1/uploads/{upload.id}", **tus.upload_headers(upload, expires)}
    body = upload_shape(upload, floor).model_dump_json()
    return Response(body, 201, headers=headers, media_type="application/json")


def demand_size(floor: Floor, length: int | None) -> None:
    """Refuse an upload that is larger than any may be."""
    most = floor.uploads.rules.most_bytes
    if length is not None and length > most:
        raise Refused(
            f"An upload may have {most // 1_000_000} MB, and this one has {length // 1_000_000}: cut it, or"
            " put it into a folder that the server allows.",
            code="upload-too-large",
        )


def _demand_fit(headers: Headers, room: int) -> None:
    """Refuse a body that is said to be longer than there is room for, before it comes."""
    if (_announced(headers) or 0) > max(0, room):
        raise too_long(max(0, room))


def _demand_open(floor: Floor) -> None:
    if floor.stopping.is_set():
        raise BusyError("The server is about to end: go on soon.", code="stopping", retry_after=5.0)


def _announced(headers: Headers) -> int | None:
    """How long the body is said to be, None when that is not said but there is one."""
    if "transfer-encoding" in headers:
        return None
    return tus.number_in(headers, "Content-Length") or 0


def _reception(request: Request) -> Reception:
    return cast(Reception, request.app.state.reception)
