"""A job's folder keeps what is whole, forgets what is stale, and lets only one clipmill in."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from clipmill.errors import BudgetError, ClipmillError, JobCancelled
from clipmill.workspace import (
    Workspace,
    attempt_space,
    demand_disk,
    folder_name,
    job_ended,
    opened,
    sweep_attempts,
    write_text,
)


@dataclass(frozen=True)
class Value:
    number: int


def test_a_value_comes_back_under_the_key_it_was_saved_with(tmp_path: Path) -> None:
    with opened(tmp_path) as work:
        work.save(Value(3), work.path("value.json"), key="made from a")
        assert work.load(Value, work.path("value.json"), key="made from a") == Value(3)
        assert work.load(Value, work.path("value.json"), key=None) == Value(3)
        assert work.load(Value, work.path("value.json"), key="made from b") is None


def test_a_damaged_value_counts_as_not_there(tmp_path: Path) -> None:
    with opened(tmp_path) as work:
        work.save(Value(3), work.path("value.json"), key="k")
        work.path("value.json").write_text('{"number": ')
        assert work.load(Value, work.path("value.json"), key="k") is None


def test_a_folder_that_came_to_nothing_is_gone(tmp_path: Path) -> None:
    with opened(tmp_path / "clips" / "talk") as work:
        work.scratch("probe")
        work.save(Value(1), work.kept / "media.json", key="k")
    assert not (tmp_path / "clips").exists()


def test_a_folder_with_a_plan_stays_and_can_be_continued(tmp_path: Path) -> None:
    with opened(tmp_path / "talk") as work:
        work.save(Value(1), work.kept / "media.json", key="k")
        write_text(work.path("plan.json"), "{}")
    with opened(tmp_path / "talk") as work:
        assert work.load(Value, work.kept / "media.json", key="k") == Value(1)


def test_files_of_others_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with opened(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt"]


def test_a_second_clipmill_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(ClipmillError) as caught, opened(tmp_path):
        pass
    assert caught.value.code == "folder-busy"


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").exists(), reason="root writes everywhere")
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClipmillError) as caught, opened(tmp_path / "file" / "talk"):
        pass
    assert caught.value.code == "folder-read-only"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    argv = ("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder))
    if not shutil.which("mount") or subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("write", [Workspace.write, lambda _, path, text: write_text(path, text)])
def test_a_full_disk_is_told_as_such_and_the_old_file_stays(
    small_disk: Path, write: Callable[[Workspace, Path, str], None]
) -> None:
    work = Workspace(small_disk)
    file = work.path("plan.json")
    write(work, file, "old")
    with pytest.raises(BudgetError) as caught:
        write(work, file, "x" * 100_000)
    assert caught.value.code == "disk-full"
    assert file.read_text() == "old"
    assert [path for path in small_disk.rglob("*") if path.is_file()] == [file]


def test_room_is_demanded_beside_the_reserve(tmp_path: Path) -> None:
    free_mb = shutil.disk_usage(tmp_path).free / 2**20
    demand_disk(tmp_path, 0, reserve_mb=free_mb / 2)
    with pytest.raises(BudgetError) as caught:
        demand_disk(tmp_path, free_mb, reserve_mb=free_mb / 2)
    assert caught.value.code == "disk-full"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("My talk", "My talk"),
        ("a/b\\c:d", "a b c d"),
        ("../../etc/passwd", "etc passwd"),
        ("  dots... ", "dots"),
        ("con", "con_"),
        ("\x1b[31mred\x07", "[31mred"),
        ("", "untitled"),
        ("日本語の動画", "日本語の動画"),
    ],
)
def test_a_title_becomes_a_safe_folder_name(title: str, name: str) -> None:
    assert folder_name(title) == name


def test_a_long_title_is_cut_by_characters_and_bytes() -> None:
    assert len(folder_name("x" * 300)) == 80
    assert len(folder_name("界" * 300).encode()) <= 120


def test_only_clipmills_own_files_are_removed(tmp_path: Path) -> None:
    work = Workspace(tmp_path)
    work.kept.mkdir()
    work.path("other.json").write_text("{}")
    work.discard()
    assert work.path("other.json").exists()


def guarded_after(calls: int, work: Workspace) -> Workspace:
    """The workspace, whose task is somebody else's after some calls of the guard."""
    left = iter(range(calls))

    def guard() -> None:
        if next(left, None) is None:
            raise JobCancelled

    return replace(work, guard=guard)


