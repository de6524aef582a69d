"""Durable workflows on DBOS Transact: one for each run of a job, one for each task on the queue of its stage.

The only module that imports DBOS. A workflow holds nothing but its place: which tasks are done and which come
next. What a task does, and all that people see of it, is in our own tables.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypedDict

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID

from clipmill.jobs.database import engine_for
from clipmill.jobs.records import TaskName

NAME = "clipmill"

VERSION = "clips-1"
"""Pinned, so that an updated clipmill carries on with what an older one began. Workflow bodies change only in
ways that replay what older ones wrote, or with a new version once all old workflows have ended."""

FIRST_POLL_S, POLL_S = 0.25, 0.4
"""How often the first stage's queue is asked for work, and the others'. Each question a second costs half a
per cent of a core; the first is what a person waits for."""

WAIT_S = 0.25
"""How often a job's workflow looks whether its tasks are done."""

ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")

log = logging.getLogger(__name__)


class Answer(TypedDict):
    """What a task's workflow leaves: how the task ended, and when to try again if it says ``again``."""

    state: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class Lane:
    """The queue of one stage: how many of its tasks run at once over all workers, and in each (0: any)."""

    stage: str
    at_once: int
    each: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """What the workflows call.

    ``do`` runs a task, given the number of this try; ``following`` names the stage and clip of the tasks that
    its end makes possible; ``close`` ends a run. All may be called twice with the same words.
    """

    do: Callable[[TaskName, int], Answer]
    following: Callable[[TaskName], Sequence[tuple[str, int]]]
    close: Callable[[str, int], None]


