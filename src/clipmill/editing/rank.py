"""The best stretches that do not repeat each other."""

from collections.abc import Callable, Sequence

from clipmill.model import Candidate

MAX_OVERLAP = 0.15
"""Share of the shorter of two stretches that they may have in common: about a sentence."""
MAX_LIKENESS = 0.6
"""Share of content terms of the shorter text that two moments may have in common."""


def rank(
    candidates: Sequence[Candidate],
    scores: Sequence[float],
    *,
    limit: int,
    max_overlap: float = MAX_OVERLAP,
    terms_of: Callable[[Candidate], frozenset[str]] = lambda _: frozenset(),
    refuses: Callable[[Candidate], bool] = lambda _: False,
) -> list[int]:
    """Places of at most ``limit`` candidates, best first, leaving out those that repeat a better one.

    Repeating is sharing more than ``max_overlap`` of the shorter one's time, or nearly the same terms.
    ``refuses`` is asked last, about few, so it may be slow. Equal scores keep the order of the source, so
    the same video always gives the same list.
    """
    order = sorted(range(len(candidates)), key=lambda place: (-scores[place], candidates[place].first, place))
    kept: list[int] = []
    texts: list[frozenset[str]] = []
    for place in order:
        if len(kept) >= limit:
            break
        candidate = candidates[place]
        if any(overlaps(candidate, candidates[other], max_overlap) for other in kept) or refuses(candidate):
            continue
        terms = terms_of(candidate)
        if not any(alike(terms, other) for other in texts):
            kept.append(place)
            texts.append(terms)
    return kept


def pack(candidates: Sequence[Candidate]) -> list[int]:
    """Places of the most candidates that do not overlap at all, in order of time (earliest end first)."""
    kept: list[int] = []
    free_from = -1
    order = sorted(
        range(len(candidates)), key=lambda place: (candidates[place].last, -candidates[place].first)
    )
    for place in order:
        if candidates[place].first > free_from:
            kept.append(place)
            free_from = candidates[place].last
    return kept


def overlaps(one: Candidate, other: Candidate, most: float) -> bool:
    """Whether two candidates share more than ``most`` of the shorter one's time."""
    return one.span.overlap(other.span) > most * min(one.span.length, other.span.length)


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two texts say nearly the same, by their content terms."""
    smaller = min(len(one), len(other))
    return smaller > 0 and len(one & other) > MAX_LIKENESS * smaller
