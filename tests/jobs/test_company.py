"""Tasks side by side in one worker, and the one that has to be alone."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from clipmill.jobs.company import Company

SOON_S = 30.0
"""Far longer than anything here takes."""


class Guest:
    """A task in a thread of its own that stays until it is told to leave."""

    def __init__(self, company: Company, pool: ThreadPoolExecutor, *, alone: bool = False) -> None:
        self.entered, self._leave = threading.Event(), threading.Event()
        self._stay: Future[None] = pool.submit(self._be_there, company, alone)

    def _be_there(self, company: Company, alone: bool) -> None:
        with company.entered(alone=alone):
            self.entered.set()
            assert self._leave.wait(SOON_S)

    def leave(self) -> None:
        assert self.entered.wait(SOON_S)
        self._leave.set()
        self._stay.result(SOON_S)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def waiting(company: Company, loners: int) -> None:
    """Wait until so many who want to be alone are there or at the door."""
    while company._loners < loners:
        threading.Event().wait(0.005)


def test_tasks_are_worked_on_side_by_side(pool: ThreadPoolExecutor) -> None:
    company = Company()
    guests = [Guest(company, pool) for _ in range(3)]
    assert all(guest.entered.wait(SOON_S) for guest in guests)
    for guest in guests:
        guest.leave()


def test_who_has_to_be_alone_waits_for_the_others_and_is_let_in_before_new_ones(
    pool: ThreadPoolExecutor,
) -> None:
    company = Company()
    first = Guest(company, pool)
    assert first.entered.wait(SOON_S)
    loner = Guest(company, pool, alone=True)
    waiting(company, 1)
    late = Guest(company, pool)
    assert not late.entered.wait(0.1)
    assert not loner.entered.is_set()
    first.leave()
    assert loner.entered.wait(SOON_S)
    assert not late.entered.wait(0.1)
    loner.leave()
    late.leave()


def test_two_who_have_to_be_alone_go_one_after_the_other(pool: ThreadPoolExecutor) -> None:
    company = Company()
    one = Guest(company, pool, alone=True)
    assert one.entered.wait(SOON_S)
    other = Guest(company, pool, alone=True)
    waiting(company, 2)
    assert not other.entered.wait(0.1)
    one.leave()
    other.leave()


@pytest.mark.parametrize("alone", [True, False])
def test_who_ends_with_an_error_is_gone_too(pool: ThreadPoolExecutor, alone: bool) -> None:
    company = Company()
    with pytest.raises(ValueError, match="no"), company.entered(alone=alone):
        raise ValueError("no")
    Guest(company, pool, alone=True).leave()
    Guest(company, pool).leave()
