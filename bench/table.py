"""One row of the benchmark's table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, the figure seen, the target, and whether it was reached."""

    what: str
    seen: str
    target: str
    reached: bool
