"""What is told about jobs of the service: lines for people, JSON for programs."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipmill import __version__
from clipmill.addresses import is_address
from clipmill.answers import RemoteClip, RemoteEvent, RemoteJob
from clipmill.errors import ClipmillError
from clipmill.progress import clock
from clipmill.warnings import WARNINGS
from clipmill.workspace import Workspace

COMMON = frozenset(("job", "number", "kind", "at", "links"))
"""What every event says, or only says to programs."""

Refused = tuple[str, ClipmillError]
"""A source, and why it was not taken."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a job: its clips are files in ``folder`` where that can be seen from here."""

    job: RemoteJob
    clips: tuple[RemoteClip, ...]
    folder: Path | None

    def place(self, clip: RemoteClip) -> str:
        """Where a clip can be watched: its file, or its address."""
        return str(Workspace(self.folder).clip(clip.number, ".mp4")) if self.folder else clip.video

    @property
    def report(self) -> str:
        """The page that shows all clips."""
        return str(self.folder / "report.html") if self.folder else self.job.report


def tell_clips(done: Sequence[Finished], refused: Sequence[Refused], *, as_json: bool, quiet: bool) -> None:
    """Print the clips of ended jobs as ``make`` does."""
    for warning in dict.fromkeys(code for each in done for code in each.job.warnings):
        _say(f"clipmill: note: {WARNINGS.get(warning, warning)}", quiet=quiet)
    if as_json:
        clips = [clip_facts(each, clip) for each in done for clip in each.clips]
        sources = [_source_facts(each) for each in done] + faults(refused)
        print_json({"clipmill": __version__, "clips": clips, "sources": sources})
        return
    for each in done:
        for clip in each.clips:
            print(clip_line(each, clip))
        count = "1 clip" if len(each.clips) == 1 else f"{len(each.clips)} clips"
        _say(f"{count}; {each.report} shows them.", quiet=quiet)


def describe(job: RemoteJob) -> Sequence[str]:
    """A job, in lines for people."""
    left = "" if job.eta_s is None else f", {clock(job.eta_s)} left"
    place = "" if job.position is None else f", place {job.position} in line"
    expected = "" if job.clips_expected is None else f" of {job.clips_expected}"
    lines = [
        f"{job.id}  {job.status} {job.progress:.0%} {job.stage}{left}{place}",
        f"source   {clean(job.source)}",
        *([f"title    {clean(job.title)}"] if job.title else []),
        f"handed in {job.created[:19]}Z",
        f"clips    {job.clips_ready}{expected}",
        *([f"words    by {clean(job.words_by)}"] if job.words_by else []),
        *([f"cost     {job.cost:.4f} USD"] if job.cost else []),
        *(f"note     {WARNINGS.get(warning, warning)}" for warning in job.warnings),
    ]
    if job.fault:
        lines.append(f"failed   {job.fault.one_line()} ({job.fault.code})")
    return lines


def clip_line(found: Finished, clip: RemoteClip) -> str:
    """A clip, in one line as ``make`` prints it."""
    return f"{found.place(clip)}\t{clip.score:.0f}\t{clock(clip.duration)}\t{clean(clip.title)}"


def clip_facts(found: Finished, clip: RemoteClip) -> dict[str, Any]:
    """A clip, for a program."""
    path = {"path": found.place(clip)} if found.folder else {}
    return {**path, "url": clip.video, "source": found.job.source, **clip.facts}


def _source_facts(found: Finished) -> dict[str, Any]:
    job = found.job
    fault = {"error": {"code": job.fault.code, "message": job.fault.message}} if job.fault else {}
    return {
        "source": job.source,
        "job": job.id,
        "status": job.status,
        "folder": str(found.folder or ""),
        "report": found.report,
        "clips": len(found.clips),
        "warnings": list(job.warnings),
        **fault,
    }


def faults(refused: Sequence[Refused]) -> list[dict[str, Any]]:
    """Sources that were not taken, for a program."""
    return [{"source": source, "error": {"code": e.code, "message": e.message}} for source, e in refused]


def event_line(event: RemoteEvent) -> str:
    """An event for people: its number, when, what, and what there is to say about that."""
    said = (f"{name}={_value(value)}" for name, value in event.facts.items() if name not in COMMON)
    return f"{event.number:5}  {str(event.facts['at'])[11:19]}  {event.kind:13}  {' '.join(said)}".rstrip()


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def complain(source: str, error: ClipmillError) -> None:
    """Say on stderr what was wrong with a source."""
    name = source if is_address(source) else Path(source).name
    print(f"clipmill: {clean(name)!r}: {error.one_line()}", file=sys.stderr)


def _say(text: str, *, quiet: bool) -> None:
    if not quiet:
        print(text, file=sys.stderr)


def print_json(document: Any) -> None:
    """Print a document for a program."""
    print(json.dumps(document, indent=1, ensure_ascii=False))


def clean(text: str) -> str:
    """A text from elsewhere for a terminal: it may hold line breaks and steering codes."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
