"""What the service costs, how fast it answers, how soon it recovers: ``python -m bench.run service``.

Real servers and workers on fresh home folders and free ports, on SQLite and on a PostgreSQL of its own.
``BENCH_STORES`` names the stores, ``BENCH_SHARE`` (such as 0.1) makes everything smaller, to try it out.
"""

import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chaos.processes import below, encodes, processes
from chaos.run import databases

from bench.listening import listen
from bench.load import Answer, share_of, statuses, submit_many
from bench.servers import Site, cpu_of, long_talk, no_video, peak_mb, seconds_of, service
from bench.table import Row

STORES = tuple(os.environ.get("BENCH_STORES", "sqlite postgres").split())
SHARE = float(os.environ.get("BENCH_SHARE", "1"))

SETTLE_S, IDLE_S, IDLE_TURNS = 10.0, 20.0, 3
A_SECOND, WAITING, BOUND = 100.0, 1000, 100

MOST_START_S, MOST_NEWS_S, MOST_POST_S, MOST_RECOVERY_S, MOST_CANCEL_S = 0.4, 0.3, 0.25, 5.0, 2.0
MOST_IDLE_WORKER, MOST_IDLE_SERVE = 0.09, 0.12
MOST_MB = 300


@dataclass(frozen=True, slots=True)
class Store:
    """One kind of store: its name, a folder for homes and sources, and addresses of empty databases."""

    name: str
    folder: Path
    database: Callable[[], str]


def measure() -> list[Row]:
    """All rows of the service, for each store; those of PostgreSQL only where its programs are."""
    rows = []
    for name in STORES:
        with tempfile.TemporaryDirectory(prefix="clipmill-bench-") as folder:
            try:
                with databases(name) as database:
                    rows += _measure(Store(name, Path(folder), database))
            except RuntimeError as error:
                _say(f"{name} is left out: {error}")
    return rows


def _measure(store: Store) -> list[Row]:
    rows: list[Row] = []
    for part in (_calm, _loaded, _flooded, _killed):
        _say(f"{store.name}: {part.__name__.strip('_')}")
        for row in part(store):
            rows.append(replace(row, what=f"{row.what}, {store.name}"))
            _say(f"  {rows[-1].what}: {row.seen}")
    return rows


def _times(number: int, *, least: int = 2) -> int:
    return max(least, round(number * SHARE))


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# --- nothing else to do ---------------------------------------------------------------------------


def _calm(store: Store) -> list[Row]:
    """One server with one worker that has nothing else to do."""
    source = no_video(store.folder)
    with service(store.folder, store.database()) as site:
        return [*_idle(site), _starts(site, source), *_news(site, source), _rate(site, source)]


def _idle(site: Site) -> list[Row]:
    time.sleep(SETTLE_S)
    turns = [_idle_turn(site) for _ in range(_times(IDLE_TURNS, least=1))]
    worker, serve = (statistics.median(shares) for shares in zip(*turns, strict=True))
    return [
        _limit("idle worker, share of a core", worker, MOST_IDLE_WORKER, "{:.1%}"),
        _limit("idle serve with one worker, share of a core", serve, MOST_IDLE_SERVE, "{:.1%}"),
    ]


def _idle_turn(site: Site) -> tuple[float, float]:
    """Shares of a core of the worker and of everything that came from ``serve``."""
    roots = (site.workers, [site.api])
    before, start = [cpu_of(pids) for pids in roots], time.monotonic()
    time.sleep(IDLE_S)
    seconds = time.monotonic() - start
    worker, serve = (cpu_of(pids) - spent for pids, spent in zip(roots, before, strict=True))
    return worker / seconds, serve / seconds


def _starts(site: Site, source: Path) -> Row:
    """From the acceptance of a job to the start of its first task, both by the database's clock."""
    seconds = [_start(site, source) for _ in range(_times(50, least=3))]
    middle, most = statistics.median(seconds), share_of(seconds, 0.95)
    seen = f"{middle * 1000:.0f} ms, p95 {most * 1000:.0f} ms"
    target = f"p95 <= {MOST_START_S * 1000:.0f} ms"
    return Row(f"enqueue to start, {len(seconds)} jobs", seen, target, most <= MOST_START_S)


