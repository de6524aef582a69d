"""The commands that start the service, and those that speak to it, as they stand on the command line."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from clipmill.options import Batch, JsonFlag, Sending, Text, Wish

JobId = Annotated[str, Parameter(name="ID", allow_leading_hyphen=True)]
Wishes = Annotated[Wish, Parameter(name="*")]
Batches = Annotated[Batch, Parameter(name="*")]
Ways = Annotated[Sending, Parameter(name="*")]
Folders = Annotated[tuple[Path, ...], Parameter(negative="", show_default=False)]


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8420,
    allow: Folders = (),
    workers: int = 1,
    no_workers: Annotated[bool, Parameter(name="--no-workers", negative="", show_default=False)] = False,
) -> int:
    """Take jobs over HTTP and work on them, until Ctrl-C or SIGTERM.

    Parameters
    ----------
    host
        The address to listen on; only this machine's own until there are keys.
    port
        The port to listen on; 0 takes one that is free.
    allow
        A folder from which sources may be taken; may be given again.
    workers
        How many worker processes to keep.
    no_workers
        Only take jobs: `clipmill worker` works on them elsewhere.
    """
    from clipmill import serving

    return serving.serve(host, port, allow, 0 if no_workers else workers)


def worker(*, stages: Text = "", parent: Annotated[int, Parameter(show=False)] = 0) -> int:
    """Work on the jobs of the service, until Ctrl-C or SIGTERM.

    Parameters
    ----------
    stages
        Only these: download, transcribe, score, encode, with commas between them.
    parent
        End with this process.
    """
    from clipmill import serving

    return serving.worker(stages, parent)


def submit(*sources: str, batch: Batches = Batch(), wish: Wishes = Wish(), sending: Ways = Sending()) -> int:
    """Hand videos to the service, which makes clips of them.

    Parameters
    ----------
    sources
        Video files, addresses such as https://..., or folders of videos.
    """
    from clipmill import remote

    return remote.submit(sources, batch, wish, sending)


def jobs(
    *,
    status: Text = "",
    count: Annotated[int, Parameter(name=["-n", "--count"])] = 20,
    as_json: JsonFlag = False,
) -> int:
    """List the jobs of the service, newest first.

    Parameters
    ----------
    status
        Only these: queued, running, waiting, paused, succeeded, partial, failed or cancelled.
    count
        How many at most.
    as_json
        Print JSON.
    """
    from clipmill import remote

    return remote.jobs(status, count, as_json=as_json)


def show(job: JobId, *, as_json: JsonFlag = False) -> int:
    """Tell where a job is, and its clips.

    Parameters
    ----------
    job
        The id that `submit` printed.
    as_json
        Print JSON.
    """
    from clipmill import remote

    return remote.show(job, as_json=as_json)


def events(job: JobId, *, after: int = 0, as_json: JsonFlag = False) -> int:
    """Print what happened to a job and what happens, until it has ended.

    Parameters
    ----------
    job
        The id that `submit` printed.
    after
        Leave out the events up to this number.
    as_json
        Print one JSON document a line.
    """
    from clipmill import remote

    return remote.events(job, after, as_json=as_json)


def cancel(job: JobId, *, as_json: JsonFlag = False) -> int:
    """Stop a job for good; its finished clips stay.

    Parameters
    ----------
    job
        The id that `submit` printed.
    as_json
        Print JSON.
    """
    from clipmill import remote

    return remote.act(job, "cancel", as_json=as_json)


def pause(job: JobId, *, as_json: JsonFlag = False) -> int:
    """Let what runs come to its end and start nothing more until the job is resumed.

    Parameters
    ----------
    job
        The id that `submit` printed.
    as_json
        Print JSON.
    """
    from clipmill import remote

    return remote.act(job, "pause", as_json=as_json)


def resume(job: JobId, *, as_json: JsonFlag = False) -> int:
    """Go on with a paused job.

    Parameters
    ----------
    job
        The id that `submit` printed.
    as_json
        Print JSON.
    """
    from clipmill import remote

    return remote.act(job, "resume", as_json=as_json)


def retry(job: JobId, *, as_json: JsonFlag = False) -> int:
    """Try an ended job again; what is finished is not done again.

    Parameters
    ----------
    job
        The id that `submit` printed.
    as_json
        Print JSON.
    """
    from clipmill import remote

    return remote.act(job, "retry", as_json=as_json)


def logs(job: JobId) -> int:
    """Print what the workers wrote down about a job.

    Parameters
    ----------
    job
        The id that `submit` printed.
    """
    from clipmill import remote

    return remote.logs(job)


COMMANDS = (serve, worker, submit, jobs, show, events, cancel, pause, resume, retry, logs)
"""In the order of ``clipmill --help``."""
