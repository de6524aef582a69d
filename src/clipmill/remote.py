"""What the commands that speak to the service do: options in, requests sent, paths and figures out."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from clipmill.account import (
    Finished,
    Refused,
    clean,
    clip_facts,
    clip_line,
    complain,
    describe,
    event_line,
    print_json,
    tell_clips,
)
from clipmill.answers import RemoteEvent, RemoteJob
from clipmill.batches import sources_of
from clipmill.client import Client
from clipmill.errors import ClipmillError, JobCancelled, UsageError
from clipmill.handing import Counter, is_here, memory_of, request_for
from clipmill.options import Batch, Sending, Wish
from clipmill.progress import display
from clipmill.rights import demand_rights, on_terminal
from clipmill.settings import Settings, read_settings
from clipmill.tally import Tally
from clipmill.watching import Watcher, watch, watched_folder
from clipmill.workspace import Workspace

STAGES = {"download": "fetching the video", "transcribe": "finding the words", "score": "choosing"}

STATES = {
    "queued": "waiting in line",
    "started": "starting",
    "waiting": "waiting for another try",
    "paused": "paused",
}


def submit(sources: Sequence[str], batch: Batch, wish: Wish, sending: Sending) -> int:
    """Hand each source in; one that is refused does not stop the others."""
    settings, request = read_settings(), request_for(wish, sending)
    if batch.watch and sending.wait:
        raise UsageError("--watch goes on for ever: leave out --wait.", code="options-wrong")
    named = () if batch.watch else sources_of(sources, batch.listed)
    if not (named or batch.watch):
        raise UsageError("Which video? Try: clipmill submit talk.mp4", code="no-source")
    demand_rights(named, settings, said=sending.rights, quiet=sending.quiet, ask=on_terminal())
    with Client(settings.server) as client:
        counter = Counter(client, request, sending, by_line=batch.watch)
        tally = Tally(counter.hand_in, counter.refuse)
        if batch.watch:
            folder = watched_folder(sources, batch.listed)
            counter.say(f"clipmill: watching {folder}; Ctrl-C ends.")
            watch(Watcher(folder, memory_of(folder, settings, request)), tally)
            return tally.code
        tally.run(named)
        if sending.wait:
            return _stay(client, counter.jobs, counter.refused, settings, sending)
    counter.ended()
    return tally.code


def jobs(status: str, count: int, *, as_json: bool) -> int:
    """List jobs, newest first."""
    with Client(read_settings().server) as client:
        found = tuple(client.jobs(status=status, limit=count))
    if as_json:
        print_json([job.facts for job in found])
        return 0
    for job in found:
        print(f"{job.id}  {job.status:9}  {job.progress:4.0%}  {job.created[:19]}Z  {clean(job.source)}")
    return 0


def show(job_id: str, *, as_json: bool) -> int:
    """Tell where a job is."""
    settings = read_settings()
    with Client(settings.server) as client:
        found = _finished(client, client.job(job_id), settings)
    if as_json:
        print_json({"job": found.job.facts, "clips": [clip_facts(found, clip) for clip in found.clips]})
        return 0
    for line in describe(found.job):
        print(line)
    for clip in found.clips:
        print(clip_line(found, clip))
    return 0


def events(job_id: str, after: int, *, as_json: bool) -> int:
    """Print events as they happen."""
    with Client(read_settings().server) as client:
        for event in client.follow(job_id, after=after):
            print(json.dumps(event.facts, ensure_ascii=False) if as_json else event_line(event), flush=True)
    return 0


def act(job_id: str, action: str, *, as_json: bool) -> int:
    """Cancel, pause, resume or retry a job."""
    with Client(read_settings().server) as client:
        job = client.act(job_id, action)
    if as_json:
        print_json(job.facts)
    else:
        print(f"{job.id} {job.status}")
    return 0


def logs(job_id: str) -> int:
    """Print the log of a job."""
    with Client(read_settings().server) as client:
        sys.stdout.write(client.logs(job_id))
    return 0


# --- staying --------------------------------------------------------------------------------------


def _stay(
    client: Client, jobs: Sequence[RemoteJob], refused: list[Refused], settings: Settings, sending: Sending
) -> int:
    """Follow the jobs to their ends and tell what became of them, as ``make`` does."""
    try:
        ended = [_followed(client, job, quiet=sending.quiet) for job in jobs]
    except KeyboardInterrupt:
        raise JobCancelled(_detached(jobs)) from None
    if len(jobs) == 1 and not refused and (fault := _fault(ended[0])) and ended[0].status != "partial":
        raise fault
    lost = [(job.source, fault) for job in ended if (fault := _fault(job))]
    for source, fault in lost:
        complain(source, fault)
    done = [_finished(client, job, settings) for job in ended]
    tell_clips(done, refused, as_json=sending.json, quiet=sending.quiet)
    return 1 if refused or lost else 0


def _followed(client: Client, job: RemoteJob, *, quiet: bool) -> RemoteJob:
    """The job as it is when it has ended; until then its progress is shown."""
    with display(quiet=quiet) as show:
        words, share, left = "", 0.0, None
        expected: int | None = None
        for event in client.follow(job.id):
            if event.facts.get("stage") == "encode" and expected is None:
                expected = client.job(job.id).clips_expected
            words = _words(event, expected) or words
            share = float(event.facts.get("progress", share))
            left = event.facts.get("eta_s", left)
            show(words, share, left)
    return client.job(job.id)


def _words(event: RemoteEvent, expected: int | None) -> str:
    """What is being done, in words; empty when an event says nothing about that."""
    stage = str(event.facts.get("stage", ""))
    if stage == "encode" and event.facts.get("clip"):
        return f"rendering clip {event.facts['clip']}" + (f" of {expected}" if expected else "")
    return STATES.get(event.kind) or STAGES.get(stage, "")


def _detached(jobs: Sequence[RemoteJob]) -> str:
    if len(jobs) > 1:
        return (
            f"Detached: the {len(jobs)} jobs go on. clipmill jobs lists them, clipmill cancel ID stops one."
        )
    name = jobs[0].id if jobs else "ID"
    return f"Detached: the job goes on. clipmill events {name} follows it, clipmill cancel {name} stops it."


def _fault(job: RemoteJob) -> ClipmillError | None:
    """Why a job did not succeed; None when it did."""
    if job.status == "succeeded":
        return None
    if job.status == "cancelled":
        return JobCancelled("The job was cancelled.")
    return job.fault or ClipmillError(f"The job ended as {job.status}.", code="job-incomplete")


def _finished(client: Client, job: RemoteJob, settings: Settings) -> Finished:
    clips = client.clips(job.id) if job.clips_ready else ()
    folder = settings.home / "jobs" / job.id
    here = is_here(client.server)
    files = (Workspace(folder).clip(each.number, ".mp4") for each in clips)
    return Finished(job, clips, folder if here and clips and all(map(Path.exists, files)) else None)
