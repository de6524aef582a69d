"""One task of a job, from taking it in hand to telling how it ended."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from clipmill import pipeline
from clipmill.addresses import is_address
from clipmill.clipfile import ClipFile, finished_clip
from clipmill.errors import BudgetError, BusyError, ClipmillError, JobCancelled, ToolError
from clipmill.jobs.company import Company
from clipmill.jobs.joblog import logged_to
from clipmill.jobs.ledger import Ledger
from clipmill.jobs.records import ClipRecord, Fault, Holding, JobRecord, Outcome, TaskName
from clipmill.jobs.store import Store
from clipmill.jobs.supervise import patiently, survive
from clipmill.media.reins import Reins, held_by
from clipmill.plan import Options, read_plan
from clipmill.sharing import Shared
from clipmill.sourcing import known_listing
from clipmill.studio import Job, Services, Stage, Studio, Task
from clipmill.wording import known_transcript
from clipmill.workspace import Workspace, attempt_space

TRIES = 3
"""How often a task is begun that ends with a fault which may pass."""

MOST_TRIES = 1000
"""How often a task is begun whose fault is not its own: no room, no turn, a part that was down."""

DISK_WAIT_S = 20.0
"""A task that found the disk full tries again after this long; the fault is not the job's."""

CANCELLED, FENCED, RETURNED = "cancelled", "fenced", "returned"
"""Why a task is stopped: its job does not want it, it is another worker's, this worker ends."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Underway:
    """A task that runs here: its reins, the share done that it last told, and whether it holds still."""

    reins: Reins = field(default_factory=Reins)
    share: float = 0.0
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Shop:
    """What tasks are worked on with: the tables, the folder of all jobs, the services, and whose they are."""

    store: Store
    ledger: Ledger
    jobs: Path
    services: Services
    worker: str
    max_crashes: int
    fence_s: float
    """Seconds without a beat after which nothing is published any more: before others take over."""
    room: Callable[[Path, float], None]
    """Raises BudgetError when a folder's disk has not so many MiB free beside the reserve."""
    shared: Callable[[str], Shared]
    """What the jobs of an owner share."""
    bound: int
    """The longest that the line of jobs may get."""

    def folder(self, job: str) -> Path:
        """The folder of one job."""
        return self.jobs / job


class Desk:
    """The tasks in the hands of this worker."""

    def __init__(self, shop: Shop, ending: threading.Event) -> None:
        self._shop = shop
        self._ending = ending
        self._beat = self._steady = time.monotonic()
        self._company = Company()
        self.underway: dict[Holding, Underway] = {}

    def do(self, task: TaskName, tries: int) -> Outcome:
        """Run a task to its end; what comes of it is in the ledger. ``tries`` counts from 1.

        One with which too many workers died waits until it is alone here, and others wait for it.
        """
        suspect = partial(self._shop.ledger.is_suspect, task, max_crashes=self._shop.max_crashes)
        with self._company.entered(alone=patiently(suspect, until=self._ending)):
            return self._do(task, tries)

    def _do(self, task: TaskName, tries: int) -> Outcome:
        ledger, shop = self._shop.ledger, self._shop
        begun = patiently(
            lambda: ledger.begin_task(task, shop.worker, max_crashes=shop.max_crashes), until=self._ending
        )
        if isinstance(begun, Outcome):
            return begun
        hand = self.underway[begun] = Underway()
        try:
            with logged_to(shop.folder(task.job), task):
                outcome = survive(lambda: self._attempt(begun, hand), otherwise=partial(_after, tries=tries))
                log.info("attempt %d: %s", begun.attempt, hand.reins.stopped or outcome.state)
            if hand.reins.stopped == RETURNED:
                _park(hand)
            if hand.reins.stopped:
                outcome = Outcome("again" if hand.reins.stopped == FENCED else "stopped")
            kept = patiently(lambda: ledger.finish_task(begun, outcome), until=self._ending)
        finally:
            del self.underway[begun]
        return outcome if kept else Outcome("stopped")

    def beaten(self) -> None:
        """This worker is known to live."""
        now = time.monotonic()
        if now - self._beat > self._shop.fence_s:
            self._steady = now
        self._beat = now

    @property
    def steady_s(self) -> float:
        """For how long this worker has beaten without a break: then it may judge others by their beats."""
        return time.monotonic() - self._steady

    def fence(self) -> None:
        """Stop all work when others may soon take this worker for dead."""
        if time.monotonic() - self._beat > self._shop.fence_s:
            self.stop_all(FENCED)

    def stop_all(self, why: str) -> None:
        """Stop everything that runs here."""
        for hand in list(self.underway.values()):
            hand.reins.stop(why)

    def watch(self) -> None:
        """Tell the shares done, and stop what is not wanted any more."""
        held = dict(self.underway)
        if not held:
            return
        self._shop.ledger.report({holding: hand.share for holding, hand in held.items()})
        for holding in self._shop.ledger.stopping(list(held)):
            held[holding].reins.stop(CANCELLED)

    def _attempt(self, holding: Holding, hand: Underway) -> Outcome:
        task, shop = holding.task, self._shop
        job = shop.store.job(task.job)
        mark = f"{task.stage}-{task.clip}-{holding.attempt}-{shop.worker}"
        with held_by(hand.reins), attempt_space(shop.folder(task.job), mark) as work:
            studio = self._studio(job, replace(work, guard=partial(self._guard, holding, hand)), hand)
            wanted = Task(Stage(task.stage), task.clip)
            if wanted.stage is Stage.ENCODE:
                shop.room(work.folder, pipeline.room_mb(wanted, work))
            worked = pipeline.run_task(wanted, studio)
            return Outcome(
                "done",
                worked,
                clip=_clip(task, work),
                warnings=_warnings(task, work),
                learned=_learned(task, studio),
            )

    def _studio(self, job: JobRecord, work: Workspace, hand: Underway) -> Studio:
        def tell(_: Task, share: float) -> None:
            hand.share = share
            if hand.reins.stopped:
                raise JobCancelled

        request = job.request
        spend = partial(self._shop.ledger.spend, job.id)
        services = replace(
            self._shop.services,
            tell=tell,
            spend=spend,
            shared=self._shop.shared(request.owner),
            spread=partial(hand_on, self._shop.store, job, bound=self._shop.bound),
        )
        source, reuse = request.source, request.reuse
        if is_address(source):
            return Studio(Job(work.fetched, request.options, source, reuse), work, services)
        return Studio(Job(Path(source), request.options, reuse=reuse), work, services)

    def _guard(self, holding: Holding, hand: Underway) -> None:
        """Called before anything is published: raises JobCancelled when the task is not ours any more."""
        self.fence()
        if not hand.reins.stopped and not self._shop.ledger.holds(holding):
            hand.reins.stop(FENCED)
        if hand.reins.stopped:
            raise JobCancelled


