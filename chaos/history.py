"""The checker: finds every broken promise in the history of a chaos run."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from chaos.facts import KINDS, EventRow, History, Violation
from chaos.moves import FINAL, lives


def check(history: History, *, encodes: int = 2, ended: bool = True) -> list[Violation]:
    """Every broken promise, in the order of ``KINDS``.

    At most ``encodes`` may run at the same time. ``ended``: every job should have come to its end.
    """
    found = [
        *history.seen,
        *_submissions(history),
        *_answers(history),
        *(_endings(history) if ended else ()),
        *_lives(history),
        *_numbers(history),
        *_listeners(history),
        *_work(history),
        *_crowds(history, encodes),
        *_announcements(history),
        *_clips(history),
        *_files(history),
    ]
    order = list(KINDS)
    return sorted(dict.fromkeys(found), key=lambda violation: order.index(violation.kind))


def counts(violations: list[Violation]) -> dict[str, int]:
    """How many of each kind, zeros included."""
    number = Counter(violation.kind for violation in violations)
    return {kind: number[kind] for kind in KINDS}


# --- accepted and ended ---------------------------------------------------------------------------


def _submissions(history: History) -> Iterator[Violation]:
    """Every 202 has its job, and one Idempotency-Key has one job, answered or not."""
    there = {job.id for job in history.jobs}
    answered: dict[str, set[str]] = defaultdict(set)
    for answer in history.answers:
        if answer.verb == "submit":
            answered[answer.key].add(answer.job)
            if answer.job not in there | history.removed:
                yield Violation("lost", answer.job, "accepted, and not in the database")
    for key, jobs in answered.items():
        if len(jobs) > 1:
            yield Violation("twice", min(jobs), f"key {key} was answered with {len(jobs)} jobs")
    for key, times in Counter(job.key for job in history.jobs if job.key).items():
        if times > 1:
            yield Violation("twice", "", f"key {key} has {times} jobs in the database")


_TRACES = {"cancel": "cancelled", "pause": "paused", "resume": "resumed", "retry": "retried"}


def _answers(history: History) -> Iterator[Violation]:
    """What was answered with success left its trace in the events."""
    there = {job.id for job in history.jobs}
    kinds = Counter((event.job, event.kind) for event in history.events)
    asked = Counter((answer.job, answer.verb) for answer in history.answers if answer.verb in _TRACES)
    for (job, verb), times in asked.items():
        if job in there and kinds[job, _TRACES[verb]] < times:
            yield Violation("promise", job, f"{verb} was answered {times} times, fewer events say so")
    for answer in history.answers:
        if answer.verb == "delete" and answer.job in there:
            yield Violation("promise", answer.job, "deleted, and still in the database")


def _endings(history: History) -> Iterator[Violation]:
    for job in history.jobs:
        if job.id not in history.removed and job.state not in FINAL:
            yield Violation("lost", job.id, f"still {job.state} in the end")
        if job.state in ("failed", "partial"):
            yield Violation("failed", job.id, f"{job.state}: {job.fault}")


# --- events ---------------------------------------------------------------------------------------


def _by_job(events: tuple[EventRow, ...]) -> dict[str, list[EventRow]]:
    found: dict[str, list[EventRow]] = defaultdict(list)
    for event in sorted(events, key=lambda event: (event.job, event.number)):
        found[event.job].append(event)
    return found


def _numbers(history: History) -> Iterator[Violation]:
    """Numbers run from 1 to the job's last without a gap."""
    events = _by_job(history.events)
    for job in history.jobs:
        numbers = [event.number for event in events[job.id]]
        if numbers != list(range(1, job.last_event + 1)):
            yield Violation("gap", job.id, f"{len(numbers)} events, and the last is number {job.last_event}")


def _lives(history: History) -> Iterator[Violation]:
    """The events tell a life that is allowed, and that ends as the row says."""
    events = _by_job(history.events)
    for job in history.jobs:
        life = lives([(event.kind, event.data) for event in events[job.id]])
        yield from (Violation(kind, job.id, text) for kind, text in life.faults)
        if (life.state, life.run) != (job.state, job.run):
            text = f"its events end {life.state} in run {life.run}, its row says {job.state}, {job.run}"
            yield Violation("illegal", job.id, text)


def _listeners(history: History) -> Iterator[Violation]:
    """Who reconnects by the last number hears every event once, in order, to the final one."""
    for heard in history.listened:
        if list(heard.numbers) != list(range(1, len(heard.numbers) + 1)):
            yield Violation("gap", heard.job, f"a listener heard {_first_gap(heard.numbers)}")
        if heard.ended and (not heard.kinds or heard.kinds[-1] not in FINAL):
            yield Violation("lost", heard.job, "a stream ended before the final event")


