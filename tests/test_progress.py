"""Progress never runs back, names the stage, and guesses the time left from what was measured."""

import io
import os
import time

import pytest

from clipmill.progress import Bar, Lines, Meter, Silence, clock
from clipmill.studio import Stage, Task


class Seen:
    def __init__(self) -> None:
        self.rows: list[tuple[str, float, float | None]] = []

    def __call__(self, words: str, share: float, left: float | None) -> None:
        self.rows.append((words, share, left))


def test_the_total_grows_to_one_over_all_tasks() -> None:
    seen = Seen()
    meter = Meter(seen)
    meter.expect(duration=60, lengths=[20, 30])
    tasks = [Task(Stage.DOWNLOAD), Task(Stage.TRANSCRIBE), Task(Stage.SCORE)]
    for task in [*tasks, Task(Stage.ENCODE, 1), Task(Stage.ENCODE, 2)]:
        for share in (0.0, 0.5, 0.2, 1.0):
            meter.tell(task, share)
    shares = [share for _, share, _ in seen.rows]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert seen.rows[-1][0] == "rendering clip 2 of 2"


def test_what_is_skipped_counts_nothing() -> None:
    seen = Seen()
    meter = Meter(seen)
    meter.expect(duration=60, lengths=[20, 30])
    meter.skip(Stage.DOWNLOAD, Stage.TRANSCRIBE, Stage.SCORE)
    meter.skip_tasks([Task(Stage.ENCODE, 1)])
    meter.tell(Task(Stage.ENCODE, 2), 1.0)
    assert meter.share == pytest.approx(1)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65, "1:05"), (3723, "1:02:03"), (59.6, "1:00")])
def test_a_clock_reads_like_a_player(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_lines_come_only_now_and_then() -> None:
    stream = io.StringIO()
    with Lines(stream) as show:
        show("listening", 0.25, 75.0)
        show("listening", 0.26, 74.0)
    assert stream.getvalue() == " 25% listening, 1:15 left\n"


def test_a_bar_on_a_terminal_shows_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as stream, Bar(stream) as show:
        show("listening", 0.25, 75.0)
        time.sleep(0.3)
        text = os.read(ours, 65536).decode()
    os.close(ours)
    assert "1:15 left" in text


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Silence() as show:
        show("listening", 0.25, None)
    assert capsys.readouterr() == ("", "")
