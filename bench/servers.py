"""A running service to measure: real processes on a fresh home folder, and what they cost."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
from chaos.cluster import Cluster
from chaos.processes import Process, below, processes

from bench.stage import sentence, srt_time

FFMPEG = Path(imageio_ffmpeg.get_ffmpeg_exe())
START_S = 120.0
END_S = 300.0


@dataclass(frozen=True, slots=True)
class Site:
    """A service that runs. ``client`` speaks to its API."""

    cluster: Cluster
    client: httpx.Client

    def submit(self, source: Path, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Hand a job in; the job as the answer tells it."""
        body = {"source": str(source), "options": dict(options or {})}
        return self._ask("POST", "/v1/jobs", json=body)

    def job(self, job: str, **query: object) -> dict[str, Any]:
        """A job as it is now."""
        return self._ask("GET", f"/v1/jobs/{job}", params=query)

    def act(self, job: str, what: str) -> dict[str, Any]:
        """Cancel or retry a job."""
        return self._ask("POST", f"/v1/jobs/{job}/{what}")

    def await_end(self, job: str) -> dict[str, Any]:
        """The job when it has ended."""
        until = time.monotonic() + END_S
        while time.monotonic() < until:
            shown = self.job(job, wait=20)
            if shown["ended_at"]:
                return shown
        raise TimeoutError(f"job {job} did not end in {END_S:g} s")

    def await_workers(self, count: int) -> None:
        """Wait until so many workers have told that they live."""
        until = time.monotonic() + START_S
        while self.figure("clipmill_workers") < count:
            if time.monotonic() > until:
                raise TimeoutError(f"{count} workers did not start in {START_S:g} s")
            time.sleep(0.2)

    def figure(self, name: str) -> float:
        """One figure of ``/metrics``, with its labels as they stand there."""
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    @property
    def api(self) -> int:
        """The pid of ``clipmill serve``."""
        return next(p.pid for p in self._started() if " serve " in p.command)

    @property
    def workers(self) -> list[int]:
        """The pids of all workers, those of ``serve`` first."""
        own = [p.pid for p in below(self.api, processes()) if " worker" in p.command]
        return own + [p.pid for p in self._started() if p.command.rstrip().endswith(" worker")]

    def _started(self) -> list[Process]:
        everyone = processes()
        return [everyone[pid] for pid in sorted(self.cluster.roots) if pid in everyone]

    def _ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        answer = self.client.request(method, path, **given)
        answer.raise_for_status()
        return dict(answer.json())


@contextmanager
def service(
    folder: Path, database: str, *, beside: int = 0, settings: Mapping[str, str] | None = None
) -> Iterator[Site]:
    """``clipmill serve`` on a new home in ``folder``, with one worker of its own or ``beside`` others."""
    home = folder / f"home-{time.time_ns()}"
    own = {"CLIPMILL_DATABASE_URL": database} if database else {}
    quick = {"CLIPMILL_DRAIN_S": "0", "CLIPMILL_RESERVE_MB": "0"}
    cluster = Cluster(
        home, folder, {**quick, **own, **(settings or {})}, crew=0 if beside else 1, beside=beside
    )
    try:
        cluster.start()
        cluster.ready(within_s=START_S)
        with httpx.Client(base_url=cluster.url, timeout=90.0, trust_env=False) as client:
            site = Site(cluster, client)
            site.await_workers(beside or 1)
            yield site
    finally:
        cluster.stop()


# --- sources --------------------------------------------------------------------------------------


def no_video(folder: Path) -> Path:
    """A file that is no video: its job starts one task, which ends at once with a typed error."""
    file = folder / "note.txt"
    file.write_text("This is no video.\n")
    return file


def long_talk(folder: Path, *, seconds: int = 90) -> tuple[Path, dict[str, Any]]:
    """A noisy film with given words, and options by which one clip of it takes a core for a long time."""
    film, words = folder / "talk.mp4", folder / "talk.srt"
    picture = f"testsrc2=s=1280x720:r=30:d={seconds},noise=alls=20:allf=t,format=yuv420p"
    sound = f"anoisesrc=d={seconds}:c=pink:r=48000:a=0.2"
    arguments = (
        *("-v", "error", "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-c:a", "aac", str(film)),
    )
    subprocess.run([FFMPEG, *arguments], check=True, stdin=subprocess.DEVNULL)
    lines = (
        f"{n}\n{srt_time(at + 0.2)} --> {srt_time(at + 3.9)}\n{sentence(n)}\n"
        for n, at in enumerate(range(0, seconds - 3, 4), 1)
    )
    words.write_text("\n".join(lines))
    return film, {"count": 1, "least": 20.0, "most": 60.0, "transcript": str(words)}


# --- what it costs --------------------------------------------------------------------------------


def cpu_of(roots: list[int]) -> float:
    """Processor time in seconds of processes and all that came from them, the ended ones included."""
    everyone = processes()
    found = {process.pid for root in roots for process in below(root, everyone)}
    return sum(map(_spent, found))


def _spent(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """The most memory that a process ever had resident, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e6


def seconds_of(at: str) -> float:
    """A time of the API as seconds since 1970."""
    return datetime.fromisoformat(at).timestamp()