def hand_on(store: Store, job: JobRecord, addresses: Sequence[str], *, bound: int) -> None:
    """Let each of these addresses have a job like this one, which had a list of them, unless it has one.

    Raises BusyError ``queue-full`` when not all of them find room in the line; those that did are known when
    it is asked again.
    """
    metadata = {**job.request.metadata, "list": job.id}
    requests = [
        replace(
            job.request,
            source=address,
            metadata=metadata,
            idempotency_key=f"list:{job.id}:{hashlib.sha256(address.encode()).hexdigest()[:32]}",
        )
        for address in addresses
    ]
    for answer in store.accept(requests, bound=bound):
        if isinstance(answer, ClipmillError):
            raise answer


def _park(hand: Underway) -> None:
    """Hold still until the process ends: the task was given back, and nothing may be said of it."""
    hand.parked = True
    while True:
        time.sleep(3600)


def _after(error: Exception, *, tries: int) -> Outcome:
    """What becomes of a task that ended with an error."""
    if not isinstance(error, ClipmillError):
        return Outcome("failed", fault=Fault("internal-error", f"A fault in clipmill: {error}."))
    fault = Fault(error.code, error.message)
    match error:
        case JobCancelled():
            return Outcome("stopped")
        case _ if tries >= MOST_TRIES:
            return Outcome("failed", fault=fault)
        case BudgetError(code="disk-full"):
            return Outcome("again", fault=fault, delay_s=DISK_WAIT_S)
        case BusyError(retry_after=seconds):
            return Outcome("again", fault=fault, delay_s=seconds)
        case ToolError(detail=detail):
            log.warning("%s", detail)
    if error.retry and tries < TRIES:
        return Outcome("again", fault=fault, delay_s=4.0 ** (tries - 1))
    return Outcome("failed", fault=fault)


def _clip(task: TaskName, work: Workspace) -> ClipRecord | None:
    """The record of the clip that a task finished."""
    clip = finished_clip(work, task.clip, key=None) if task.clip else None
    if clip is None:
        return None
    facts: dict[str, Any] = TypeAdapter(ClipFile).dump_python(clip, mode="json")
    for long in ("words", "crop_path", "scenes", "signals"):
        del facts[long]
    with work.clip(task.clip, ".mp4").open("rb") as file:
        facts["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    return ClipRecord(f"{task.job}-{clip.moment}", task.job, clip.moment, task.clip, 1, facts, 0.0)


def _learned(task: TaskName, studio: Studio) -> Mapping[str, str]:
    """What is known of the job after this task."""
    work = studio.work
    if task.stage == Stage.DOWNLOAD:
        listing = known_listing(work, studio.job.address)
        return {"title": listing.title if listing else studio.job.source.stem}
    if task.stage == Stage.TRANSCRIBE:
        return {"words_by": known_transcript(studio).by}
    return {}


def _warnings(task: TaskName, work: Workspace) -> tuple[str, ...]:
    """What the user should know after this task."""
    if task.stage == Stage.SCORE:
        return read_plan(work.path("plan.json")).warnings
    clip = finished_clip(work, task.clip, key=None) if task.clip else None
    return clip.degraded if clip else ()


def expectations(
    task: TaskName, folder: Path, options: Options, seconds: Callable[[str, float], float]
) -> Mapping[TaskName, float]:
    """The seconds that the tasks which follow on ``task`` are expected to take."""
    work = Workspace(folder)
    return {
        replace(task, stage=after.stage, clip=after.clip): seconds(
            after.stage, pipeline.task_units(after, work, options)
        )
        for after in pipeline.following(Task(Stage(task.stage), task.clip), work)
    }