def _start(site: Site, source: Path) -> float:
    job = site.submit(source)
    ended = site.await_end(job["id"])
    started = ended_task(site, job["id"])["started_at"]
    time.sleep(random.uniform(0.3, 1.0))  # no two jobs meet the polls at the same moment of theirs
    return seconds_of(started) - seconds_of(ended["created_at"])


def ended_task(site: Site, job: str) -> dict[str, Any]:
    """The first task of a job."""
    task: dict[str, Any] = site.job(job, tasks=True)["tasks"][0]
    return task


def _news(site: Site, source: Path) -> list[Row]:
    """From an event to its arrival at a client that listens."""
    heard: dict[str, list[float]] = {}
    for _ in range(_times(60, least=3)):
        job = site.submit(source)["id"]
        threads, ears = listen(site.cluster.url, job)
        for thread in threads:
            thread.join()
        for name, ear in ears.items():
            heard.setdefault(name, []).extend(ear.heard)
        time.sleep(random.uniform(0.1, 0.3))
    return [_heard(name, seconds) for name, seconds in heard.items()]


def _heard(way: str, seconds: list[float]) -> Row:
    most = share_of(seconds, 0.95)
    seen = f"{statistics.median(seconds) * 1000:.0f} ms, p95 {most * 1000:.0f} ms"
    target = f"p95 <= {MOST_NEWS_S * 1000:.0f} ms"
    return Row(f"event to an open {way}, {len(seconds)} events", seen, target, most <= MOST_NEWS_S)


def _rate(site: Site, source: Path) -> Row:
    """Jobs a second that one worker brings to their end when there is nothing to do in them."""
    count = _times(200, least=10)
    answers = submit_many(site.cluster.url, {"source": str(source)}, count, a_second=A_SECOND)
    ended = [site.await_end(answer.job) for answer in answers if answer.job]
    begin = min(seconds_of(job["created_at"]) for job in ended)
    rate = len(ended) / (max(seconds_of(job["ended_at"]) for job in ended) - begin)
    return Row(
        f"jobs a second that do nothing, {len(ended)} jobs, one worker", f"{rate:.1f}", "reported", True
    )


# --- everything at once ---------------------------------------------------------------------------


def _loaded(store: Store) -> list[Row]:
    """Submissions while 1,000 jobs wait and a worker renders on every core."""
    film, options = long_talk(store.folder)
    body = {"source": str(film), "options": options}
    with service(store.folder, store.database(), settings={"CLIPMILL_QUEUE": "100000"}) as site:
        waiting = _times(WAITING, least=20)
        submit_many(site.cluster.url, body, waiting + 13, a_second=2 * A_SECOND)
        _await(lambda: len(encodes(site.cluster.home)) >= 2, "two renders")
        _await(lambda: site.figure('clipmill_tasks{stage="encode",state="queued"}') >= 5, "tasks in line")
        queued = site.figure('clipmill_jobs{state="queued"}')
        answers = submit_many(site.cluster.url, body, _times(1000, least=50), a_second=A_SECOND)
        renders = len(encodes(site.cluster.home))
    middle, most = (share_of([answer.seconds for answer in answers], share) for share in (0.5, 0.99))
    wrong = [answer for answer in answers if answer.status not in (202, 429)]
    seen = f"p50 {middle * 1000:.0f} ms, p99 {most * 1000:.0f} ms; {statuses(answers)}"
    what = f"POST at {A_SECOND:.0f}/s, {queued:.0f} jobs waiting, {renders} renders"
    target = f"p99 <= {MOST_POST_S * 1000:.0f} ms, nothing but 202 and 429"
    return [Row(what, seen, target, most <= MOST_POST_S and not wrong)]


def _flooded(store: Store) -> list[Row]:
    """Ten times as many submissions as may wait, within ten seconds."""
    source = no_video(store.folder)
    with service(store.folder, store.database(), settings={"CLIPMILL_QUEUE": str(BOUND)}) as site:
        count = _times(1000, least=50)
        answers = submit_many(site.cluster.url, {"source": str(source)}, count, a_second=A_SECOND)
        accepted = [answer.job for answer in answers if answer.job]
        finished = sum(site.await_end(job)["status"] == "failed" for job in accepted)
        listed = sum(
            site.figure(f'clipmill_jobs{{state="{state}"}}') for state in ("failed", "queued", "running")
        )
        memory = {"serve": peak_mb(site.api), "worker": max(map(peak_mb, site.workers))}
    return [*_flood_rows(answers, len(accepted), finished, int(listed)), *_memory_rows(memory)]


