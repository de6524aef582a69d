"""A job's folder keeps what is whole, forgets what is stale, and lets only one clipmill in."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from clipmill.errors import BudgetError, ClipmillError
from clipmill.workspace import Workspace, folder_name, opened, write_text


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / ".plan.json.part").symlink_to("/dev/full")
    with pytest.raises(BudgetError) as caught:
        write_text(tmp_path / "plan.json", "text")
    assert caught.value.code == "disk-full"
    assert not (tmp_path / "plan.json").exists()


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_no_key_vouches_for_a_value_that_was_just_replaced(tmp_path: Path) -> None:
    with opened(tmp_path) as work:
        file = work.path("value.json")
        work.save(Value(1), file, key="old")
        (work.kept / ".value.json.key.part").symlink_to("/dev/full")  # stops between the value and its key
        with pytest.raises(BudgetError):
            work.save(Value(2), file, key="new")
        assert work.load(Value, file, key="old") is None
        assert work.load(Value, file, key="new") is None