class Engine:
    """The workflows of this process. There is one in a process."""

    def __init__(self, url: str, worker: str, lanes: Sequence[Lane], work: Work) -> None:
        """``url`` is the engine's database; ``lanes`` are all queues there are."""
        self._url = url
        self._lanes = lanes
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._suspects: set[str] = set()
        config: DBOSConfig = {
            "name": NAME,
            "system_database_url": url,
            "system_database_engine": engine_for(url, durable=False),
            "application_version": VERSION,
            "executor_id": worker,
            "serializer": DBOSPortableJSONSerializer(),
            "run_migrations": False,
            "log_level": "ERROR",
            "scheduler_polling_interval_sec": 3600.0,
            "notification_listener_polling_interval_sec": 3600.0,
        }
        self._dbos = DBOS(config=config)
        self._job = self._workflows(work)

    def launch(self, stages: Collection[str]) -> None:
        """Begin to take tasks of ``stages``. Many processes may do so at once on a new store."""
        DBOS.migrate(self._url)
        DBOS.listen_queues(sorted(stages))
        DBOS.launch()
        for number, lane in enumerate(self._lanes):
            DBOS.register_queue(
                lane.stage,
                global_concurrency=lane.at_once,
                worker_concurrency=lane.each or None,
                polling_interval_sec=POLL_S if number else FIRST_POLL_S,
                on_conflict="always_update",
            )

    def start_job(self, job: str, run: int, priority: int) -> None:
        """Start the workflow of a run here; harmless when it was started before."""
        with SetWorkflowID(f"{job}:{run}"):
            DBOS.start_workflow(self._job, job, run, priority)

    def stop_claiming(self) -> None:
        """Take nothing new; what runs goes on."""
        for event in self._dbos.background_thread_stop_events:
            event.set()

    # --- what is not run any more ---

    def take_over(self, workers: Sequence[str]) -> int:
        """Put the unfinished workflows of ``workers``, which are dead, back on their queues; how many."""
        left = DBOS.list_workflows(
            status="PENDING", executor_id=list(workers), load_input=False, load_output=False
        )
        _requeue((found.workflow_id, found.queue_name) for found in left)
        return len(left)

    def take_lost(self, worker: str, known: Callable[[], Collection[str]]) -> int:
        """Put back what runs nowhere; how many workflows.

        That is what ``worker``, this one, holds by the books but does not run, seen twice in a row; and what
        none of the ``known`` workers holds: one that was taken for dead may still have claimed something.
        """
        held = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        living = known()
        with self._lock:
            unrun = {w.workflow_id for w in held if w.executor_id == worker} - self._running
        twice, self._suspects = unrun & self._suspects, unrun - self._suspects
        lost = [w for w in held if w.workflow_id in twice or w.executor_id not in living]
        _requeue((found.workflow_id, found.queue_name) for found in lost)
        return len(lost)

    def ended(self, runs: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """Of these runs, those whose workflow has ended, with its error; or ``gone`` where there is none."""
        names = {f"{job}:{run}": (job, run) for job, run in runs}
        known = DBOS.list_workflows(workflow_ids=list(names), load_input=False) if names else []
        gone = {names[name]: "gone" for name in names.keys() - {found.workflow_id for found in known}}
        over = {names[w.workflow_id]: str(w.error or "") for w in known if w.status in ENDED}
        return {**gone, **over}

    def prune(self, before: str) -> int:
        """Delete workflows of jobs that ended before a time (ISO 8601), with their tasks'; how many."""
        old = DBOS.list_workflows(
            status=list(ENDED),
            name="job",
            completed_before=before,
            limit=500,
            load_input=False,
            load_output=False,
        )
        if old:
            DBOS.delete_workflows([found.workflow_id for found in old], delete_children=True)
        return len(old)

    # --- the workflows ---

    def _workflows(self, work: Work) -> Callable[[str, int, int], str]:
        """Register the workflows; returns that of a job."""
        do, following, close = _steps(work)

        @DBOS.workflow(name="task")
        def task_workflow(job: str, run: int, stage: str, clip: int, tries: int) -> Answer:
            with self._counted():
                return do(job, run, stage, clip, tries)

        @DBOS.workflow(name="job")
        def job_workflow(job: str, run: int, priority: int) -> str:
            with self._counted():
                tasks = [("download", 0)]
                while tasks and (done := _do_all(task_workflow, job, run, tasks, priority)):
                    stage, clip = done[0]
                    tasks = [(str(name), int(number)) for name, number in following(job, run, stage, clip)]
                close(job, run)
                return ""

        return job_workflow

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Know a workflow as running here."""
        name = str(DBOS.workflow_id)
        with self._lock:
            self._running.add(name)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(name)


def _steps(work: Work) -> tuple[Callable[..., Answer], Callable[..., list[Any]], Callable[..., None]]:
    """What the workflows do, each kept once it is done."""

    @DBOS.step(name="do")
    def do(job: str, run: int, stage: str, clip: int, tries: int) -> Answer:
        return work.do(TaskName(job, run, stage, clip), tries)

    @DBOS.step(name="following")
    def following(job: str, run: int, stage: str, clip: int) -> list[Any]:
        return [list(task) for task in work.following(TaskName(job, run, stage, clip))]

    @DBOS.step(name="close")
    def close(job: str, run: int) -> None:
        work.close(job, run)

    return do, following, close


def _do_all(
    workflow: Callable[..., Answer], job: str, run: int, tasks: list[tuple[str, int]], priority: int
) -> list[tuple[str, int]]:
    """Do tasks side by side, each again until it says something else than ``again``; those that were done."""
    tries, done = 1, []
    while tasks:
        handles = []
        for stage, clip in tasks:
            name, order = f"{job}:{run}:{stage}:{clip}:{tries}", SetEnqueueOptions(priority=priority)
            with SetWorkflowID(name), order:
                handles.append(DBOS.enqueue_workflow(stage, workflow, job, run, stage, clip, tries))
        answers = [handle.get_result(polling_interval_sec=WAIT_S) for handle in handles]
        ends = list(zip(tasks, answers, strict=True))
        done += [task for task, answer in ends if answer["state"] == "done"]
        tasks = [task for task, answer in ends if answer["state"] == "again"]
        tries += 1
        if tasks:
            DBOS.sleep(max(answer["delay_s"] for _, answer in ends))
    return done


def _requeue(pairs: Iterable[tuple[str, str | None]]) -> None:
    """Put workflows back on the queues that they came from; a job's own came from none."""
    queues = defaultdict(list)
    for name, queue in pairs:
        queues[queue].append(name)
    for queue, names in queues.items():
        DBOS.resume_workflows(names, queue_name=queue)
