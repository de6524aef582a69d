"""Finished clips over HTTP: every byte of them, in parts too, and nothing of another clip."""

import io
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clipmill.jobs.records import JobRecord
from clipmill.plan import plan_text
from web_kit import Site, clip_file, plan_of


@pytest.fixture(scope="module")
def job(site: Site) -> JobRecord:
    return site.ended(title='Grüße "A" <b>/x\\y')


@pytest.fixture
def clip(job: JobRecord) -> str:
    return f"/v1/clips/{job.id}-m1"


def test_the_clips_of_a_job_come_best_first_with_what_is_known_of_them(site: Site, job: JobRecord) -> None:
    found = site.http.get(f"/v1/jobs/{job.id}/clips").json()["data"]
    assert [(clip["number"], clip["moment"]) for clip in found] == [(1, "m1"), (2, "m2")]
    first = site.http.get(f"/v1/clips/{found[0]['id']}").json()
    assert first == found[0]
    assert first["job_id"] == job.id
    assert first["span"] == {"start": 0.0, "end": 15.0}
    assert first["title"] == 'Grüße "A" <b>/x\\y'
    assert first["quality"]["size_bytes"] == 256_000
    assert first["reasons"] == ["has numbers"]


def test_every_link_of_a_clip_leads_to_its_file(site: Site, clip: str) -> None:
    links = site.http.get(clip).json()["links"]
    types = {
        "video": "video/mp4",
        "thumb": "image/jpeg",
        "captions_srt": "application/x-subrip; charset=utf-8",
        "captions_vtt": "text/vtt; charset=utf-8",
        "captions_ass": "text/x-ssa; charset=utf-8",
        "data": "application/json",
    }
    for name, kind in types.items():
        for path in (links[name], links[name].partition("?")[0]):
            answer = site.http.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
            head = site.http.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == str(len(answer.content))
            assert head.headers["etag"] == answer.headers["etag"]


def test_a_file_is_named_safely_and_not_guessed_at(site: Site, clip: str) -> None:
    answer = site.http.get(f"{clip}/video")
    said = answer.headers["content-disposition"]
    assert said.startswith("inline; filename=\"01 Gr__e A b x y.mp4\"; filename*=UTF-8''01%20Gr%C3%BC%C3%9Fe")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"].startswith("private")
    saved = site.http.get(f"{clip}/video?download=true")
    assert saved.headers["content-disposition"].startswith("attachment; ")


# --- parts ----------------------------------------------------------------------------------------

