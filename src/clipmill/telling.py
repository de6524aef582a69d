"""What is said about sources as they end, and about all of them in the end: for people, or for a program."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clipmill.addresses import is_address
from clipmill.errors import ClipmillError
from clipmill.made import Made
from clipmill.progress import clock
from clipmill.summary import Summary, counts
from clipmill.tally import Tally
from clipmill.warnings import WARNINGS
from clipmill.watching import Watcher, watch


@dataclass(slots=True)
class Telling:
    """Tells of sources; ``as_json`` in one document at the end, or with ``by_line`` in one line for each."""

    as_json: bool
    quiet: bool
    by_line: bool = False
    _summary: Summary = field(default_factory=Summary)

    def made(self, made: Made) -> None:
        """Tell what a source came to."""
        self.notes(made.warnings)
        if self.as_json:
            self._summary.add(made)
            self._tell_line()
            return
        for clip in made.clips:
            print(f"{made.video(clip)}\t{clip.score:.0f}\t{clock(clip.quality.duration)}\t{clip.title}")
        count = "1 clip" if len(made.clips) == 1 else f"{len(made.clips)} clips"
        self.say(f"{count} in {made.folder}; {made.folder / 'report.html'} shows them.")

    def failed(self, source: str, error: ClipmillError) -> None:
        """Tell why a source failed."""
        print(f"clipmill: {short_name(source)!r}: {error.one_line()}", file=sys.stderr)
        if self.as_json:
            self._summary.add_failure(source, error)
            self._tell_line()

    def batch(self, tally: Tally, sources: Sequence[str]) -> None:
        """Have sources worked on; when that is interrupted, tell how far it came."""
        try:
            tally.run(sources)
        except KeyboardInterrupt:
            if len(sources) > 1:
                self.counts(tally)
            raise

    def watch(self, tally: Tally, watcher: Watcher) -> None:
        """Have every video of a folder worked on, until Ctrl-C."""
        self.say(f"clipmill: watching {watcher.folder}; Ctrl-C ends.")
        try:
            watch(watcher, tally)
        except KeyboardInterrupt:
            self.counts(tally)
            raise

    def counts(self, tally: Tally) -> None:
        """Tell how many are done and how many failed, and why."""
        if tally.done + tally.failed > 1:
            for line in counts(tally.done, tally.failed, tally.faults):
                self.say(f"clipmill: {line}")

    def ended(self) -> None:
        """Tell a program what became of all."""
        if self.as_json and not self.by_line:
            print(json.dumps(self._summary.document(), indent=1, ensure_ascii=False))

    def notes(self, warnings: Iterable[str]) -> None:
        """Tell what the user should know."""
        for warning in warnings:
            self.say(f"clipmill: note: {WARNINGS.get(warning, warning)}")

    def say(self, text: str) -> None:
        """Tell a person."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def _tell_line(self) -> None:
        if self.by_line:
            print(json.dumps(self._summary.document(), ensure_ascii=False), flush=True)
            self._summary = Summary()


def short_name(source: str) -> str:
    """A source as it is called in a line: a file's name, or the whole address."""
    return source if is_address(source) else Path(source).name