def _flood_rows(answers: list[Answer], accepted: int, finished: int, listed: int) -> list[Row]:
    most = share_of([answer.seconds for answer in answers], 0.99)
    wrong = [answer for answer in answers if answer.status not in (202, 429)]
    what = f"{len(answers)} submissions in {len(answers) / A_SECOND:.0f} s against a line of {BOUND}"
    return [
        Row(what, f"{statuses(answers)}; p99 {most * 1000:.0f} ms", "each 202 or 429", not wrong),
        Row(
            "accepted, finished, there",
            f"{accepted}, {finished}, {listed}",
            "all alike",
            accepted == finished == listed,
        ),
    ]


def _memory_rows(memory: dict[str, float]) -> list[Row]:
    return [
        Row(f"peak memory of {name} after it", f"{mb:.0f} MB", f"<= {MOST_MB} MB", mb <= MOST_MB)
        for name, mb in memory.items()
    ]


# --- kills and cancels ----------------------------------------------------------------------------


def _killed(store: Store) -> list[Row]:
    """Two workers, of which the one that renders is killed; then a job that is cancelled in its render."""
    film, options = long_talk(store.folder)
    settings = {"CLIPMILL_CRASHES": "100"}
    with service(store.folder, store.database(), beside=2, settings=settings) as site:
        job = site.submit(film, options)["id"]
        recovered = [_recover(site, job) for _ in range(_times(12))]
        cancelled = [_cancel(site, job) for _ in range(_times(12))]
    return [
        _most("kill of a worker in a render to its next start", recovered, MOST_RECOVERY_S),
        _most("cancel to no ffmpeg", cancelled, MOST_CANCEL_S),
    ]


def _recover(site: Site, job: str) -> float:
    """Seconds from the death of the worker that renders to the next start of its task."""
    site.cluster.start()
    _await(lambda: len(site.workers) >= 2 and bool(encodes(site.cluster.home)), "a render")
    site.await_workers(2)
    time.sleep(random.uniform(1.0, 3.0))
    everyone, rendering = processes(), encodes(site.cluster.home)
    victim = next(
        worker for worker in site.workers if rendering & {child.pid for child in below(worker, everyone)}
    )
    before = _render_task(site, job)["attempt"]
    at = time.time()
    os.kill(victim, signal.SIGKILL)
    _await(lambda: _render_task(site, job)["attempt"] > before, "another attempt")
    return seconds_of(_render_task(site, job)["started_at"]) - at


def _render_task(site: Site, job: str) -> dict[str, Any]:
    tasks: list[dict[str, Any]] = site.job(job, tasks=True)["tasks"]
    return next(task for task in tasks if task["stage"] == "encode")


def _cancel(site: Site, job: str) -> float:
    """Seconds from asking for the end of a job that renders to the end of its ffmpeg."""
    _await(lambda: bool(encodes(site.cluster.home)), "a render")
    time.sleep(random.uniform(0.5, 1.5))
    _await(lambda: bool(encodes(site.cluster.home)), "a render")
    start = time.monotonic()
    site.act(job, "cancel")
    _await(lambda: not encodes(site.cluster.home), "no render", every_s=0.01)
    seconds = time.monotonic() - start
    site.act(job, "retry")
    return seconds


def _most(what: str, seconds: list[float], limit: float) -> Row:
    most = share_of(seconds, 0.95)
    seen = f"{statistics.median(seconds):.2f} s, p95 {most:.2f} s"
    return Row(f"{what}, {len(seconds)} times", seen, f"p95 <= {limit:g} s", most <= limit)


def _limit(what: str, value: float, limit: float, form: str) -> Row:
    return Row(what, form.format(value), f"<= {form.format(limit)}", value <= limit)


def _await(true: Callable[[], bool], what: str, *, every_s: float = 0.1, within_s: float = 180.0) -> None:
    until = time.monotonic() + within_s
    while not true():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {within_s:g} s for {what}")
        time.sleep(every_s)