def test_no_key_vouches_for_a_value_that_was_just_replaced(tmp_path: Path) -> None:
    with opened(tmp_path) as work:
        file = work.path("value.json")
        work.save(Value(1), file, key="old")
        with pytest.raises(JobCancelled):
            guarded_after(2, work).save(Value(2), file, key="new")  # stops between the value and its key
        assert work.load(Value, file, key="old") is None
        assert work.load(Value, file, key="new") is None
        assert work.load(Value, file, key=None) == Value(2)


# --- attempts -------------------------------------------------------------------------------------


def test_a_guard_that_raises_leaves_everything_as_it_was(tmp_path: Path) -> None:
    with opened(tmp_path) as work:
        file = work.path("value.json")
        work.save(Value(1), file, key="k")
        whole = work.scratch("clip") / "clip.mp4"
        whole.write_bytes(b"new")
        not_ours = guarded_after(0, work)
        with pytest.raises(JobCancelled):
            not_ours.save(Value(2), file, key="k")
        with pytest.raises(JobCancelled):
            not_ours.write(work.path("plan.json"), "{}")
        with pytest.raises(JobCancelled):
            not_ours.publish(whole, work.clip(1, ".mp4"))
        with pytest.raises(JobCancelled):
            not_ours.remove(file)
        assert work.load(Value, file, key="k") == Value(1)
        assert sorted(path.name for path in tmp_path.iterdir()) == [".clipmill", "value.json"]
        assert list(work.temporary.iterdir()) == [whole.parent]


def test_a_published_file_has_its_name_and_no_other(tmp_path: Path) -> None:
    with opened(tmp_path) as work:
        whole = work.scratch("clip") / "clip.mp4"
        whole.write_bytes(b"new")
        work.clip(1, ".mp4").write_bytes(b"old")
        work.publish(whole, work.clip(1, ".mp4"))
        assert work.clip(1, ".mp4").read_bytes() == b"new"
        assert not whole.exists()


def test_attempts_beside_each_other_have_their_own_scratch_and_clean_it_alone(tmp_path: Path) -> None:
    with attempt_space(tmp_path, "encode-1-2") as second:
        with attempt_space(tmp_path, "encode-1-1") as first:
            mine, other = first.scratch("clip-01"), second.scratch("clip-01")
            assert mine != other
            first.write(first.path("a.json"), "from the first")
            second.write(second.path("a.json"), "from the second")
        assert not mine.exists()
        assert other.exists()
        assert first.copied_source == second.copied_source
    assert not other.exists()
    assert (tmp_path / "a.json").read_text() == "from the second"


@pytest.mark.parametrize("mark", ["", ".", "..", "../other", "/tmp"])
def test_a_mark_that_leaves_the_folder_is_refused(tmp_path: Path, mark: str) -> None:
    with pytest.raises(ValueError, match="mark"), attempt_space(tmp_path, mark):
        pass


def test_what_killed_attempts_left_is_swept_and_what_lives_is_not(tmp_path: Path) -> None:
    for mark in ("1-lives", "1-dead", "2-dead"):
        (tmp_path / ".clipmill" / "tmp" / mark / "clip-01").mkdir(parents=True)
    copy = Workspace(tmp_path).copied_source
    copy.write_bytes(b"x")
    sweep_attempts(tmp_path, of="-dead")
    assert [path.name for path in (tmp_path / ".clipmill" / "tmp").iterdir()] == ["1-lives"]
    assert copy.exists()
    sweep_attempts(tmp_path / "nowhere")


def test_a_job_that_ended_keeps_its_values_and_nothing_temporary(tmp_path: Path) -> None:
    work = Workspace(tmp_path)
    work.save(Value(1), work.kept / "media.json", key="k")
    work.copied_source.write_bytes(b"x")
    work.scratch("probe")
    job_ended(tmp_path)
    assert not work.copied_source.exists()
    assert list(work.temporary.iterdir()) == []
    assert work.load(Value, work.kept / "media.json", key="k") == Value(1)


def test_many_write_one_file_at_once_and_one_of_them_is_whole(tmp_path: Path) -> None:
    work, texts = Workspace(tmp_path), [str(number) * 50_000 for number in range(6)]

    def write_often(text: str) -> None:
        for _ in range(5):
            work.write(work.path("a.txt"), text)
            write_text(tmp_path / "b.txt", text)

    threads = [threading.Thread(target=write_often, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert work.path("a.txt").read_text() in texts
    assert (tmp_path / "b.txt").read_text() in texts
    assert sorted(path.name for path in tmp_path.iterdir()) == [".clipmill", "a.txt", "b.txt"]
    assert list(work.temporary.iterdir()) == []
