"""A service of real processes on one home folder, killed at will and started again as a manager would."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from chaos.clients import PLAIN
from chaos.processes import Process, below, processes, strays
from chaos.versions import surroundings

ORPHANS_AFTER_S = 2.0
TARGETS = {"api": 3, "crew worker": 2, "worker": 3, "worker and its group": 2, "launcher": 1, "everything": 2}
"""What is killed, and how often in relation to the others."""


@dataclass(frozen=True, slots=True)
class Death:
    """One kill: when (seconds since 1970), of what, and every process that had to go with it."""

    at: float
    target: str
    doomed: tuple[Process, ...]


@dataclass
class Cluster:
    """``clipmill serve`` with a worker of its own and one ``clipmill worker`` beside it, on one store.

    ``python`` is the program that runs it: this one, or that of another version.
    """

    home: Path
    allow: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    python: Path = Path(sys.executable)
    crew: int = 1
    beside: int = 1

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self.starts = 0

    @property
    def url(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.port}"

    # --- starting ---

    def start(self, *, only: str = "") -> None:
        """Start whatever does not run: the API with its crew, and each ``worker-N``."""
        workers = ("--workers", str(self.crew)) if self.crew else ("--no-workers",)
        serve = ("serve", "--port", str(self.port), "--allow", str(self.allow), *workers)
        wanted = {"api": serve, **{f"worker-{n}": ("worker",) for n in range(1, self.beside + 1)}}
        for name in [only] if only else wanted:
            self._ensure(name, wanted[name])

    def _ensure(self, name: str, arguments: tuple[str, ...]) -> None:
        with self._lock:
            known = self._running.get(name)
            if known and known.poll() is None:
                return
            self.starts += 1
            with (self.home.parent / f"{self.home.name}-{name}.log").open("ab") as log:
                self._running[name] = subprocess.Popen(
                    [str(self.python), "-m", "clipmill", *arguments],
                    env=self._environment(),
                    cwd=self.home.parent,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def _environment(self) -> dict[str, str]:
        ours = {"CLIPMILL_HOME": str(self.home), **self.settings}
        return {**os.environ, **surroundings(self.python), **ours}

    def ready(self, *, within_s: float = 60.0) -> None:
        """Wait until the API answers; raises TimeoutError with the end of its log."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/healthz", timeout=5, verify=PLAIN).status_code == 200:
                    return
            time.sleep(0.2)
        raise TimeoutError(f"the API did not start in {within_s:g} s:\n{self.log('api')[-3000:]}")

    def log(self, name: str) -> str:
        """What one of the processes wrote, over all its lives."""
        file = self.home.parent / f"{self.home.name}-{name}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    # --- killing ---

    @property
    def roots(self) -> set[int]:
        """Pids of what was started here and lives."""
        with self._lock:
            return {process.pid for process in self._running.values() if process.poll() is None}

    def kill(self, target: str, chance: random.Random) -> Death | None:
        """SIGKILL a target, or nothing when it does not run right now."""
        everyone = processes()
        doomed = {
            process.pid: process
            for root in self._aim(target, chance, everyone)
            for process in below(root, everyone)
        }
        if not doomed:
            return None
        whole = target in ("worker and its group", "everything")
        aimed = list(doomed) if whole else self._aim_again(doomed)
        at = time.time()
        for pid in aimed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._reap(aimed)
        return Death(at, target, tuple(doomed.values()))

    def _aim_again(self, doomed: Mapping[int, Process]) -> list[int]:
        """The first of those that must go: what comes from it has to end by itself."""
        return [pid for pid, process in doomed.items() if process.parent not in doomed]

    def _aim(self, target: str, chance: random.Random, everyone: dict[int, Process]) -> list[int]:
        with self._lock:
            api = self._running["api"].pid
            beside = [p.pid for name, p in self._running.items() if name != "api" and p.poll() is None]
        crew = [p.pid for p in below(api, everyone)[1:] if p.parent == api and _is_worker(p)]
        match target:
            case "api":
                return [api]
            case "crew worker":
                pool = crew
            case "worker" | "worker and its group":
                pool = beside or crew
            case "launcher":
                pool = [
                    p.pid
                    for w in (*crew, *beside)
                    for p in below(w, everyone)
                    if "spawner.py" in p.command and p.parent == w
                ]
            case _:
                return [api, *beside]
        return [chance.choice(pool)] if pool else []

    def _reap(self, killed: list[int]) -> None:
        """Wait for the ends of those that are our own children."""
        with self._lock:
            ours = [process for process in self._running.values() if process.pid in killed]
        for process in ours:
            process.wait()

    def end(self, name: str) -> None:
        """SIGKILL one of the processes for good."""
        with self._lock:
            process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self, *, grace_s: float = 30.0) -> None:
        """End everything: ask, wait, then kill whatever was started here."""
        with self._lock:
            running = list(self._running.values())
        for process in running:
            process.terminate()
        deadline = time.monotonic() + grace_s
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            if process.poll() is None:
                process.kill()
                process.wait()

    def orphans(self, death: Death) -> list[Process]:
        """Which processes are still there of those that had to go, or belong to nobody."""
        everyone = processes()
        doomed = {process.name for process in death.doomed}
        found = [process for process in everyone.values() if process.name in doomed]
        lost = {process.name for process in strays(self.home, self.roots, everyone)}
        if lost - doomed:
            # They may come from a kill of this moment: an orphan is who is one for 2 s.
            time.sleep(ORPHANS_AFTER_S)
            everyone = processes()
            found += [p for p in strays(self.home, self.roots, everyone) if p.name in lost - doomed]
        return found


def _is_worker(process: Process) -> bool:
    return "clipmill" in process.command and " worker" in process.command
