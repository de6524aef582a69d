"""Errors as RFC 9457 problems: what went wrong, for a program by its code and for a person in a sentence."""

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from clipmill.errors import BudgetError, BusyError, ClipmillError, MissingError

MEDIA_TYPE = "application/problem+json"

HTTP_PROBLEMS: Mapping[str, tuple[int, str]] = {
    "request-unreadable": (400, "what came is no HTTP request"),
    "upload-header-wrong": (400, "a header of tus is missing or cannot be read"),
    "link-wrong": (403, "the signature of the link is not ours"),
    "link-expired": (403, "the signed link has expired"),
    "path-not-allowed": (403, "the path is in none of the folders that the server may read"),
    "origin-not-allowed": (403, "a page of another site sent the request"),
    "page-unknown": (404, "there is nothing under this address"),
    "method-not-allowed": (405, "this address does not take this method"),
    "body-slow": (408, "the body did not come in time"),
    "upload-gone": (410, "the upload was removed, or nobody went on with it for too long"),
    "tus-version-wrong": (412, "Tus-Resumable must be 1.0.0"),
    "upload-too-large": (413, "more bytes than an upload may have, or than this one was said to have"),
    "body-too-large": (413, "the body is larger than this address takes"),
    "content-type-wrong": (415, "a body must be application/json"),
    "range-not-satisfiable": (416, "no byte of the file is in the range, or too many ranges are asked for"),
    "upload-offset-wrong": (409, "the upload goes on at another byte, which Upload-Offset says"),
    "host-not-allowed": (421, "the Host header names another machine"),
    "body-unreadable": (422, "the body is not JSON as RFC 8259 has it"),
    "request-wrong": (422, "a field, parameter or header cannot be used"),
    "upload-locked": (423, "somebody else is just sending this upload"),
    "precondition-required": (428, "the header If-Match is missing"),
    "queue-full": (429, "too many jobs wait"),
    "accepting-busy": (429, "too many jobs are just being written down"),
    "too-many-uploads": (429, "too many unfinished uploads of one owner"),
    "too-many-requests": (429, "too many requests are being answered"),
    "header-too-large": (431, "the head of the request is too large"),
    "checksum-wrong": (460, "the bytes that came have another checksum; nothing of them is kept"),
    "internal-error": (500, "a fault in clipmill; the server's log has more"),
    "stopping": (503, "the server is about to end"),
}
"""What only the API says: code, status and meaning."""

DISK_RETRY_S = 60
"""A full disk is worth another try after this long; space comes free as jobs are removed."""

log = logging.getLogger(__name__)


class FieldFault(BaseModel):
    """What is wrong with one field."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(description="Where it is, such as `options.count` or `query.limit`.")
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """An error as RFC 9457 has it. `code` is stable; `title` and `detail` may change."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/job-unknown",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "There is no job job_x.",
                    "code": "job-unknown",
                }
            ]
        },
    )

    type: str = Field(description="`/problems/` and the code.")
    title: str = Field(description="The name of the status.")
    status: int = Field(description="The status of the answer.")
    detail: str = Field(description="What happened, to what, and what to do: a sentence for people.")
    code: str = Field(description="A stable name for programs.")
    job_id: str | None = Field(None, description="The job that it is about.")
    errors: list[FieldFault] | None = Field(None, description="Each field that cannot be used.")


