"""What the service answers, as values: jobs, clips, events and errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from clipmill.errors import (
    BudgetError,
    ClipmillError,
    JobCancelled,
    MissingError,
    NothingFound,
    OutageError,
    PlanError,
    RemoteError,
    SourceError,
)

ENDED = frozenset(("succeeded", "partial", "failed", "cancelled", "expired"))
"""Nothing happens by itself to a job that is one of these."""

CODES: Mapping[type[ClipmillError], frozenset[str]] = {
    NothingFound: frozenset(("no-speech", "nothing-found")),
    SourceError: frozenset(
        (
            "address-list",
            "address-not-supported",
            "address-refused",
            "address-wrong",
            "captions-not-usable",
            "codec-not-supported",
            "container-not-allowed",
            "corrupt-media",
            "duration-too-long",
            "empty-file",
            "encrypted-media",
            "frame-too-large",
            "frame-too-small",
            "length-unknown",
            "no-video",
            "no-video-stream",
            "no-videos",
            "not-a-media-file",
            "path-not-allowed",
            "site-unsupported",
            "source-changed",
            "source-missing",
            "source-not-found",
            "source-too-large",
            "source-too-long",
            "source-unreadable",
            "too-many-streams",
            "transcript-changed",
            "transcript-mismatch",
            "transcript-not-found",
            "transcript-not-understood",
            "transcript-too-large",
            "truncated-media",
            "video-gone",
            "video-live",
            "video-private",
            "video-protected",
        )
    ),
    MissingError: frozenset(
        (
            "database-damaged",
            "encoder-missing",
            "face-model-damaged",
            "face-model-missing",
            "ffmpeg-incomplete",
            "ffmpeg-missing",
            "font-missing",
            "gpu-not-found",
            "model-damaged",
            "model-not-found",
            "program-missing",
            "weights-missing",
        )
    ),
    BudgetError: frozenset(("disk-full",)),
    RemoteError: frozenset(
        (
            "download-incomplete",
            "download-slow",
            "login-needed",
            "redirect-loop",
            "server-not-understood",
            "server-unreachable",
            "site-blocked",
            "site-refused",
            "speech-key-wrong",
            "speech-model-unknown",
            "speech-no-times",
            "speech-quota-used-up",
            "speech-refused",
            "speech-too-large",
            "video-geo",
            "ytdlp-broken",
        )
    ),
    OutageError: frozenset(("site-down", "speech-service-down")),
    PlanError: frozenset(
        ("plan-not-found", "plan-other-source", "plan-unreadable", "plan-words-missing", "plan-wrong")
    ),
}
"""Which class a code belongs to, where the class says how a command ends."""


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """A job as the server tells it.

    ``source`` is a path, an address, or the id of an upload. ``words_by`` names who found its words, ``cost``
    is what remote services took in US dollars. ``report`` is the address of its page, ``facts`` is all of it.
    """

    id: str
    status: str
    stage: str
    progress: float
    eta_s: float | None
    position: int | None
    source: str
    title: str
    words_by: str
    cost: float
    created: str
    fault: ClipmillError | None
    warnings: tuple[str, ...]
    clips_ready: int
    clips_expected: int | None
    report: str
    facts: Mapping[str, Any] = field(repr=False)

    @property
    def ended(self) -> bool:
        """Whether nothing happens to it by itself any more."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class RemoteClip:
    """A finished clip as the server tells it; ``video`` is its address, ``facts`` is all of it."""

    id: str
    number: int
    title: str
    score: float
    duration: float
    video: str
    facts: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoteEvent:
    """Something that happened to a job; ``facts`` is all that the server says about it."""

    number: int
    kind: str
    facts: Mapping[str, Any]


def job_of(facts: Mapping[str, Any], server: str) -> RemoteJob:
    """The job in a JSON object; raises KeyError, TypeError or ValueError when it is none."""
    error = facts["error"]
    return RemoteJob(
        id=str(facts["id"]),
        status=str(facts["status"]),
        stage=str(facts["stage"]),
        progress=float(facts["progress"]),
        eta_s=facts["eta_s"],
        position=facts["queue_position"],
        source=_source(facts["source"]),
        title=str(facts.get("title", "")),
        words_by=str(facts.get("words_by", "")),
        cost=float(facts.get("cost", 0.0)),
        created=str(facts["created_at"]),
        fault=fault_of(error["code"], error["message"]) if error else None,
        warnings=tuple(facts["warnings"]),
        clips_ready=int(facts["clips"]["ready"]),
        clips_expected=facts["clips"]["expected"],
        report=urljoin(f"{server}/", facts["links"]["report"]),
        facts=facts,
    )


def _source(given: Mapping[str, Any]) -> str:
    (text,) = (given[name] for name in ("path", "address", "upload") if given.get(name))
    return str(text)


def clip_of(facts: Mapping[str, Any], server: str) -> RemoteClip:
    """The clip in a JSON object; raises KeyError, TypeError or ValueError when it is none."""
    return RemoteClip(
        id=str(facts["id"]),
        number=int(facts["number"]),
        title=str(facts["title"]),
        score=float(facts["score"]),
        duration=float(facts["quality"]["duration"]),
        video=urljoin(f"{server}/", facts["links"]["video"]),
        facts=facts,
    )


def fault_of(code: str, message: str, *, otherwise: type[ClipmillError] = ClipmillError) -> ClipmillError:
    """The error that a code and a sentence stand for, of the class that it was raised as."""
    if code == "cancelled":
        return JobCancelled(message)
    kind = next((kind for kind, codes in CODES.items() if code in codes), otherwise)
    return kind(message, code=code)
