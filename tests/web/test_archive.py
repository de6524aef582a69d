"""An archive is made while it is sent, whatever becomes of the files meanwhile."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from clipmill.web.archive import READ_BYTES, Entry, zip_stream


def opened(content: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    return archive


def test_files_and_bytes_come_out_as_they_went_in(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a" * 3_000_000)
    (tmp_path / "empty").write_bytes(b"")
    entries = [Entry("ä/a.mp4", tmp_path / "a"), Entry("empty", tmp_path / "empty"), Entry("page", b"<p>")]
    archive = opened(b"".join(zip_stream(entries)))
    assert archive.namelist() == ["ä/a.mp4", "empty", "page"]
    assert archive.read("ä/a.mp4") == b"a" * 3_000_000
    assert (archive.read("empty"), archive.read("page")) == (b"", b"<p>")


def test_a_file_that_is_gone_is_left_out(tmp_path: Path) -> None:
    archive = opened(b"".join(zip_stream([Entry("gone", tmp_path / "gone"), Entry("b", b"b")])))
    assert archive.namelist() == ["b"]


def test_nothing_makes_an_empty_archive() -> None:
    assert opened(b"".join(zip_stream([]))).namelist() == []


def test_a_file_that_is_replaced_is_sent_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a" * (3 * READ_BYTES))
    stream = zip_stream([Entry("a", path)])
    begin = next(stream)
    (tmp_path / "b").write_bytes(b"b")
    (tmp_path / "b").replace(path)
    assert opened(begin + b"".join(stream)).read("a") == b"a" * (3 * READ_BYTES)


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    tracemalloc.start()
    try:
        sent = sum(len(chunk) for chunk in zip_stream([Entry("large", path)]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent > 100 << 20
    assert peak < 8 * READ_BYTES


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_a_reader_who_leaves_does_no_harm(tmp_path: Path, chunks: int) -> None:
    (tmp_path / "a").write_bytes(b"a" * (3 * READ_BYTES))
    stream = zip_stream([Entry("a", tmp_path / "a")])
    for _ in range(chunks):
        next(stream)
    stream.close()  # type: ignore[attr-defined]
