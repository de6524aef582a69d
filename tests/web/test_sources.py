"""Which files a request may name: those that really lie in an allowed folder, and no word about others."""

import os
from pathlib import Path

import pytest

from clipmill.errors import ClipmillError, SourceError
from clipmill.web.problems import Refused
from clipmill.web.sources import allowed_file


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    folder = tmp_path / "inside"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "talk.mp4").write_text("x")
    (tmp_path / "outside.mp4").write_text("x")
    return folder


def refused(given: object, *folders: Path) -> str:
    with pytest.raises(ClipmillError) as caught:
        allowed_file(str(given), folders, field="source.path")
    assert "outside.mp4 is" not in caught.value.message
    return caught.value.code


def test_a_file_in_an_allowed_folder_is_found_by_its_real_path(inside: Path) -> None:
    (inside / "link.mp4").symlink_to(inside / "deep" / "talk.mp4")
    for given in ("deep/talk.mp4", "link.mp4", "deep/../deep/./talk.mp4", "deep//talk.mp4"):
        found = allowed_file(f"{inside}/{given}", (inside,), field="source.path")
        assert found == inside / "deep" / "talk.mp4"


def test_a_folder_may_be_allowed_under_the_name_of_a_link(inside: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").symlink_to(inside)
    for given in (tmp_path / "videos" / "deep" / "talk.mp4", inside / "deep" / "talk.mp4"):
        assert allowed_file(str(given), (tmp_path / "videos",), field="source.path").name == "talk.mp4"


def test_whether_a_file_outside_exists_stays_secret(inside: Path, tmp_path: Path) -> None:
    (inside / "way-out").symlink_to(tmp_path)
    (tmp_path / "way-in").symlink_to(inside)
    there = tmp_path / "outside.mp4", inside / "way-out" / "outside.mp4", inside / ".." / "outside.mp4"
    away = tmp_path / "nothing.mp4", inside / "way-out" / "nothing.mp4", inside / ".." / "nothing.mp4"
    by_name = tmp_path / "way-in" / "deep" / "talk.mp4", tmp_path / "no-way" / "deep" / "talk.mp4"
    for given in (*there, *away, *by_name, "relative.mp4", "/", "/etc/passwd", f"{inside}x/talk.mp4"):
        assert refused(given, inside) == "path-not-allowed"


def test_nothing_is_allowed_without_a_folder(inside: Path) -> None:
    assert refused(inside / "deep" / "talk.mp4") == "path-not-allowed"


def test_inside_one_is_told_what_is_wrong(inside: Path) -> None:
    os.mkfifo(inside / "pipe")
    (inside / "loop").symlink_to(inside / "loop")
    for given in ("nothing.mp4", "deep", "pipe", "loop", "x" * 300):
        assert refused(inside / given, inside) == "source-not-found"


def test_an_address_is_no_file(inside: Path) -> None:
    for given in ("https://example.org/a.mp4", "file:///etc/passwd"):
        with pytest.raises(SourceError) as caught:
            allowed_file(given, (inside,), field="source.path")
        assert (caught.value.code, caught.value.http_status) == ("address-not-supported", 422)


def test_the_refusal_says_how_to_allow_it_and_names_the_field(inside: Path) -> None:
    with pytest.raises(Refused) as caught:
        allowed_file("/etc/passwd", (inside,), field="options.transcript")
    assert "--allow" in caught.value.message
    assert caught.value.http_status == 403
    assert caught.value.errors[0].field == "options.transcript"
