"""What ``/proc`` says about the processes of one home folder."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process that is alive. ``pid`` and ``born`` (clock ticks since boot) name it for good."""

    pid: int
    born: int
    parent: int
    command: str
    cwd: str

    @property
    def name(self) -> tuple[int, int]:
        """What no other process is called, before or after."""
        return self.pid, self.born


def processes() -> dict[int, Process]:
    """Every process that is alive, by pid; those that only wait to be reaped are not."""
    found = (_read(int(entry)) for entry in os.listdir("/proc") if entry.isdecimal())
    return {process.pid: process for process in found if process}


def _read(pid: int) -> Process | None:
    folder = Path("/proc") / str(pid)
    try:
        after_name = (folder / "stat").read_text().rpartition(")")[2].split()
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        cwd = os.readlink(folder / "cwd")
    except (OSError, IndexError):
        return None
    state, parent, born = after_name[0], int(after_name[1]), int(after_name[19])
    return None if state in "ZX" else Process(pid, born, parent, command, cwd)


def below(root: int, everyone: dict[int, Process]) -> list[Process]:
    """A process and all that came from it, itself first."""
    found = [everyone[root]] if root in everyone else []
    for process in found:
        found.extend(child for child in everyone.values() if child.parent == process.pid)
    return found


def strays(home: Path, roots: set[int], everyone: dict[int, Process]) -> list[Process]:
    """Processes that work for ``home`` and do not come from any of ``roots``."""
    ours = {process.pid for root in roots for process in below(root, everyone)}
    return [process for process in everyone.values() if process.pid not in ours and _works_for(home, process)]


def _works_for(home: Path, process: Process) -> bool:
    return str(home) in process.cwd or str(home) in process.command or _told(home, process.pid)


def _told(home: Path, pid: int) -> bool:
    """Whether a process was started with this home in its environment."""
    try:
        return f"CLIPMILL_HOME={home}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def encodes(home: Path) -> set[int]:
    """The pids of ffmpeg runs that render a clip for ``home`` at this moment."""
    return {
        process.pid
        for process in processes().values()
        if str(home) in process.cwd
        and "ffmpeg" in process.command.partition(" ")[0]
        and "x264" in process.command
    }
