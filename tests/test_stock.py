"""Sources that are kept: found whole or not at all, for one owner alone, within their room."""

import errno
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clipmill.model import CaptionTrack, Listing
from clipmill.stock import find_source, keep_source, kept_listing
from clipmill.workspace import file_stamp

TRACK = CaptionTrack("en", False, "json3", "en.json3")
LISTING = Listing("https://site.example/talk", "site", "talk", "A talk", captions=(TRACK,))


def fetched(folder: Path, size: int = 1000, *, word: bytes = b"x") -> Path:
    """A source as it was fetched, with captions beside it."""
    (folder / "captions").mkdir(parents=True, exist_ok=True)
    (folder / "captions" / "en.json3").write_bytes(b"{}")
    video = folder / "fetched"
    video.unlink(missing_ok=True)
    video.write_bytes(word * size)
    return video


def keep(stock: Path, key: str, folder: Path, size: int = 1000, *, most_mb: float = 1.0) -> None:
    keep_source(stock, key, fetched(folder, size), folder / "captions", LISTING, most_mb=most_mb)


def find(stock: Path | None, key: str, folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    return find_source(stock, key, folder / "fetched", folder / "captions")


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_kept_source_is_found_with_its_captions_and_what_the_site_said(tmp_path: Path) -> None:
    stock, first, second = tmp_path / "stock" / "ann", tmp_path / "first", tmp_path / "second"
    keep(stock, "site talk", first)
    assert find(stock, "site talk", second)
    assert names(second) == ["captions/en.json3", "fetched"]
    assert (second / "fetched").read_bytes() == (first / "fetched").read_bytes()
    assert kept_listing(stock, "site talk") == LISTING


def test_it_is_the_same_file_under_another_name(tmp_path: Path) -> None:
    stock = tmp_path / "stock" / "ann"
    keep(stock, "talk", tmp_path / "first")
    find(stock, "talk", tmp_path / "second")
    mine, theirs = tmp_path / "first" / "fetched", tmp_path / "second" / "fetched"
    assert mine.samefile(theirs)
    assert file_stamp(mine).split()[1:] == file_stamp(theirs).split()[1:]


def test_what_was_not_kept_is_not_found(tmp_path: Path) -> None:
    stock = tmp_path / "stock" / "ann"
    assert not find(stock, "talk", tmp_path / "job")
    keep(stock, "talk", tmp_path / "first")
    assert not find(stock, "other talk", tmp_path / "job")
    assert not find(stock.with_name("bob"), "talk", tmp_path / "job")
    assert not find(None, "talk", tmp_path / "job")
    assert kept_listing(stock, "other talk") is None
    assert names(tmp_path / "job") == []


def test_a_job_keeps_what_it_found_whatever_becomes_of_the_stock(tmp_path: Path) -> None:
    stock = tmp_path / "stock" / "ann"
    keep(stock, "talk", tmp_path / "first")
    find(stock, "talk", tmp_path / "job")
    keep(stock, "other talk", tmp_path / "second", most_mb=0.001)
    assert not find(stock, "talk", tmp_path / "late")
    assert (tmp_path / "job" / "fetched").read_bytes() == b"x" * 1000


def test_of_all_owners_sources_those_used_longest_ago_go(tmp_path: Path) -> None:
    root = tmp_path / "stock"
    places = []
    for number, owner in enumerate(("ann", "bob", "ann", "bob")):
        keep(root / owner, f"talk {number}", tmp_path / "first", 240_000)
        (newest,) = set((root / owner).iterdir()) - set(places)
        os.utime(newest, (number, number))
        places.append(newest)
    assert find(root / "ann", "talk 0", tmp_path / "job")
    keep(root / "bob", "talk 4", tmp_path / "first", 240_000)
    found = [find(root / owner, f"talk {n}", tmp_path / "j") for n, owner in enumerate(("ann", "bob") * 2)]
    assert found == [True, False, True, True]
    assert find(root / "bob", "talk 4", tmp_path / "j")


def test_a_source_that_is_larger_than_the_room_is_not_kept_and_nothing_goes_for_it(tmp_path: Path) -> None:
    stock = tmp_path / "stock" / "ann"
    keep(stock, "talk", tmp_path / "first")
    keep(stock, "long talk", tmp_path / "second", 2_000_000)
    assert not find(stock, "long talk", tmp_path / "job")
    assert find(stock, "talk", tmp_path / "job")


def test_the_newest_of_one_name_counts(tmp_path: Path) -> None:
    stock = tmp_path / "stock" / "ann"
    keep(stock, "talk", tmp_path / "first", 10)
    keep(stock, "talk", tmp_path / "second", 20)
    assert find(stock, "talk", tmp_path / "job")
    assert (tmp_path / "job" / "fetched").stat().st_size == 20
    assert len(list(stock.iterdir())) == 1


def test_on_another_disk_it_is_copied_with_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = tmp_path / "stock" / "ann"
    keep(stock, "talk", tmp_path / "first")
    monkeypatch.setattr(os, "link", refusing(errno.EXDEV))
    assert find(stock, "talk", tmp_path / "job")
    mine, theirs = tmp_path / "first" / "fetched", tmp_path / "job" / "fetched"
    assert not mine.samefile(theirs)
    assert mine.stat().st_mtime_ns == theirs.stat().st_mtime_ns
    keep(stock, "other talk", tmp_path / "second")
    assert find(stock, "other talk", tmp_path / "job")


def refusing(number: int) -> Callable[..., None]:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def test_half_of_a_kept_source_is_as_good_as_none(tmp_path: Path) -> None:
    stock = tmp_path / "stock" / "ann"
    keep(stock, "talk", tmp_path / "first")
    (place,) = stock.iterdir()
    (place / "source").unlink()
    assert not find(stock, "talk", tmp_path / "job")
    (place / "listing.json").write_text("{")
    assert kept_listing(stock, "talk") is None
    keep(stock, "talk", tmp_path / "first")
    assert find(stock, "talk", tmp_path / "job")
    assert kept_listing(stock, "talk") == LISTING


def test_a_stock_that_cannot_be_written_costs_nobody_anything(tmp_path: Path) -> None:
    (tmp_path / "stock").write_text("no folder")
    keep(tmp_path / "stock" / "ann", "talk", tmp_path / "first")
    assert not find(tmp_path / "stock" / "ann", "talk", tmp_path / "job")
    keep_source(None, "talk", tmp_path / "first" / "fetched", tmp_path / "none", LISTING, most_mb=1)
    keep_source(tmp_path / "new", "talk", tmp_path / "gone", tmp_path / "none", LISTING, most_mb=1)
    assert not find(tmp_path / "new", "talk", tmp_path / "job")


def test_what_somebody_who_was_killed_left_goes_after_a_day(tmp_path: Path) -> None:
    stock = tmp_path / "stock" / "ann"
    left = stock / ".part-0123"
    fetched(left)
    keep(stock, "talk", tmp_path / "first")
    assert left.exists()
    late = time.time() - 100_000
    os.utime(left, (late, late))
    keep(stock, "other talk", tmp_path / "first")
    assert not left.exists()
    assert find(stock, "talk", tmp_path / "job")


def test_many_who_keep_and_find_at_once_get_it_whole_or_not_at_all(tmp_path: Path) -> None:
    root, start = tmp_path / "stock", threading.Barrier(8)

    def work(number: int) -> int:
        start.wait()
        found = 0
        for turn in range(30):
            key, folder = f"talk {(number + turn) % 4}", tmp_path / f"job {number} {turn}"
            if find(root / "ann", key, folder):
                found += 1
                assert (folder / "fetched").read_bytes() == b"x" * 100_000
                assert names(folder) == ["captions/en.json3", "fetched"]
            else:
                assert not (folder / "fetched").exists()
                keep(root / "ann", key, tmp_path / f"new {number}", 100_000, most_mb=0.25)
        return found

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) > 0
    assert len([place for place in (root / "ann").iterdir()]) <= 2