def _first_gap(numbers: tuple[int, ...]) -> str:
    place = next(place for place, number in enumerate(numbers) if number != place + 1)
    return f"{numbers[place]} where {place + 1} was due"


# --- work and clips -------------------------------------------------------------------------------


def _work(history: History) -> Iterator[Violation]:
    """No stage works a second time on what it finished: by rows, by events, and by files."""
    for task in history.tasks:
        if task.worked > 1:
            yield Violation("redone", task.job, f"{task.stage} {task.clip} worked {task.worked} times")
    worked = Counter(
        (event.job, event.data.get("stage"), event.data.get("clip", 0))
        for event in history.events
        if event.kind == "stage.done" and event.data.get("worked")
    )
    for (job, stage, clip), times in worked.items():
        if times > 1:
            yield Violation("redone", job, f"{times} events say that {stage} {clip} worked")
    for (job, name), times in history.finished.items():
        if times > 1:
            yield Violation("redone", job, f"{name} was finished {times} times")


_OVER = frozenset(("stage.done", "stage.failed", "waiting", "worker.lost"))


def _crowds(history: History, limit: int) -> Iterator[Violation]:
    """Never more encodes at once, by the events of their starts and ends."""
    moments: list[tuple[float, int]] = []
    for events in _by_job(history.events).values():
        running: dict[object, float] = {}
        for event in events:
            if event.kind == "stage.started" and event.data.get("stage") == "encode":
                running[event.data.get("clip")] = event.at
            ended = list(running) if event.kind == "cancelled" else [event.data.get("clip")]
            if event.kind in _OVER | {"cancelled"}:
                spans = [(running.pop(clip), event.at) for clip in ended if clip in running]
                moments += [moment for start, end in spans for moment in ((start, 1), (end, -1))]
    now = 0
    for at, change in sorted(moments):
        now += change
        if change > 0 and now > limit:
            yield Violation("over-limit", "", f"{now} encodes at once at {at:.3f}, by their events")


def _announcements(history: History) -> Iterator[Violation]:
    """One ``clip.ready`` for each clip that has a row."""
    ready = Counter(
        (event.job, str(event.data.get("clip"))) for event in history.events if event.kind == "clip.ready"
    )
    for (job, name), times in ready.items():
        if times > 1:
            yield Violation("twice", job, f"clip {name} was announced {times} times")
    for clip in history.clips:
        if not ready[clip.job, clip.id]:
            yield Violation("lost", clip.job, f"clip {clip.id} was never announced")


def _clips(history: History) -> Iterator[Violation]:
    """One row for each moment and each number, as many as the job counts."""
    for column in ("moment", "number"):
        rows = Counter((clip.job, getattr(clip, column)) for clip in history.clips)
        for (name, value), times in rows.items():
            if times > 1:
                yield Violation("twice", name, f"{times} clips have the {column} {value}")
    made = Counter(clip.job for clip in history.clips)
    for job in history.jobs:
        if job.clips_ready != made[job.id]:
            yield Violation("lost", job.id, f"{job.clips_ready} clips counted, {made[job.id]} rows")
        if job.state == "succeeded" and made[job.id] != job.clips_expected:
            yield Violation("lost", job.id, f"succeeded with {made[job.id]} of {job.clips_expected} clips")


def _files(history: History) -> Iterator[Violation]:
    """Each row has its file with the bytes of an unkilled run, and each file has its row."""
    videos = {(file.job, file.name): file for file in history.files if file.name.endswith(".mp4")}
    wanted = {(clip.job, f"clip-{clip.number:02d}.mp4"): clip for clip in history.clips}
    for place, clip in wanted.items():
        file = videos.get(place)
        if file is None:
            yield Violation("lost", clip.job, f"{place[1]} has a row and no file")
        elif file.size != clip.size:
            yield Violation("partial", clip.job, f"{place[1]} has {file.size} bytes, its record {clip.size}")
        elif file.sha256 != history.expected.get(clip.job, {}).get(clip.number, file.sha256):
            yield Violation("different", clip.job, f"{place[1]} is not what an unkilled run makes")
    there = {job.id for job in history.jobs}
    for file in history.files:
        if file.job not in there:
            yield Violation("leftover", file.job, f"{file.name} of a job that is gone")
        elif _temporary(file.name):
            yield Violation("leftover", file.job, file.name)
    ended = {job.id for job in history.jobs if job.state == "succeeded"}
    for job, name in videos.keys() - wanted.keys():
        if job in ended and not _temporary(name):
            yield Violation("leftover", job, f"{name} has no row")


def _temporary(name: str) -> bool:
    """Whether a name is one that only work in progress has."""
    parts = name.split("/")
    return ".clipmill/tmp/" in name or any(part.startswith(".") and part != ".clipmill" for part in parts)
