"""Many sources at once: which are meant, that each is done once, and videos that appear in a folder."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clipmill.batches import lines_of, may_be_list, sources_of
from clipmill.errors import BusyError, ClipmillError, JobCancelled, OutageError, SourceError, UsageError
from clipmill.patience import Clock, patiently
from clipmill.rights import NOTE, demand_rights
from clipmill.settings import Settings, read_settings
from clipmill.tally import Tally
from clipmill.watching import Memory, Watcher, being_written, watch, watched_folder

Capture = pytest.CaptureFixture[str]


# --- which sources are meant --------------------------------------------------------------------------


def test_a_folder_stands_for_its_videos_by_name_and_nothing_else_in_it(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.MKV", "notes.txt", ".hidden.mp4", "deep/c.mp4", "half.mp4.part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert [Path(source).name for source in sources_of([str(tmp_path)], None)] == ["a.MKV", "b.mp4"]


def test_a_folder_without_videos_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        sources_of([str(tmp_path)], None)
    assert caught.value.code == "no-videos"


def test_what_is_named_twice_is_meant_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk.mp4").write_bytes(b"x")
    (tmp_path / "link.mp4").symlink_to("talk.mp4")
    address = "https://example.org/talk"
    words = ["talk.mp4", str(tmp_path / "talk.mp4"), "link.mp4", address, f"{address}#t=10", "nowhere.mp4"]
    assert sources_of(words, None) == ("talk.mp4", address, "nowhere.mp4")


def test_a_list_has_one_source_a_line_and_comments(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_bytes(
        b"\xef\xbb\xbf# mine\r\nhttps://example.org/a#b\r\n\r\n  talk one.mp4  \n#https://no\n"
    )
    assert lines_of(listed) == ["https://example.org/a#b", "talk one.mp4"]
    assert sources_of(["x.mp4"], listed) == ("x.mp4", "https://example.org/a#b", "talk one.mp4")


def test_a_list_is_read_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a.mp4\nb.mp4\n"))
    assert lines_of(Path("-")) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "list-unreadable"), (b"\xff\xfe\x00", "list-unreadable"), (b"x\n" * 10_001, "list-too-long")],
)
def test_a_list_that_cannot_be_used_is_told(content: bytes | None, code: str, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    if content is not None:
        listed.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        lines_of(listed)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("address", "likely"),
    [
        ("https://www.youtube.com/playlist?list=PL1", True),
        ("https://www.youtube.com/@name/videos", True),
        ("https://vimeo.com/showcase/42", True),
        ("https://www.youtube.com/watch?v=abc&list=PL1", False),
        ("https://youtu.be/abc", False),
        ("https://vimeo.com/album/1/video/2", False),
        ("https://example.org/talk.mp4", False),
        ("https://[", False),
    ],
)
def test_lists_are_guessed_by_their_address(address: str, likely: bool) -> None:
    assert may_be_list(address) is likely


# --- one after the other ------------------------------------------------------------------------------


def failing(*bad: str) -> Callable[[str], None]:
    def work(source: str) -> None:
        if source in bad:
            raise SourceError(f"{source} is bad.", code="empty-file")

    return work


def test_one_failure_does_not_stop_the_others_and_is_counted() -> None:
    told: list[str] = []
    tally = Tally(failing("b", "c"), lambda source, _: told.append(source))
    tally.run(["a", "b", "c", "d", "b"])
    assert (tally.done, tally.failed, tally.code) == (2, 2, 1)
    assert told == ["b", "c"]
    assert [source for source, _ in tally.faults] == ["b", "c"]


def test_a_source_that_is_alone_keeps_its_own_error() -> None:
    with pytest.raises(SourceError):
        Tally(failing("a"), lambda *_: None).run(["a"])


def test_a_list_is_taken_apart_and_each_video_done_once() -> None:
    done: list[str] = []
    parts = {"https://e.org/playlist/1": ("https://e.org/a", "https://e.org/b"), "https://e.org/c": ()}
    tally = Tally(done.append, lambda *_: None, lambda address: parts[address])
    tally.run(["https://e.org/b", "https://e.org/playlist/1", "https://e.org/a"])
    assert done == ["https://e.org/b", "https://e.org/a"]


def test_an_address_that_turns_out_to_be_a_list_is_taken_apart() -> None:
    done: list[str] = []

    def work(source: str) -> None:
        if source.endswith("show"):
            raise SourceError("Several.", code="address-list")
        done.append(source)

    tally = Tally(work, lambda *_: None, lambda _: ("https://e.org/1", "https://e.org/2"))
    tally.run(["https://e.org/show"])
    assert done == ["https://e.org/1", "https://e.org/2"]
    assert (tally.done, tally.failed) == (2, 0)


def test_a_list_that_stands_only_for_itself_ends() -> None:
    def work(_source: str) -> None:
        raise SourceError("Several.", code="address-list")

    tally = Tally(work, lambda *_: None, lambda address: (address,))
    with pytest.raises(SourceError):
        tally.run(["https://e.org/playlist/1"])


def test_a_cancelled_job_stops_all() -> None:
    def work(_source: str) -> None:
        raise JobCancelled

    with pytest.raises(JobCancelled):
        Tally(work, lambda *_: None).run(["a", "b"])


# --- patience -----------------------------------------------------------------------------------------


def raising(*errors: ClipmillError) -> Callable[[], str]:
    waiting = list(errors)

    def work() -> str:
        if waiting:
            raise waiting.pop(0)
        return "done"

    return work


def test_what_is_busy_is_waited_for_and_told() -> None:
    told: list[str] = []
    slept: list[float] = []
    busy = BusyError("Wait.", code="service-resting", retry_after=7)
    work = raising(busy, busy)
    assert patiently(work, lambda words, _: told.append(words), clock=Clock(slept.append)) == "done"
    assert sum(slept) == pytest.approx(14)
    assert set(told) == {"waiting for the service"}


def test_nobody_waits_for_ever() -> None:
    busy = [BusyError("Wait.", code="underway", retry_after=60) for _ in range(10)]
    slept: list[float] = []
    with pytest.raises(BusyError):
        patiently(raising(*busy), lambda *_: None, clock=Clock(slept.append, longest_s=200))
    assert sum(slept) <= 200


def test_an_outage_is_tried_three_times() -> None:
    down = OutageError("Down.", code="site-down")
    clock = Clock(lambda _: None)
    assert patiently(raising(down, down), lambda *_: None, clock=clock) == "done"
    with pytest.raises(OutageError):
        patiently(raising(down, down, down), lambda *_: None, clock=clock)


# --- rights -------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("CLIPMILL_HOME", str(tmp_path / "home"))
    return read_settings()


def test_each_site_is_asked_about_once(settings: Settings) -> None:
    asked: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return True

    sources = ("https://www.a.org/1", "https://a.org/2", "talk.mp4", "https://b.org/")
    for _ in range(2):
        demand_rights(sources, settings, said=False, quiet=False, ask=ask)
    assert [question.split(" from ")[1].split("?")[0] for question in asked] == ["a.org", "b.org"]


def test_a_no_ends_it_and_is_not_remembered(settings: Settings) -> None:
    for _ in range(2):
        with pytest.raises(UsageError) as caught:
            demand_rights(["https://a.org/1"], settings, said=False, quiet=False, ask=lambda _: False)
        assert caught.value.code == "rights-needed"


def test_nobody_is_asked_without_a_terminal_or_when_it_was_said(settings: Settings, capsys: Capture) -> None:
    demand_rights(["https://a.org/1", "https://b.org/1"], settings, said=False, quiet=False, ask=None)
    assert capsys.readouterr().err == f"{NOTE}\n"
    demand_rights(["https://a.org/1"], settings, said=True, quiet=False, ask=None)
    demand_rights(["talk.mp4"], settings, said=False, quiet=False, ask=None)
    assert capsys.readouterr().err == ""


# --- watching -----------------------------------------------------------------------------------------


def watcher(folder: Path, *, asked: str = "x") -> Watcher:
    memory = Memory(folder / "out" / "memory.json", asked)
    return Watcher(folder, memory, look_s=0.05, settled_s=0.2)


def soon(look: Callable[[], list[tuple[Path, str]]]) -> list[tuple[Path, str]]:
    """What is whole, as soon as anything is; empty when nothing is for long."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.05)
    return []


