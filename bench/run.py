"""Measure everything that has a target and print one table: ``python -m bench.run [PART ...]``."""

import importlib
import os
import platform
import sys
import time
from pathlib import Path

from bench.table import Row

PARTS = ("encode", "stage", "speech", "sources", "captions", "framing", "selection", "service")
"""Modules of this folder, each with a ``measure`` that returns its rows."""


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | seen | target | reached |", "|---|---|---|---|"]
    lines += [f"| {r.what} | {r.seen} | {r.target} | {'yes' if r.reached else 'no'} |" for r in rows]
    return "\n".join(lines)


def machine() -> str:
    """The machine in a few words."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {model or platform.machine()}"


def main() -> None:
    """Measure the parts named on the command line, or all."""
    wanted = sys.argv[1:] or PARTS
    unknown = set(wanted) - set(PARTS)
    if unknown:
        sys.exit(f"there is no part {', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    rows: list[Row] = []
    for part in wanted:
        print(f"measuring {part} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"bench.{part}").measure()
    print(f"{machine()}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
