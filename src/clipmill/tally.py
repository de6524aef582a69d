"""Sources worked on one after the other: each once, lists taken apart, and how each ended."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from clipmill.addresses import is_address
from clipmill.batches import identity, may_be_list
from clipmill.errors import ClipmillError, JobCancelled

MOST_FAULTS = 1000
"""Failures whose reasons are kept for the end; all are counted and told as they happen."""

LIST = "address-list"
"""The code by which a site says that an address stands for several videos."""

Expand = Callable[[str], tuple[str, ...]]
"""The addresses of the videos of a list; of one video just its own."""


@dataclass(slots=True)
class Tally:
    """How sources ended; one that fails does not stop the others.

    ``work`` does what is to be done with one source. ``complain`` is told of failures, unless a source that
    is alone fails: that is raised. ``busy`` says that something is worked on right now.
    """

    work: Callable[[str], None]
    complain: Callable[[str, ClipmillError], None]
    expand: Expand | None = None
    done: int = 0
    failed: int = 0
    busy: bool = False
    faults: list[tuple[str, ClipmillError]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _single: set[str] = field(default_factory=set)

    @property
    def code(self) -> int:
        """What a command ends with."""
        return 1 if self.failed else 0

    def run(self, sources: Iterable[str]) -> None:
        """Work on all sources in order, each once."""
        waiting = deque(sources)
        while waiting:
            source = waiting.popleft()
            if identity(source) in self._seen:
                continue
            try:
                waiting.extendleft(reversed(self._tried(source)))
            except JobCancelled:
                raise
            except ClipmillError as error:
                if not waiting and self.done + self.failed == 0:
                    raise
                self.fault(source, error)

    def attempt(self, source: str) -> bool:
        """Work on one source of which there will be more; whether that went well."""
        try:
            self._work_on(source)
        except JobCancelled:
            raise
        except ClipmillError as error:
            self.fault(source, error)
            return False
        return True

    def fault(self, source: str, error: ClipmillError) -> None:
        """Take note of a failure."""
        self.failed += 1
        self._seen.add(identity(source))
        if len(self.faults) < MOST_FAULTS:
            self.faults.append((source, error))
        self.complain(source, error)

    def _tried(self, source: str) -> tuple[str, ...]:
        """Work on a source; what it stands for where it is a list."""
        if self._asks(source) and may_be_list(source):
            return self._parts(source)
        try:
            self._work_on(source)
        except ClipmillError as error:
            if error.code != LIST or not self._asks(source):
                raise
            return self._parts(source)
        self._seen.add(identity(source))
        return ()

    def _asks(self, source: str) -> bool:
        """Whether a source may still turn out to be a list."""
        return self.expand is not None and is_address(source) and source not in self._single

    def _parts(self, source: str) -> tuple[str, ...]:
        parts = self.expand(source) if self.expand else ()
        self._single.update(parts)
        if source not in parts:
            self._seen.add(identity(source))
        return parts

    def _work_on(self, source: str) -> None:
        self.busy = True
        try:
            self.work(source)
        except ClipmillError:
            self.busy = False
            raise
        self.busy = False  # an interrupt leaves it true: it came in the middle of the work
        self.done += 1
