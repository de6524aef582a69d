"""The service as a client meets it: typed answers, typed errors, a deadline on everything."""

import base64
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self, TypeVar
from urllib.parse import quote

import httpx

from clipmill import __version__
from clipmill.answers import CODES, RemoteClip, RemoteEvent, RemoteJob, clip_of, fault_of, job_of
from clipmill.errors import (
    BudgetError,
    BusyError,
    ClipmillError,
    MissingError,
    OutdatedError,
    RemoteError,
    SourceError,
    StateError,
    UnknownError,
    UsageError,
)

T = TypeVar("T")

CONNECT_S, ANSWER_S = 5.0, 30.0
"""How long a server may take to be reached, and to say the next thing."""

SILENCE_S = 45.0
"""A stream of events is broken when nothing came for so long: pings come every 15 s."""

PATIENCE_S = 900.0
"""How long events are waited for while no server answers: it may be restarted or moved."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 10.0
"""The wait before another try doubles from the first to the longest."""

TRIES = 3
"""So often a request that may be repeated is sent when the connection breaks."""

LARGEST_PAGE = 100
"""Jobs asked for at once."""

LONGEST_LINE = 1 << 20
"""An event is a few hundred bytes; a line of a mebibyte is no event."""

PIECE_BYTES = 8 << 20
"""So much of a file is sent at once; a cut costs no more than this."""

TUS = {"Tus-Resumable": "1.0.0"}
"""What every request about an upload says."""

LOST = frozenset(("server-unreachable", "body-slow", "upload-locked", "upload-offset-wrong"))
"""Codes after which an upload goes on where the server says."""

STATUSES: Mapping[int, type[ClipmillError]] = {
    404: UnknownError,
    409: StateError,
    412: OutdatedError,
    507: BudgetError,
}
"""The class of an answer whose code is not known here."""


class Client:
    """Speaks to one server; used as a context."""

    def __init__(self, server: str) -> None:
        self.server = server
        # The addresses of the service are a setting: nothing else in the environment bends the way there.
        self._http = httpx.Client(
            base_url=server,
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            headers={"User-Agent": f"clipmill/{__version__}"},
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._http.close()

    def submit(self, request: Mapping[str, Any], *, key: str) -> RemoteJob:
        """Have a job done; the same ``key`` again, within a day, gives the same job again."""
        asked = self._http.build_request("POST", "/v1/jobs", json=request, headers={"Idempotency-Key": key})
        return self._ask(asked, self._job, tries=TRIES)

    def upload(self, file: Path, sent: Callable[[float], None]) -> str:
        """Send a file, and give the upload's id; ``sent`` is told the share that the server has.

        After a cut it goes on where the server says. Raises SourceError when the file cannot be read,
        RemoteError when no server answers for long.
        """
        try:
            with file.open("rb") as content:
                size = file.stat().st_size
                return self._sent(content, size, self._begun(file.name, size), sent)
        except OSError as error:
            raise SourceError(
                f"The file {file} cannot be read ({error.strerror}).", code="source-unreadable"
            ) from None

    def job(self, job_id: str) -> RemoteJob:
        """A job by its id."""
        return self._ask(self._http.build_request("GET", _path(job_id)), self._job, tries=TRIES)

    def jobs(self, *, status: str = "", limit: int) -> Iterator[RemoteJob]:
        """Jobs, newest first, at most ``limit``; only those with one status when it is given."""
        cursor, left = "", limit
        while left > 0:
            query = {"limit": str(min(left, LARGEST_PAGE)), "status": status, "cursor": cursor}
            given = {name: value for name, value in query.items() if value}
            page = self._http.build_request("GET", "/v1/jobs", params=given)
            jobs, cursor = self._ask(page, self._page, tries=TRIES)
            yield from jobs[:left]
            left = left - len(jobs) if cursor else 0

    def act(self, job_id: str, action: str) -> RemoteJob:
        """Cancel, pause, resume or retry a job."""
        return self._ask(self._http.build_request("POST", f"{_path(job_id)}/{action}"), self._job)

    def clips(self, job_id: str) -> tuple[RemoteClip, ...]:
        """The finished clips of a job, the best first."""
        asked = self._http.build_request("GET", f"{_path(job_id)}/clips")
        return self._ask(asked, self._clips, tries=TRIES)

    def logs(self, job_id: str) -> str:
        """What the workers wrote down about a job."""
        asked = self._http.build_request("GET", f"{_path(job_id)}/logs")
        return self._ask(asked, lambda answer: answer.text, tries=TRIES)

    def follow(self, job_id: str, *, after: int = 0) -> Iterator[RemoteEvent]:
        """Every event after a number, as it happens, until the job has ended.

        A server that ends and comes back is waited for. Raises RemoteError when none answers for long.
        """
        last, wait, heard = after, FIRST_WAIT_S, 0.0
        while True:
            try:
                with self._stream(f"{_path(job_id)}/events", last) as answer:
                    heard = time.monotonic()
                    if answer.status_code == 204:  # all is told
                        return
                    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                        raise self._strange()
                    for event in _events(answer):
                        last, wait, heard = event.number, FIRST_WAIT_S, time.monotonic()
                        yield event
            except (KeyError, TypeError, ValueError):
                raise self._strange() from None
            except (httpx.TransportError, BusyError) as error:
                if not heard or time.monotonic() - heard > PATIENCE_S:
                    raise self._unreachable(error) from None
            time.sleep(wait * random.uniform(0.5, 1.0))  # many who were cut off together come back one by one
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _begun(self, name: str, size: int) -> str:
        """The path of a new upload."""
        told = {"Upload-Length": str(size), "Upload-Metadata": f"filename {_base64(name)}"}
        asked = self._http.build_request("POST", "/v1/uploads", headers={**TUS, **told})
        return self._ask(asked, lambda answer: answer.headers["location"])

    def _sent(self, content: IO[bytes], size: int, place: str, sent: Callable[[float], None]) -> str:
        offset, wait, heard = 0, FIRST_WAIT_S, time.monotonic()
        while offset < size:
            sent(offset / size)
            try:
                offset, wait, heard = self._piece(content, place, offset), FIRST_WAIT_S, time.monotonic()
            except ClipmillError as error:
                if not _lost(error) or time.monotonic() - heard > PATIENCE_S:
                    raise
                time.sleep(wait * random.uniform(0.5, 1.0))
                wait = min(2 * wait, LONGEST_WAIT_S)
                with suppress(BusyError, RemoteError):  # the next piece tells when it stays so
                    offset = self._ask(self._http.build_request("HEAD", place, headers=TUS), _offset)
        return place.rpartition("/")[2]

    def _piece(self, content: IO[bytes], place: str, offset: int) -> int:
        """Send the next bytes; how many the server has then."""
        content.seek(offset)
        piece = content.read(PIECE_BYTES)
        if not piece:
            raise SourceError("The file became shorter while it was sent.", code="source-changed")
        headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return self._ask(self._http.build_request("PATCH", place, headers=headers, content=piece), _offset)

    @contextmanager
    def _stream(self, path: str, last: int) -> Iterator[httpx.Response]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
        timeout = httpx.Timeout(SILENCE_S, connect=CONNECT_S)
        with self._http.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if answer.is_error:
                answer.read()
                raise self._error_of(answer)
            yield answer

    def _ask(self, request: httpx.Request, read: Callable[[httpx.Response], T], *, tries: int = 1) -> T:
        """What ``read`` makes of the answer; sent up to ``tries`` times when the connection breaks."""
        for left in reversed(range(tries)):
            try:
                answer = self._http.send(request)
                break
            except httpx.TransportError as error:
                if not left or isinstance(error, httpx.ConnectError):
                    raise self._unreachable(error) from None
                time.sleep(FIRST_WAIT_S)
        if answer.is_error:
            raise self._error_of(answer)
        try:
            return read(answer)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._strange() from None

    def _job(self, answer: httpx.Response) -> RemoteJob:
        return job_of(answer.json(), self.server)

    def _page(self, answer: httpx.Response) -> tuple[list[RemoteJob], str]:
        page = answer.json()
        return [job_of(facts, self.server) for facts in page["data"]], page.get("next_cursor") or ""

    def _clips(self, answer: httpx.Response) -> tuple[RemoteClip, ...]:
        return tuple(clip_of(facts, self.server) for facts in answer.json()["data"])

    def _error_of(self, answer: httpx.Response) -> ClipmillError:
        """The error that an answer tells."""
        try:
            problem = answer.json()
            code, detail = str(problem["code"]), str(problem["detail"])
        except (KeyError, TypeError, ValueError):
            return self._strange() if answer.status_code < 500 else self._unreachable(None)
        if answer.status_code in (429, 502, 503, 504) and code not in CODES[MissingError]:
            waiting = answer.headers.get("retry-after", "")
            return BusyError(detail, code=code, retry_after=float(waiting) if waiting.isdecimal() else 5.0)
        return fault_of(code, detail, otherwise=STATUSES.get(answer.status_code, _by_status(answer)))

    def _unreachable(self, error: Exception | None) -> ClipmillError:
        if isinstance(error, BusyError):
            return error
        why = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "does not answer"
        return RemoteError(
            f"The server at {self.server} {why}: start it with clipmill serve,"
            " or name another one in CLIPMILL_SERVER.",
            code="server-unreachable",
        )

    def _strange(self) -> ClipmillError:
        return RemoteError(
            f"What answers at {self.server} does not speak as clipmill does: check CLIPMILL_SERVER.",
            code="server-not-understood",
        )


def _by_status(answer: httpx.Response) -> type[ClipmillError]:
    return UsageError if answer.is_client_error else ClipmillError


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


def _offset(answer: httpx.Response) -> int:
    return int(answer.headers["upload-offset"])


def _lost(error: ClipmillError) -> bool:
    """Whether an upload was only cut, so that it can go on."""
    return isinstance(error, BusyError) or error.code in LOST


def _path(job_id: str) -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}"


def _events(answer: httpx.Response) -> Iterator[RemoteEvent]:
    """The events of a stream; what was cut off in the middle is left out."""
    name, data = "", ""
    for line in _lines(answer):
        word, _, rest = line.partition(b": ")
        if word == b"event":
            name = rest.decode()
        elif word == b"data":
            data = rest.decode()
        elif not line and data:
            facts = json.loads(data)
            yield RemoteEvent(int(facts["number"]), name, facts)
            name, data = "", ""


def _lines(answer: httpx.Response) -> Iterator[bytes]:
    """The lines of a stream: only a line feed ends one, a title may hold other characters that end lines."""
    rest = b""
    for chunk in answer.iter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        if len(rest) > LONGEST_LINE:
            raise httpx.RemoteProtocolError("a line of an event stream is too long")
