"""A real server on a real store, with jobs that have ended, their plans, clips and logs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
from pydantic import TypeAdapter

from clipmill.clipfile import ClipFile
from clipmill.jobs.accepting import Accepting
from clipmill.jobs.database import Database
from clipmill.jobs.joblog import log_file
from clipmill.jobs.ledger import Ledger
from clipmill.jobs.records import ClipRecord, Holding, JobRecord, Outcome, Request, TaskName
from clipmill.jobs.recovery import enrol, myself
from clipmill.jobs.store import Store
from clipmill.jobs.tables import migrate
from clipmill.jobs.uploads import Rules, Uploads
from clipmill.model import (
    CropKey,
    CropPath,
    Layout,
    Media,
    Moment,
    QualityCard,
    Scene,
    Span,
    Transcript,
    VideoStream,
    Word,
)
from clipmill.plan import Options, Plan, SourceRef, TranscriptRef, plan_text
from clipmill.web.app import create_app
from clipmill.web.floor import Floor
from clipmill.web.server import Server
from clipmill.workspace import Workspace

VIDEO = VideoStream(
    0, "h264", 640, 360, 640, 360, 0, Fraction(1), Fraction(25), False, False, None, "yuv420p", 0.0
)
MEDIA = Media("talk.mp4", 1000, "ab" * 32, "mp4", 0.0, 60.0, VIDEO, None)
CARD = QualityCard(1.0, 1.0, 0.0, 1.0, -14.0, -2.0, None, True, True, True, 20.0, 500, 300_000)

MOMENTS = ("m1", "m2", "m3")
"""Ids of the moments of every plan here; the first two are chosen."""


@dataclass
class Site:
    """A running server, what it stands on, and a client that speaks to it."""

    url: str
    floor: Floor
    database: Database
    ledger: Ledger
    http: httpx.Client
    server: Server
    worker: str

    @property
    def store(self) -> Store:
        """The jobs."""
        return self.floor.store

    @property
    def videos(self) -> Path:
        """The folder that sources may lie in."""
        return self.floor.folders[0]

    def video(self, name: str = "talk.mp4") -> Path:
        """A file in that folder."""
        (self.videos / name).write_bytes(b"not looked at here")
        return self.videos / name

    def submit(self, **fields: Any) -> httpx.Response:
        """Hand a job in."""
        return self.http.post("/v1/jobs", json={"source": str(self.video()), **fields})

    def queued(self, **fields: Any) -> JobRecord:
        """A job in line."""
        (job,) = self.store.accept([Request(str(self.video()), Options(), **fields)], bound=10**6)
        assert isinstance(job, JobRecord)
        return job

    def running(self) -> JobRecord:
        """A job at work."""
        job = self.queued(priority=1)
        assert (job.id, 1) in self.store.take_jobs(1000)
        return self.store.job(job.id)

    def ended(self, *, title: str = "A fine title") -> JobRecord:
        """A job with two finished clips."""
        job = self.running()
        furnish(self.floor.workspace(job.id), job.request.source, title)
        for number, moment in enumerate(MOMENTS[:2], 1):
            self.finish_clip(job, number, moment)
        return self.store.close_job(job.id, 1)

    def finish_clip(self, job: JobRecord, number: int, moment: str) -> None:
        """Let a clip be finished, as a worker does."""
        held = self.ledger.begin_task(TaskName(job.id, job.run, "encode", number), "w1", max_crashes=3)
        assert isinstance(held, Holding)
        work = self.floor.workspace(job.id)
        clip = work.load(ClipFile, work.clip(number, ".json"), key=None)
        assert clip is not None
        facts = TypeAdapter(ClipFile).dump_python(clip, mode="json")
        for long in ("words", "crop_path", "scenes", "signals"):
            del facts[long]
        record = ClipRecord(f"{job.id}-{moment}", job.id, moment, number, 1, facts, 0.0)
        assert self.ledger.finish_task(held, Outcome("done", True, clip=record))

    def clip_path(self, job: JobRecord, number: int, suffix: str) -> Path:
        """A file of a clip."""
        return self.floor.workspace(job.id).clip(number, suffix)


def furnish(work: Workspace, source: str, title: str) -> None:
    """Everything that a job leaves in its folder."""
    work.kept.mkdir(parents=True, exist_ok=True)
    work.path("plan.json").write_text(plan_text(plan_of(source)))
    words = Transcript("en", 1.0, 60.0, (Word("Hi.", 1.0, 1.5),), "file")
    work.save(words, work.path("transcript.json"), key="")
    for number, moment in enumerate(MOMENTS[:2], 1):
        video = bytes(range(256)) * 1000 * number
        work.clip(number, ".mp4").write_bytes(video)
        work.clip(number, ".jpg").write_bytes(b"\xff\xd8\xff\xd9")
        work.clip(number, ".srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHi.\n")
        work.clip(number, ".vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nHi.\n")
        work.save(clip_file(number, moment, title, len(video)), work.clip(number, ".json"), key="")
    work.clip(1, ".ass").write_text("[Script Info]\n")
    log_file(work.folder).write_text("".join(f"line {number}\n" for number in range(1, 501)))


def plan_of(source: str) -> Plan:
    """A plan of three moments of which two are chosen."""
    return Plan(
        SourceRef(source, MEDIA),
        TranscriptRef("transcript.json", "en", "file", "ef" * 32),
        Options(),
        tuple(moment(name, 20.0 * place) for place, name in enumerate(MOMENTS)),
        MOMENTS[:2],
    )


def moment(name: str, start: float) -> Moment:
    """A moment of 15 s."""
    span = Span(start, start + 15)
    return Moment(name, 0, 3, span, 90.0, 1.5, f"Title {name}", "Words.", ("has numbers",))


def clip_file(number: int, name: str, title: str, size: int) -> ClipFile:
    """The record of a clip."""
    span = Span(20.0 * (number - 1), 20.0 * (number - 1) + 15)
    return ClipFile(
        rank=number,
        moment=name,
        title=title,
        score=90.0,
        reasons=("has numbers",),
        span=span,
        text="Hi.",
        words=(Word("Hi.", 1.0, 1.5),),
        width=180,
        height=320,
        frame_rate=25.0,
        scenes=(Scene(span, Layout.FILL),),
        crop_path=CropPath(0.3, 1.0, (CropKey(span.start, 0.5, 0.5),)),
        quality=replace(CARD, size_bytes=size),
        degraded=(),
        signals={"you": 0.5},
    )


@contextmanager
def serving(home: Path, *, rules: Rules | None = None, **fields: Any) -> Iterator[Site]:
    """A server on a folder until the block ends; ``fields`` are those of its floor."""
    (home / "videos").mkdir(parents=True)
    database = Database(f"sqlite:///{home / 'jobs.db'}")
    migrate(database)
    worker = myself()
    enrol(database, worker, stages=(), version="1")
    store = Store(database)
    accepting = Accepting(store, fields.get("bound", 100))
    usual: dict[str, Any] = {"folders": (home / "videos",), "reserve_mb": 0, "version": "1.2.3"}
    usual["uploads"] = Uploads(database, home, rules or Rules(reserve_mb=0))
    floor = Floor(store, accepting, home, **{**usual, **fields})
    address: list[str] = []
    up = threading.Event()

    def started(url: str) -> None:
        address.append(url)
        up.set()

    server = Server(create_app(floor), started=started, drain_s=0.0)
    thread = threading.Thread(target=server.serve_on, args=("127.0.0.1", 0))
    thread.start()
    assert up.wait(30)
    try:
        with httpx.Client(base_url=address[0], timeout=30, trust_env=False) as http:
            yield Site(address[0], floor, database, Ledger(database), http, server, worker.id)
    finally:
        server.end()
        thread.join(30)
        accepting.close()
        database.close()