class Refused(ClipmillError):  # noqa: N818 (a request is refused, nothing failed)
    """A fault that only the API knows: its code says the status. ``headers`` go with the answer."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldFault] = (),
    ) -> None:
        super().__init__(message, code=code)
        self.http_status = HTTP_PROBLEMS[code][0]
        self.headers = headers or {}
        self.errors = errors


def wrong_field(field: str, message: str, *, code: str = "request-wrong") -> Refused:
    """The refusal of one field."""
    fault = FieldFault(field=field, message=message)
    return Refused(f"{field}: {message}.", code=code, errors=(fault,))


def problem_response(error: ClipmillError, *, job: str = "") -> Response:
    """The answer that tells an error."""
    status = status_of(error)
    errors = list(error.errors) if isinstance(error, Refused) else []
    problem = Problem(
        type=f"/problems/{error.code}",
        title=_phrase(status),
        status=status,
        detail=error.message,
        code=error.code,
        job_id=job or None,
        errors=errors or None,
    )
    body = problem.model_dump_json(exclude_none=True).encode("utf-8", "replace")
    return Response(body, status, headers=_headers(error), media_type=MEDIA_TYPE)


def _phrase(status: int) -> str:
    """The name of a status; tus has one that HTTP does not know."""
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Checksum Mismatch"


def status_of(error: ClipmillError) -> int:
    """The status that an error is answered with."""
    if error.code in HTTP_PROBLEMS:
        return HTTP_PROBLEMS[error.code][0]
    return error.http_status


def _headers(error: ClipmillError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if isinstance(error, Refused):
        headers.update(error.headers)
    if isinstance(error, BusyError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, BudgetError | MissingError):
        headers["Retry-After"] = str(DISK_RETRY_S)
    return headers


def tell_problems(app: FastAPI) -> None:
    """Let an application answer every error as a problem."""

    async def known(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            return problem_response(_wrong_method(app, request))
        return problem_response(_as_ours(error), job=str(request.path_params.get("job_id", "")))

    for kind in (ClipmillError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, known)


def _wrong_method(app: FastAPI, request: Request) -> Refused:
    """The refusal of a method, with those that the address takes."""
    taken: set[str] = set()
    for path, operations in app.openapi()["paths"].items():
        if compile_path(path)[0].match(request.scope["path"]):
            taken.update(map(str.upper, operations))
    return Refused(
        "This address does not take this method.",
        code="method-not-allowed",
        headers={"Allow": ", ".join(sorted(taken))},
    )


def _as_ours(error: Exception) -> ClipmillError:
    match error:
        case ClipmillError():
            return error
        case RequestValidationError():
            return _of_fields(error.errors())
        case HTTPException(status_code=404):
            return Refused("There is nothing under this address.", code="page-unknown")
        case HTTPException(status_code=status) if status < 500:
            return Refused("The body cannot be read.", code="body-unreadable")
    return Refused("A fault in clipmill: its log has more.", code="internal-error")


def _of_fields(found: Sequence[Mapping[str, Any]]) -> ClipmillError:
    """What pydantic found wrong with a request; a name that no job or clip can have is an unknown one."""
    if found and all(each["loc"][0] == "path" for each in found):
        return Refused("There is nothing under this address.", code="page-unknown")
    faults = tuple(FieldFault(field=_place(each["loc"]), message=_said(each)) for each in found[:20])
    text = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
    return Refused(f"The request cannot be used: {text}.", code="request-wrong", errors=faults)


def _place(loc: Sequence[str | int]) -> str:
    """A field's place as a person writes it; that it is in the body goes without saying."""
    parts = loc[1:] if loc[0] == "body" and len(loc) > 1 else loc
    return ".".join(str(part) for part in parts)[:200]


def _said(found: Mapping[str, Any]) -> str:
    if found["type"] == "extra_forbidden":
        return "there is no such field"
    return str(found["msg"]).removeprefix("Value error, ").rstrip(".")


def told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: the problems that an endpoint answers with."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    wanted: tuple[int | str, ...] = (*statuses, "default")
    return {status: _described(status) | {"content": content} for status in wanted}


def _described(status: int | str) -> dict[str, Any]:
    if status == "default":
        return {"description": "Any other problem."}
    codes = [f"`{code}`: {meaning}" for code, (of, meaning) in HTTP_PROBLEMS.items() if of == status]
    described: dict[str, Any] = {"description": "; ".join(codes) or _phrase(int(status))}
    if status in (429, 503, 507):
        seconds = {"description": "Seconds until another try is worth it.", "schema": {"type": "integer"}}
        described["headers"] = {"Retry-After": seconds}
    return described
