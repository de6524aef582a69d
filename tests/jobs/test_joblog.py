"""What tasks say is kept with their job, and no text can pass for another line."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from clipmill.jobs import joblog
from clipmill.jobs.joblog import JobLog, Seldom, log_file, logged_to
from clipmill.jobs.records import TaskName


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger, handler = logging.getLogger("clipmill.test"), JobLog()
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    log_file(tmp_path).parent.mkdir()
    return tmp_path


def test_only_what_is_said_within_a_task_is_kept(log: logging.Logger, folder: Path) -> None:
    log.warning("before")
    with logged_to(folder, TaskName("j", 1, "encode", 2)):
        log.warning("inside")
    log.warning("after")
    assert log_file(folder).read_text().splitlines()[0].endswith("warning encode 2: inside")
    assert len(log_file(folder).read_text().splitlines()) == 1


def test_a_text_of_many_lines_cannot_pass_for_another_record(log: logging.Logger, folder: Path) -> None:
    with logged_to(folder, TaskName("j", 1, "score")):
        log.warning("one\n2026-01-01T00:00:00Z error score: forged \x1b[31m")
    _first, second = log_file(folder).read_text().splitlines()
    assert second.startswith("    2026")
    assert "\x1b" not in second


def test_a_long_log_begins_anew_and_the_one_before_is_kept(
    log: logging.Logger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joblog, "LOG_BYTES", 200)
    with logged_to(folder, TaskName("j", 1, "encode", 1)):
        for number in range(20):
            log.warning("line %d", number)
    assert log_file(folder).stat().st_size < 400
    assert log_file(folder).with_suffix(".log.1").exists()


def test_a_folder_that_is_gone_is_no_fault(log: logging.Logger, tmp_path: Path) -> None:
    with logged_to(tmp_path / "gone", TaskName("j", 1, "encode", 1)):
        log.warning("said to nobody")


def test_the_same_words_pass_once_in_a_while() -> None:
    record = logging.LogRecord("dbos", logging.ERROR, "", 0, "the database is away for good: %d", (1,), None)
    again = logging.LogRecord("dbos", logging.ERROR, "", 0, "the database is away for good: %d", (2,), None)
    other = logging.LogRecord("dbos", logging.ERROR, "", 0, "something else", (), None)
    seldom = Seldom()
    assert [seldom.filter(one) for one in (record, again, other)] == [True, False, True]