def test_a_video_is_taken_when_nobody_writes_it_any_more(tmp_path: Path) -> None:
    watching, video = watcher(tmp_path), tmp_path / "talk.mp4"
    with video.open("wb") as file:
        file.write(b"half")
        file.flush()
        if being_written(video):  # where the system tells
            watching.whole()
            time.sleep(0.4)
            assert watching.whole() == []
    assert [found for found, _ in soon(watching.whole)] == [video]


def test_what_was_done_is_left_out_next_time_unless_it_changed(tmp_path: Path) -> None:
    (tmp_path / "talk.mp4").write_bytes(b"one")
    first = watcher(tmp_path)
    ((video, stamp),) = soon(first.whole)
    first.memory.note(video, stamp)
    again = watcher(tmp_path)
    again.whole()
    time.sleep(0.4)
    assert again.whole() == []
    assert soon(watcher(tmp_path, asked="another wish").whole) != []
    (tmp_path / "talk.mp4").write_bytes(b"two, longer")
    assert [found for found, _ in soon(again.whole)] == [video]


def test_a_failure_is_not_remembered_and_an_interrupt_while_idle_is_a_good_end(tmp_path: Path) -> None:
    for name in ("good.mp4", "bad.mp4"):
        (tmp_path / name).write_bytes(b"x")
    tally = Tally(failing(str(tmp_path / "bad.mp4")), lambda *_: None)

    def interrupt() -> None:
        while tally.done + tally.failed < 2:
            time.sleep(0.02)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    ending = threading.Thread(target=interrupt)
    ending.start()
    watching = watcher(tmp_path)
    watch(watching, tally)
    ending.join()
    assert (tally.done, tally.failed) == (1, 1)
    assert list(json.loads(watching.memory.file.read_text())) == [str(tmp_path / "good.mp4")]


def test_only_one_folder_is_watched(tmp_path: Path) -> None:
    assert watched_folder([str(tmp_path)], None) == tmp_path
    for words, listed in (([], None), ([str(tmp_path)] * 2, None), (["x.mp4"], None), (["."], Path("l"))):
        with pytest.raises(UsageError):
            watched_folder(words, listed)


@pytest.mark.usefixtures("small")
def test_make_watches_a_folder_until_it_is_interrupted(talk: Path, tmp_path: Path) -> None:
    inbox, out = tmp_path / "in", tmp_path / "out"
    inbox.mkdir()
    (inbox / "broken.mp4").write_bytes(b"<html>")
    os.link(talk, inbox / "talk.mp4")
    words = ["make", "--watch", inbox, "-o", out, "--transcript", talk.with_suffix(".srt"), "--json", "-n", 1]
    command = [sys.executable, "-m", "clipmill", *map(str, words), "--min", "4", "--max", "10"]
    environment = os.environ | {"CLIPMILL_HOME": str(tmp_path / "home")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 1
    assert lines[0]["sources"][0]["error"]["code"] == "not-a-media-file"
    assert [Path(clip["path"]).name for clip in lines[1]["clips"]] == ["clip-01.mp4"]
    assert list(json.loads((out / ".clipmill-watched.json").read_text())) == [str(inbox / "talk.mp4")]
