"""Kill everything at random moments and prove that nothing was lost: ``python -m chaos.run --seed N``."""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.cases import Stage, accepting, frozen, poison, turns, update
from chaos.facts import KINDS
from chaos.history import counts
from chaos.media import make_talks
from chaos.outside import speech, uploads
from chaos.storm import Force, Result, storm

SHOWN = 20
"""Broken promises that are printed one by one; the file has all."""

USUAL = (accepting, poison, frozen, turns, update)
CASES: dict[str, Callable[[Stage], Result]] = {case.__name__: case for case in (*USUAL, speech, uploads)}
"""All cases by name; the last two only when they are asked for."""


def main() -> None:
    """Run what the command line asks for; the exit code is 1 when a promise was broken."""
    given = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="clipmill-chaos-"))
    _say(f"seed {given.seed}; everything lies in {folder}")
    talks = make_talks(folder / "talks")
    force = Force(given.kills, given.jobs, given.minutes, given.seed, looks=given.looks)
    results: dict[str, Result] = {}
    for store in ("sqlite", "postgres") if given.store == "both" else (given.store,):
        place = folder / store
        place.mkdir()
        with databases(store) as address:
            results[store] = Result()
            if not given.case:
                _say(f"{store}: {force.kills} kills over at least {force.jobs} jobs")
                results[store].add(storm(place, talks, force, database=address(), say=_say))
            for name in given.case or [case.__name__ for case in USUAL]:
                _say(f"{store}: the case {name}")
                (place / name).mkdir()
                results[store].add(CASES[name](Stage(place / name, talks, address())))
    print(report(results, given))
    sys.exit(any(result.violations for result in results.values()))


@contextmanager
def databases(store: str) -> Iterator[Callable[[], str]]:
    """Gives the address of an empty database at each call: of a PostgreSQL server of our own, or SQLite's."""
    if store == "sqlite":
        yield str
        return
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    from pg_kit import Postgres

    with Postgres() as server:
        yield server.create_database


def report(results: dict[str, Result], given: argparse.Namespace) -> str:
    """The table of figures, the broken promises, and the command that does it again."""
    stores = list(results)
    lines = [f"| | {' | '.join(stores)} |", f"|---|{'---|' * len(stores)}"]
    for name in next(iter(results.values())).figures:
        lines.append(_row(name, [result.figures[name] for result in results.values()]))
    numbers = {store: counts(result.violations) for store, result in results.items()}
    lines += [_row(text, [str(numbers[store][kind]) for store in stores]) for kind, text in KINDS.items()]
    for store, result in results.items():
        lines += ["", *(f"{store}: {v.kind}: {v.job} {v.text}" for v in result.violations[:SHOWN])]
    only = "".join(f" --case {name}" for name in given.case or ())
    again = f"--kills {given.kills} --jobs {given.jobs} --minutes {given.minutes:g} --store {given.store}"
    lines += [
        "",
        f"{time.strftime('%Y-%m-%d')}, seed {given.seed}; again: "
        f"python -m chaos.run {again} --seed {given.seed}{only}",
    ]
    return "\n".join(lines)


def _row(name: str, values: list[str]) -> str:
    return f"| {name} | {' | '.join(values)} |"


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="kills on each store")
    parser.add_argument("--jobs", type=int, default=60, help="jobs on each store, at least")
    parser.add_argument("--minutes", type=float, default=15.0, help="over which the kills are spread")
    parser.add_argument("--looks", type=int, default=10_000, help="looks at clips on each store, at least")
    parser.add_argument("--case", action="append", choices=CASES, help="only this case; may be said again")
    parser.add_argument("--store", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    return parser.parse_args()


if __name__ == "__main__":
    main()