VIDEO = bytes(range(256)) * 1000


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-299", 100, 300),
        ("bytes=255990-", 255_990, 256_000),
        ("bytes=255990-999999", 255_990, 256_000),
        ("bytes=-10", 255_990, 256_000),
        ("bytes=-999999", 0, 256_000),
        ("BYTES = 5-6", 5, 7),
    ],
)
def test_a_part_is_exactly_what_was_asked_for(
    site: Site, clip: str, wanted: str, start: int, stop: int
) -> None:
    answer = site.http.get(f"{clip}/video", headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/256000"
    assert answer.content == VIDEO[start:stop]
    head = site.http.head(f"{clip}/video", headers={"Range": wanted})
    assert (head.status_code, head.headers["content-length"]) == (206, str(stop - start))


@pytest.mark.parametrize("wanted", ["bytes=256000-", "bytes=999999-9999999", "bytes=-0", "bytes=256000-,-0"])
def test_a_part_outside_the_file_is_refused_with_its_size(site: Site, clip: str, wanted: str) -> None:
    answer = site.http.get(f"{clip}/video", headers={"Range": wanted})
    assert (answer.status_code, answer.json()["code"]) == (416, "range-not-satisfiable")
    assert answer.headers["content-range"] == "bytes */256000"


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=a-b", "bytes=-", "lines=1-2", "bytes", "bytes=1-2,x"])
def test_a_range_that_says_nothing_is_as_good_as_none(site: Site, clip: str, wanted: str) -> None:
    answer = site.http.get(f"{clip}/video", headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (200, VIDEO)


def test_several_parts_come_in_one_answer(site: Site, clip: str) -> None:
    answer = site.http.get(f"{clip}/video", headers={"Range": "bytes=0-9,100-109,-5"})
    assert answer.status_code == 206
    boundary = answer.headers["content-type"].removeprefix("multipart/byteranges; boundary=")
    assert int(answer.headers["content-length"]) == len(answer.content)
    parts = answer.content.split(f"--{boundary}".encode())[1:-1]
    heads, bodies = zip(*(part.removesuffix(b"\r\n").split(b"\r\n\r\n", 1) for part in parts), strict=True)
    assert list(bodies) == [VIDEO[0:10], VIDEO[100:110], VIDEO[-5:]]
    assert b"Content-Range: bytes 100-109/256000" in heads[1]


def test_thousands_of_ranges_are_refused_at_once(site: Site, clip: str) -> None:
    begun = time.monotonic()
    many = site.http.get(f"{clip}/video", headers={"Range": "bytes=" + "0-,5-6," * 2000 + "1-2"})
    assert (many.status_code, many.json()["code"]) == (416, "range-not-satisfiable")
    with httpx.Client(base_url=site.url, trust_env=False) as other:
        more = other.get(f"{clip}/video", headers={"Range": "bytes=" + ",".join(["1-2"] * 10_000)})
    assert more.status_code in (416, 431)  # too many ranges, or too large a head when it came in pieces
    assert time.monotonic() - begun < 10


def test_a_part_of_another_version_is_not_mixed_in(site: Site, clip: str) -> None:
    whole = site.http.get(f"{clip}/video")
    etag, modified = whole.headers["etag"], whole.headers["last-modified"]
    for same in (etag, modified):
        part = site.http.get(f"{clip}/video", headers={"Range": "bytes=0-1", "If-Range": same})
        assert part.status_code == 206
    for other in ('"old"', f"W/{etag}", "Thu, 01 Jan 1970 00:00:00 GMT"):
        all_of_it = site.http.get(f"{clip}/video", headers={"Range": "bytes=0-1", "If-Range": other})
        assert (all_of_it.status_code, len(all_of_it.content)) == (200, 256_000)


def test_a_file_that_is_known_is_not_sent_again(site: Site, clip: str) -> None:
    etag = site.http.get(f"{clip}/thumb").headers["etag"]
    again = site.http.get(f"{clip}/thumb", headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)


# --- versions -------------------------------------------------------------------------------------


def test_a_new_version_never_shows_in_the_middle_of_an_old_one(site: Site) -> None:
    job = site.ended()
    path = site.clip_path(job, 1, ".mp4")
    size = 8 << 20  # larger than all buffers on the way
    path.write_bytes(b"a" * size)
    with site.http.stream("GET", f"/v1/clips/{job.id}-m1/video") as answer:
        chunks: Iterator[bytes] = answer.iter_raw()
        begin = next(chunks)
        beside = path.with_suffix(".new")
        beside.write_bytes(b"b" * 10)
        beside.replace(path)
        rest = b"".join(chunks)
    assert len(begin) + len(rest) == size
    assert set(begin + rest) == set(b"a")
    assert site.http.get(f"/v1/clips/{job.id}-m1/video").content == b"b" * 10


def test_a_file_that_another_clip_has_taken_over_is_not_passed_off(site: Site) -> None:
    job = site.ended()
    work = site.floor.workspace(job.id)
    plan = plan_of(job.request.source)
    swapped = work.path("plan.json")
    swapped.write_text(plan_text(plan).replace('"m1",\n  "m2"\n', '"m2",\n  "m1"\n'))
    assert '"m2",\n  "m1"\n' in swapped.read_text()
    site.clip_path(job, 1, ".mp4").write_bytes(b"of m2")  # its record is not written yet
    assert site.http.get(f"/v1/clips/{job.id}-m1/video").status_code == 404
    work.save(clip_file(1, "m2", "T", 5), work.clip(1, ".json"), key="")
    for name in ("video", "thumb", "data"):
        answer = site.http.get(f"/v1/clips/{job.id}-m1/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "clip-file-unknown")


@pytest.mark.parametrize("name", ["nobody", "a-m1", "..", "%2e%2e%2fplan", "a%00b"])
def test_a_clip_that_is_not_there_is_not_found(site: Site, name: str) -> None:
    for path in (f"/v1/clips/{name}", f"/v1/clips/{name}/video"):
        answer = site.http.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_file_that_is_not_there_is_not_found(site: Site, job: JobRecord) -> None:
    answer = site.http.get(f"/v1/clips/{job.id}-m2/captions.ass")
    assert (answer.status_code, answer.json()["code"]) == (404, "clip-file-unknown")


def test_a_link_out_of_the_folder_is_not_followed(site: Site, tmp_path: Path) -> None:
    job = site.ended()
    (tmp_path / "secret").write_text("secret")
    site.clip_path(job, 1, ".jpg").unlink()
    site.clip_path(job, 1, ".jpg").symlink_to(tmp_path / "secret")
    assert site.http.get(f"/v1/clips/{job.id}-m1/thumb").status_code == 404


# --- all of a job ---------------------------------------------------------------------------------


def test_the_archive_holds_every_file_whole(site: Site, job: JobRecord) -> None:
    answer = site.http.get(site.http.get(f"/v1/jobs/{job.id}").json()["links"]["archive"])
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="talk.zip"')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}
        names = archive.namelist()
        assert names == [
            *(f"clip-01{suffix}" for suffix in (".mp4", ".json", ".srt", ".vtt", ".ass", ".jpg")),
            *(f"clip-02{suffix}" for suffix in (".mp4", ".json", ".srt", ".vtt", ".jpg")),
            *("plan.json", "transcript.json", "report.html"),
        ]
        assert archive.read("clip-01.mp4") == VIDEO
        assert b'src="clip-01.mp4"' in archive.read("report.html")


def test_a_job_without_clips_has_no_archive_and_no_page(site: Site) -> None:
    job = site.queued()
    for name, code in (
        ("archive.zip", "clips-unknown"),
        ("report", "plan-unknown"),
        ("plan", "plan-unknown"),
    ):
        answer = site.http.get(f"/v1/jobs/{job.id}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert site.http.get(f"/v1/jobs/{job.id}/clips").json() == {"data": []}


def test_the_page_shows_the_clips_and_may_load_nothing_else(site: Site, job: JobRecord) -> None:
    answer = site.http.get(f"/v1/jobs/{job.id}/report")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    sources = re.findall(r'<video[^>]* src="([^"]*)"', answer.text)
    assert len(sources) == 2
    for source in sources:
        link = source.replace("&amp;", "&")
        assert "signature=" in link
        assert site.http.get(link).status_code == 200
    assert "<b>/x" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.partition("style-src")[0]


def test_the_end_of_the_log_is_told(site: Site, job: JobRecord) -> None:
    answer = site.http.get(f"/v1/jobs/{job.id}/logs?lines=2")
    assert (answer.headers["content-type"], answer.text) == (
        "text/plain; charset=utf-8",
        "line 499\nline 500\n",
    )
    assert len(site.http.get(f"/v1/jobs/{job.id}/logs").text.splitlines()) == 200
    assert site.http.get(f"/v1/jobs/{site.queued().id}/logs").text == ""
