"""Faults that nobody foresaw end nothing."""

import logging
import threading

import pytest

from clipmill.errors import BusyError, JobCancelled, SourceError
from clipmill.jobs.supervise import patiently, supervise, survive


def failing(error: Exception) -> None:
    raise error


def test_a_fault_becomes_an_answer_and_a_line_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    assert survive(lambda: failing(KeyError("x")), otherwise=lambda error: type(error).__name__) == "KeyError"
    assert caplog.records[0].exc_info


def test_a_typed_error_is_logged_as_its_sentence_alone(caplog: pytest.LogCaptureFixture) -> None:
    survive(lambda: failing(SourceError("The file is gone.", code="source-not-found")), otherwise=str)
    assert caplog.messages == ["The file is gone."]
    assert not caplog.records[0].exc_info


def test_a_cancelled_task_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    survive(lambda: failing(JobCancelled()), otherwise=str)
    assert caplog.records == []


def test_what_ends_a_process_passes() -> None:
    with pytest.raises(SystemExit):
        survive(lambda: failing(SystemExit()), otherwise=str)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore")
def test_a_loop_goes_on_after_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    over, turns = threading.Event(), []

    def loop() -> None:
        turns.append(1)
        if len(turns) == 1:
            raise ValueError("once")
        if len(turns) == 3:
            over.set()

    supervise(loop, every_s=0.01, until=over).join(10)
    assert len(turns) == 3
    assert caplog.messages == ["once"]


def test_a_database_that_is_away_is_waited_for() -> None:
    left = [BusyError("away", code="database-down", retry_after=1)] * 3

    def call() -> str:
        if left:
            raise left.pop()
        return "there"

    assert patiently(call, until=threading.Event()) == "there"


def test_at_the_end_nothing_is_waited_for() -> None:
    over = threading.Event()
    over.set()
    with pytest.raises(BusyError):
        patiently(lambda: failing(BusyError("away", code="database-down", retry_after=1)), until=over)
