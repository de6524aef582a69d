"""Those who look: at clips while they are made, and at the processes that make them."""

import os
import random
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from chaos.clients import PLAIN, Door
from chaos.log import Log
from chaos.media import decodes, sha256
from chaos.processes import encodes

LOOK_EVERY_S = 0.02
GET_EVERY = 4
"""Every so many looks one is at a clip over HTTP, the others are at files."""
DECODE_EVERY = 100
ENCODES_EVERY_S = 0.1


@dataclass
class Watcher:
    """Looks at the clips of all jobs every 20 ms: a file under its final name must be a whole clip.

    Whole means: the bytes of an unkilled run. A look is one clip read to its end, from disk or by GET.
    ``finished`` counts by job and file how often a value was seen finished: its key file is written last.
    """

    home: Path
    door: Door
    chance: random.Random
    looks: int = 0
    gets: int = 0
    decoded: int = 0
    finished: dict[tuple[str, str], set[tuple[int, int]]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        self._known: dict[Path, tuple[int, int]] = {}
        self._ids: dict[str, list[tuple[str, int]]] = {}
        self._done: set[str] = set()
        self._wrong: set[tuple[str, int, str]] = set()

    def run(self) -> None:
        """Look until the run is stopped."""
        with httpx.Client(timeout=20, verify=PLAIN) as client:
            turn = 0
            while not self.door.stop.wait(LOOK_EVERY_S):
                turn += 1
                self.scan()
                if turn % GET_EVERY == 0:
                    self._get(client)
                elif self._known:
                    self._look(self.chance.choice(list(self._known)), fresh=False)

    def scan(self) -> None:
        """Look at every clip that is new or changed in the folders of jobs that have not ended."""
        active = set(self.door.log.active())
        for job in self.door.log.jobs():
            if job not in self._done:
                self._scan_job(job)
                if job not in active:
                    self._done.add(job)
                else:
                    self._done.discard(job)
        self._done -= active

    def _scan_job(self, job: str) -> None:
        folder = self.home / "jobs" / job
        for entry in _entries(folder):
            if entry.name.startswith("clip-") and entry.name.endswith((".mp4", ".jpg")):
                path, mark = Path(entry.path), _mark(entry)
                if mark and self._known.get(path, (0, 0)) != mark:
                    self._look(path, fresh=True)
                    if path.suffix == ".mp4":
                        self._known[path] = mark
            elif entry.name == "plan.json":
                self._finish(job, entry)
        for entry in _entries(folder / ".clipmill"):
            if entry.name.endswith(".key"):
                self._finish(job, entry)

    def _finish(self, job: str, entry: "os.DirEntry[str]") -> None:
        if mark := _mark(entry):
            self.finished[job, entry.name].add(mark)

    def _look(self, path: Path, *, fresh: bool) -> None:
        job = path.parent.name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            self._known.pop(path, None)
            if job not in self.door.log.removed:
                self.door.log.violated("lost", job, f"{path.name} was there and is gone")
            return
        if path.suffix == ".jpg":
            if not content.endswith(b"\xff\xd9"):
                self.door.log.violated("partial", job, f"{path.name} ends early")
            return
        self.looks += 1
        self._judge(job, int(path.stem[5:]), content, where="the file")
        if fresh and (self.decoded == 0 or self.looks % DECODE_EVERY == 0):
            self.decoded += 1
            if not decodes(path) and job not in self.door.log.removed:
                self.door.log.violated("partial", job, f"{path.name} does not decode")

    def _judge(self, job: str, number: int, content: bytes, *, where: str) -> None:
        talk, seen = self.door.log.talks.get(job), sha256(content)
        if talk and seen != talk.clips.get(number) and (job, number, seen) not in self._wrong:
            self._wrong.add((job, number, seen))
            text = f"{where} of clip {number} has {len(content)} bytes that no unkilled run makes"
            self.door.log.violated(self._fault(job, number, len(content)), job, text)

    def _fault(self, job: str, number: int, size: int) -> str:
        """Whether a clip that is not the right one is at least a whole one."""
        path = self.home / "jobs" / job / f"clip-{number:02d}.mp4"
        whole = path.exists() and path.stat().st_size == size and decodes(path)
        return "different" if whole else "partial"

    def _get(self, client: httpx.Client) -> None:
        jobs = [job for job in self.door.log.jobs() if self._ids.get(job) or self.chance.random() < 0.3]
        if not jobs:
            return
        job = self.chance.choice(jobs)
        try:
            if job in self.door.log.active() or job not in self._ids:
                answer = client.get(f"{self.door.url}/v1/jobs/{job}/clips")
                if answer.status_code != 200:
                    return
                self._ids[job] = [(clip["id"], int(clip["number"])) for clip in answer.json()["data"]]
            if self._ids[job]:
                self._get_clip(client, job, *self.chance.choice(self._ids[job]))
        except httpx.HTTPError:
            return  # the API was killed while it answered: the client knows that the body is cut

    def _get_clip(self, client: httpx.Client, job: str, clip: str, number: int) -> None:
        answer = client.get(f"{self.door.url}/v1/clips/{clip}/video")
        if answer.status_code == 200:
            self.looks += 1
            self.gets += 1
            self._judge(job, number, answer.content, where="the answer")
        elif answer.status_code < 500 and job not in self.door.log.removed:
            self.door.log.violated("lost", job, f"clip {clip} is listed, and answered {answer.status_code}")


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _mark(entry: "os.DirEntry[str]") -> tuple[int, int] | None:
    """What changes when a file is written anew."""
    with suppress(OSError):
        facts = entry.stat()
        return facts.st_ino, facts.st_mtime_ns
    return None


@dataclass
class EncodeCounter:
    """Counts the encodes that run at the same time."""

    home: Path
    log: Log
    limit: int
    samples: int = 0
    most: int = 0

    def run(self, stop: threading.Event) -> None:
        """Count until the run is stopped."""
        while not stop.wait(ENCODES_EVERY_S):
            running = encodes(self.home)
            self.samples += 1
            if len(running) > self.limit:
                time.sleep(0.02)  # a process that was killed this moment takes a while to be gone
                running &= encodes(self.home)
            self.most = max(self.most, len(running))
            if len(running) > self.limit:
                self.log.violated("over-limit", "", f"{len(running)} encodes at once: {sorted(running)}")
