"""How far a job is and how long it still takes, for people at a terminal and for logs."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from clipmill.studio import Stage, Task

QUIET_LINES_S = 10.0
"""Without a terminal a line is printed this often."""

CLIP_WEIGHT = 1.7
HEAR_WEIGHT = 0.06
"""CPU seconds per second of clip and of source: measured on two cores; only their ratio matters."""

FETCH_WEIGHT = 0.03
"""Seconds that a second of source takes to be fetched: 3 Mb/s of picture over a line of 100 Mb/s."""

Show = Callable[[str, float, float | None], None]
"""Called with the stage in words, the total share 0 to 1, and the seconds left when they are known."""


class Meter:
    """The total share of one job from the shares of its tasks."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._started = time.monotonic()
        self._weights: dict[Task, float] = {}
        self._shares: dict[Task, float] = {}
        self._first: float | None = None
        self._fetched = self._captions = False
        self._skipped: set[Stage] = set()
        self.expect(duration=600.0, lengths=[40.0] * 8)

    def fetch(self, duration: float | None, *, captions: bool) -> None:
        """Tell that the source is fetched, how long the site says that it is, and whether it has captions."""
        self._fetched, self._captions = True, captions
        self.expect(duration=duration or 600.0, lengths=[40.0] * 8)

    def expect(self, *, duration: float, lengths: list[float]) -> None:
        """Tell how long the source is and how long the clips are, in seconds, as soon as it is known."""
        weights = {
            Task(Stage.DOWNLOAD): 0.5 + (FETCH_WEIGHT * duration if self._fetched else 0.0),
            Task(Stage.TRANSCRIBE): 1.0 + (0.0 if self._captions else HEAR_WEIGHT * duration),
            Task(Stage.SCORE): 0.5 + (HEAR_WEIGHT * sum(lengths) if self._captions else 0.0),
        }
        for number, length in enumerate(lengths, 1):
            weights[Task(Stage.ENCODE, number)] = 1.0 + CLIP_WEIGHT * length
        self._weights = {task: weight for task, weight in weights.items() if task.stage not in self._skipped}

    def tell(self, task: Task, share: float) -> None:
        """Take note of one task's share and show the total."""
        self._shares[task] = max(share, self._shares.get(task, 0.0))
        self._show(self._words(task, share), self.share, self._left())

    def skip(self, *done: Stage) -> None:
        """Count nothing for these stages: they are not part of the work."""
        self._skipped.update(done)
        self._weights = {task: weight for task, weight in self._weights.items() if task.stage not in done}

    def skip_tasks(self, tasks: Sequence[Task]) -> None:
        """Count nothing for these tasks."""
        for task in tasks:
            self._weights.pop(task, None)

    @property
    def share(self) -> float:
        """The total share done."""
        total = sum(self._weights.values())
        done = sum(weight * self._shares.get(task, 0.0) for task, weight in self._weights.items())
        return min(1.0, done / total)

    def _left(self) -> float | None:
        """Seconds left, measured from the first share seen, so that a continued job is not misjudged."""
        if self._first is None:
            self._first, self._started = self.share, time.monotonic()
        done, spent = self.share - self._first, time.monotonic() - self._started
        if done < 0.02 or spent < 2:
            return None
        return spent / done * (1 - self.share)

    def _words(self, task: Task, share: float) -> str:
        match task.stage:
            case Stage.DOWNLOAD:
                return "downloading" if self._fetched else "reading the video"
            case Stage.TRANSCRIBE:  # captions are read at once: who takes longer listens after all
                return "reading captions" if self._captions and share in (0.0, 1.0) else "listening"
            case Stage.SCORE:
                return "choosing"
            case Stage.ENCODE:
                clips = sum(known.stage is Stage.ENCODE for known in self._weights)
                return f"rendering clip {task.clip} of {clips}"


def clock(seconds: float) -> str:
    """Seconds as ``1:05`` or ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class Bar:
    """A progress bar on a terminal; used as a context."""

    def __init__(self, stream: TextIO) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<26}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]}"),
            console=Console(file=stream),
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=1.0, left="")

    def __enter__(self) -> Show:
        self._progress.start()
        return self._update

    def __exit__(self, *failure: object) -> None:
        self._progress.stop()

    def _update(self, words: str, share: float, left: float | None) -> None:
        shown = "" if left is None else f"{clock(left)} left"
        self._progress.update(self._task, description=words, completed=share, left=shown)


class Lines:
    """A line now and then, where nobody watches; used as a context."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next = 0.0

    def __enter__(self) -> Show:
        return self._update

    def __exit__(self, *failure: object) -> None:
        pass

    def _update(self, words: str, share: float, left: float | None) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + QUIET_LINES_S
            shown = "" if left is None else f", {clock(left)} left"
            print(f"{share:4.0%} {words}{shown}", file=self._stream, flush=True)


class Silence:
    """No progress at all; used as a context."""

    def __enter__(self) -> Show:
        return self._update

    def _update(self, words: str, share: float, left: float | None) -> None:
        """Say nothing."""

    def __exit__(self, *failure: object) -> None:
        pass


def display(*, quiet: bool) -> Bar | Lines | Silence:
    """The way to show progress that fits stderr."""
    if quiet:
        return Silence()
    return Bar(sys.stderr) if sys.stderr.isatty() else Lines(sys.stderr)
