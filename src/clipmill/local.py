"""Jobs done in this process, one after the other: what the commands are made of."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from clipmill import pipeline, sourcing, timing, wording
from clipmill.addresses import is_address
from clipmill.clipfile import remove_clips_after
from clipmill.errors import PlanError, UsageError
from clipmill.made import Made, gather
from clipmill.means import Means
from clipmill.model import Media, Transcript
from clipmill.origins import Origin, job_folder, origin_of, placed, telling
from clipmill.patience import patiently
from clipmill.plan import Options, Plan, SourceRef, plan_text, read_plan
from clipmill.progress import Meter, Show
from clipmill.studio import Job, Stage, Studio, Task
from clipmill.workspace import WORK, Workspace, demand_disk, opened, write_text

T = TypeVar("T")

Display = AbstractContextManager[Show]
"""A way to show progress, for one job."""


SAME_S = 0.5
"""A video that was fetched again is the planned one when its length differs by no more, in seconds."""


@dataclass(frozen=True, slots=True)
class Run:
    """One job at work in this process, and what it shows."""

    studio: Studio
    meter: Meter
    show: Show

    def do(self, task: Task) -> bool:
        """Do one task, with patience where it helps."""
        return self.wait_for(lambda: pipeline.run_task(task, self.studio))

    def wait_for(self, work: Callable[[], T]) -> T:
        """What ``work`` gives, with patience where it helps."""
        return patiently(work, telling(self.show, lambda: self.meter.share))

    def up_to(self, last: Stage) -> None:
        """Do everything up to a stage."""
        pipeline.run_job(self.studio, last=last, run=self.do)


def make_clips(
    source: str, output: Path, options: Options, means: Means, display: Display, *, force: bool
) -> Made:
    """Make all clips of one source in a folder of ``output`` that is named after it."""
    with display as show:
        origin, folder = placed(source, output, means, show, anew=force)
        with opened(folder) as work:
            if force:
                forget(work)
            run = begin(origin, origin.job(work, options, reuse=not force), work, means, show)
            run.up_to(Stage.SCORE)
            _encode(run, pipeline.encode_tasks(work), reserve_mb=means.settings.reserve_mb)
            return gather(source, work)


def make_plan(
    source: str, plan_file: Path, options: Options, means: Means, display: Display, *, force: bool
) -> Plan:
    """Choose only; leaves ``plan_file`` and, beside it, the words that it refers to."""
    words = plan_file.with_name(f"{plan_file.stem}.transcript.json")
    with tempfile.TemporaryDirectory(prefix="clipmill-") as folder, opened(Path(folder)) as work:
        with display as show:
            origin = origin_of(source, means, show)
            run = begin(origin, origin.job(work, options, reuse=not force), work, means, show)
            run.meter.skip(Stage.ENCODE)
            run.up_to(Stage.SCORE)
        plan = read_plan(work.path("plan.json"))
        plan = replace(plan, transcript=replace(plan.transcript, path=words.name))
        write_text(words, work.path("transcript.json").read_text())
        timing.words_beside(words).unlink(missing_ok=True)
        if work.path("words.json").exists():
            write_text(timing.words_beside(words), work.path("words.json").read_text())
        write_text(plan_file, plan_text(plan))
    return plan


def render_plan(
    plan_file: Path, output: Path | None, means: Means, display: Display, *, only: frozenset[int]
) -> Made:
    """Render the clips of a plan, or ``only`` some of them by number; a source at an address is fetched."""
    plan = read_plan(plan_file)
    wrong = sorted(number for number in only if not 1 <= number <= len(plan.chosen))
    if wrong:
        raise UsageError(f"The plan has no clip {wrong[0]}: it has {len(plan.chosen)}.", code="clip-unknown")
    at_home = output is None and (plan_file.parent / WORK).is_dir()
    with display as show:
        origin = _planned_origin(plan, plan_file.parent, means, show, at_home=at_home)
        folder = plan_file.parent if at_home else job_folder(origin, output or Path("clips"))
        with opened(folder) as work:
            run = begin(origin, origin.job(work, plan.options), work, means, show)
            run.do(Task(Stage.DOWNLOAD))
            plan = _about(plan, sourcing.known_media(run.studio), origin)
            transcript = plan_file.parent / plan.transcript.path
            wording.keep_transcript(run.studio, read_words(transcript))
            if not at_home and timing.words_beside(transcript).exists():
                timing.keep_words(run.studio, read_words(timing.words_beside(transcript)))
            if not at_home or plan.source != read_plan(plan_file).source:
                words = replace(plan.transcript, path="transcript.json")
                pipeline.keep_plan(work, replace(plan, transcript=words))
            run.meter.skip(Stage.TRANSCRIBE, Stage.SCORE)
            _render(run, only, reserve_mb=means.settings.reserve_mb)
            remove_clips_after(work, len(plan.chosen))
            return gather(plan.source.path, work)


def _planned_origin(plan: Plan, home: Path, means: Means, show: Show, *, at_home: bool) -> Origin:
    """Where the source of a plan is; its site is not asked again where the plan's own folder knows."""
    source = plan.source.path
    if not is_address(source):
        return origin_of(str(home / source), means, show)
    known = sourcing.known_listing(Workspace(home), source) if at_home else None
    return Origin(source, listing=known) if known else origin_of(source, means, show)


