"""Jobs done in this process, one after the other: what the commands are made of."""

import hashlib
import stat
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from clipmill import pipeline, sourcing, wording
from clipmill.clipfile import remove_clips_after
from clipmill.errors import PlanError, SourceError, UsageError
from clipmill.made import Made, gather
from clipmill.means import Means
from clipmill.model import Transcript
from clipmill.plan import Options, Plan, plan_text, read_plan
from clipmill.progress import Meter, Show
from clipmill.studio import Job, Stage, Studio, Task
from clipmill.workspace import WORK, Workspace, demand_disk, folder_name, opened, write_text

Display = AbstractContextManager[Show]
"""A way to show progress, for one job."""


def make_clips(
    source: str, output: Path, options: Options, means: Means, display: Display, *, force: bool
) -> Made:
    """Make all clips of one source in a folder of ``output`` that is named after it."""
    path = source_file(source)
    with opened(job_folder(path, output)) as work, display as show:
        if force:
            forget(work)
        studio, _ = _studio(Job(path, options), work, means, show)
        pipeline.run_job(studio, last=Stage.SCORE)
        _encode(studio, pipeline.encode_tasks(work), reserve_mb=means.settings.reserve_mb)
        return gather(source, work)


def make_plan(source: str, plan_file: Path, options: Options, means: Means, display: Display) -> Plan:
    """Choose only; leaves ``plan_file`` and, beside it, the words that it refers to."""
    path = source_file(source)
    words = plan_file.with_name(f"{plan_file.stem}.transcript.json")
    with tempfile.TemporaryDirectory(prefix="clipmill-") as folder, opened(Path(folder)) as work:
        with display as show:
            studio, _ = _studio(Job(path, options), work, means, show)
            pipeline.run_job(studio, last=Stage.SCORE)
        plan = read_plan(work.path("plan.json"))
        plan = replace(plan, transcript=replace(plan.transcript, path=words.name))
        write_text(words, work.path("transcript.json").read_text())
        write_text(plan_file, plan_text(plan))
    return plan


def render_plan(
    plan_file: Path, output: Path | None, means: Means, display: Display, *, only: frozenset[int]
) -> Made:
    """Render the clips of a plan, or ``only`` some of them by number."""
    plan = read_plan(plan_file)
    wrong = sorted(number for number in only if not 1 <= number <= len(plan.chosen))
    if wrong:
        raise UsageError(f"The plan has no clip {wrong[0]}: it has {len(plan.chosen)}.", code="clip-unknown")
    path = source_file(str(plan_file.parent / plan.source.path))
    at_home = output is None and (plan_file.parent / WORK).is_dir()
    folder = plan_file.parent if at_home else job_folder(path, output or Path("clips"))
    with opened(folder) as work, display as show:
        studio, meter = _studio(Job(path, plan.options), work, means, show)
        pipeline.run_task(Task(Stage.DOWNLOAD), studio)
        if sourcing.known_media(studio).sha256 != plan.source.media.sha256:
            raise PlanError(f"The plan was made for another video than {path}.", code="plan-other-source")
        wording.keep_transcript(studio, read_words(plan_file.parent / plan.transcript.path))
        if not at_home:
            words = replace(plan.transcript, path="transcript.json")
            pipeline.keep_plan(work, replace(plan, transcript=words))
        meter.skip(Stage.TRANSCRIBE, Stage.SCORE)
        tasks = pipeline.encode_tasks(work)
        left_out = [task for task in tasks if only and task.clip not in only]
        meter.skip_tasks(left_out)
        wanted = [task for task in tasks if task not in left_out]
        _encode(studio, wanted, reserve_mb=means.settings.reserve_mb)
        remove_clips_after(work, len(plan.chosen))
        return gather(plan.source.path, work)


def source_file(source: str) -> Path:
    """The file that is meant by ``source``."""
    if "://" in source:
        raise SourceError(
            "Addresses cannot be read yet: download the video first and pass the file.",
            code="address-not-supported",
        )
    path = Path(source).absolute()
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        raise SourceError(f"The file {source} is not there.", code="source-not-found") from None
    except (OSError, ValueError) as error:  # a name too long, a folder that may not be entered
        why = error.strerror if isinstance(error, OSError) else error
        raise SourceError(f"The file {source} cannot be opened ({why}).", code="source-not-found") from None
    if not stat.S_ISREG(kind):
        what = "a folder" if stat.S_ISDIR(kind) else "a device"
        raise SourceError(f"The file {source} is {what}, not a video.", code="source-not-found")
    return path


def job_folder(source: Path, output: Path) -> Path:
    """Where the clips of a source go: a folder of ``output`` with its name.

    When another source of the same name has that folder, a short mark of this one's place is added.
    """
    folder = output / folder_name(source.stem)
    with suppress(FileNotFoundError):
        owner = (folder / WORK / "media.json.key").read_text()
        if not owner.startswith(f"{source.absolute()} "):
            mark = hashlib.sha256(str(source.absolute()).encode()).hexdigest()[:6]
            return output / f"{folder.name}-{mark}"
    return folder


def forget(work: Workspace) -> None:
    """Remove everything that clipmill made in a folder."""
    remove_clips_after(work, 0)
    for name in ("plan.json", "plan.previous.json", "transcript.json", "report.html"):
        work.path(name).unlink(missing_ok=True)
    for kept in work.kept.glob("*.*"):
        kept.unlink()


def _encode(studio: Studio, tasks: Sequence[Task], *, reserve_mb: float) -> None:
    """Render clips, when all of them that are not finished fit on the disk."""
    unfinished = set(pipeline.unfinished(studio))
    waiting = [task for task in tasks if task.clip in unfinished]
    if waiting:
        needed_mb = sum(pipeline.room_mb(task, studio.work) for task in waiting)
        demand_disk(studio.work.folder, needed_mb, reserve_mb=reserve_mb)
    for task in tasks:
        pipeline.run_task(task, studio)


def _studio(job: Job, work: Workspace, means: Means, show: Show) -> tuple[Studio, Meter]:
    """What a job is worked on with; its progress learns lengths as they become known."""
    meter = Meter(show)

    def tell(task: Task, share: float) -> None:
        if share >= 1.0 and task.stage in (Stage.DOWNLOAD, Stage.SCORE):
            _learn(meter, studio)
        meter.tell(task, share)

    studio = Studio(job, work, means.services(tell))
    return studio, meter


def _learn(meter: Meter, studio: Studio) -> None:
    media = sourcing.known_media(studio)
    file = studio.work.path("plan.json")
    lengths = [40.0] * 8
    if file.exists():
        plan = read_plan(file)
        lengths = [plan.span_of(moment).length for moment in plan.chosen_moments]
    meter.expect(duration=media.duration, lengths=lengths)


def read_words(file: Path) -> Transcript:
    """The transcript that a plan refers to."""
    try:
        return TypeAdapter(Transcript).validate_json(file.read_bytes())
    except (OSError, ValidationError):
        raise PlanError(
            f"The words of the plan, {file}, are not there or cannot be read.", code="plan-words-missing"
        ) from None