def _about(plan: Plan, media: Media, origin: Origin) -> Plan:
    """The plan about the source that is here; raises PlanError ``plan-other-source`` when that is another.

    The same video fetched twice may differ in its bytes.
    """
    planned = plan.source.media
    if media.sha256 == planned.sha256:
        return plan
    if origin.file or abs(media.duration - planned.duration) > SAME_S:
        raise PlanError(
            f"The plan was made for another video than {origin.file or origin.source}.",
            code="plan-other-source",
        )
    return replace(plan, source=SourceRef(plan.source.path, media))


def _render(run: Run, only: frozenset[int], *, reserve_mb: float) -> None:
    tasks = pipeline.encode_tasks(run.studio.work)
    left_out = [task for task in tasks if only and task.clip not in only]
    run.meter.skip_tasks(left_out)
    _encode(run, [task for task in tasks if task not in left_out], reserve_mb=reserve_mb)


def forget(work: Workspace) -> None:
    """Remove everything that clipmill made in a folder."""
    remove_clips_after(work, 0)
    work.forget_source()
    for name in ("plan.json", "plan.previous.json", "transcript.json", "words.json", "report.html"):
        work.path(name).unlink(missing_ok=True)
    for kept in work.kept.glob("*.*"):
        kept.unlink()


def _encode(run: Run, tasks: Sequence[Task], *, reserve_mb: float) -> None:
    """Render clips, when all of them that are not finished fit on the disk."""
    work = run.studio.work
    unfinished = set(pipeline.unfinished(run.studio))
    waiting = [task for task in tasks if task.clip in unfinished]
    if waiting:
        needed_mb = sum(pipeline.room_mb(task, work) for task in waiting)
        demand_disk(work.folder, needed_mb, reserve_mb=reserve_mb)
    for task in tasks:
        run.do(task)


def begin(origin: Origin, job: Job, work: Workspace, means: Means, show: Show) -> Run:
    """A job at work; its progress learns lengths as they become known."""
    meter = Meter(show)
    if origin.listing:
        meter.fetch(origin.listing.duration, captions=_reads_captions(origin, job.options))

    def tell(task: Task, share: float) -> None:
        if share >= 1.0 and task.stage in (Stage.DOWNLOAD, Stage.SCORE):
            _learn(meter, studio)
        meter.tell(task, share)

    studio = Studio(job, work, means.services(tell))
    return Run(studio, meter, show)


def _reads_captions(origin: Origin, options: Options) -> bool:
    """Whether the words may be had without listening."""
    there = bool(origin.listing and origin.listing.captions)
    return bool(options.transcript) or (there and options.transcriber in ("auto", "captions"))


def _learn(meter: Meter, studio: Studio) -> None:
    media = sourcing.media_of(studio.work)
    if media is None:  # fetched, and not looked at yet
        return
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
