"""Uploads over HTTP: whatever is cut, killed or told wrongly, what is told to be here is here."""

import base64
import hashlib
import io
import os
import random
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tusclient.client import TusClient

from clipmill.jobs.uploads import Rules
from clipmill.web.reception import Pace
from clipmill.web.server import LINGER_S
from upload_kit import CUTS, PIECE, TUS, answer_on, begin, offset_of, send_part, server_process
from web_kit import Site, serving

MB = 1_000_000


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["tus-resumable"] == "1.0.0"
    return answer.status_code, answer.json()["code"]


def bytes_of(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def checksum(content: bytes, algorithm: str = "sha1") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


def patch(place: str, offset: int, body: Any, **headers: str) -> httpx.Response:
    return httpx.patch(
        place, content=body, headers={**PIECE, "Upload-Offset": str(offset), **headers}, timeout=60
    )


def tus_upload(server: str, content: bytes, **wish: Any) -> tuple[str, int]:
    """Send all with the client for Python: where it is then, and where it began."""
    uploader = TusClient(f"{server}/v1/uploads").uploader(file_stream=io.BytesIO(content), **wish)
    began = uploader.offset
    uploader.upload()
    return str(uploader.url), began


def written(site: Site, place: str) -> int:
    """How many bytes of an upload are in its file, told of or not."""
    files = [*site.floor.uploads.folder.glob(f"{place.rpartition('/')[2]}/*")]
    return files[0].stat().st_size if files else 0


def until(happens: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


# --- cuts and kills -------------------------------------------------------------------------------


def test_uploads_that_are_cut_and_whose_server_is_killed_come_out_whole(tmp_path: Path) -> None:
    chance = random.Random(7)
    with server_process(tmp_path / "home") as server:
        for number in range(CUTS):
            content = bytes_of(number, chance.randrange(100_000, 3 * MB))
            place, told = begin(server.url, len(content)), 0
            for turn in range(chance.randrange(1, 4)):
                end = chance.randrange(told, len(content))
                line = send_part(place, told, len(content) - told, content[told:end])
                if (number + turn) % 3 == 0:
                    server.kill()
                    server.restart()
                line.close()
                before, told = told, offset_of(place)
                assert before <= told <= end
                assert server.file_of(place).read_bytes()[:told] == content[:told]
            assert tus_upload(server.url, content, url=place, chunk_size=MB) == (place, told)
            shown = httpx.get(place).json()
            assert (shown["done"], shown["sha256"]) == (True, sha256(content))
            assert server.file_of(place).read_bytes() == content


def test_what_came_before_a_cut_stays(site: Site) -> None:
    content = bytes_of(1, 300_000)
    place = begin(site.url, len(content))
    send_part(place, 0, len(content), content[:200_000]).close()
    until(lambda: offset_of(place) == 200_000)
    assert patch(place, 200_000, content[200_000:]).status_code == 204
    assert httpx.get(place).json()["sha256"] == sha256(content)


def test_the_client_that_people_use_uploads_and_checks(site: Site) -> None:
    content = bytes_of(2, 2 * MB)
    for check in (False, True):
        place, _ = tus_upload(
            site.url,
            content,
            chunk_size=300_000,
            metadata={"filename": "Mein Vortrag.mp4"},
            upload_checksum=check,
        )
        shown = httpx.get(place).json()
        assert (shown["name"], shown["length"], shown["offset"]) == ("Mein Vortrag.mp4", 2 * MB, 2 * MB)
        assert (shown["done"], shown["sha256"]) == (True, sha256(content))


def test_a_server_that_ends_keeps_what_came(tmp_path: Path) -> None:
    content = bytes_of(3, 200_000)
    with serving(tmp_path / "home") as site:
        place = begin(site.url, len(content))
        line = send_part(place, 0, len(content), content[:150_000])
        upload = place.rpartition("/")[2]
        until(lambda: written(site, place) == 150_000)
        site.floor.stopping.set()
        status, body = answer_on(line)
        assert (status, b'"stopping"' in body) == (503, True)
        assert site.floor.uploads.find(upload, "").received == 150_000
        line.close()


# --- two at once ----------------------------------------------------------------------------------


def test_of_two_who_write_at_once_the_second_is_sent_away(site: Site) -> None:
    content = bytes_of(4, 400_000)
    place = begin(site.url, len(content))
    first = send_part(place, 0, len(content), content[:100_000])
    until(lambda: written(site, place) == 100_000)
    second = patch(place, 0, bytes(len(content)))
    assert code(second) == (423, "upload-locked")
    first.sendall(content[100_000:])
    assert answer_on(first)[0] == 204
    first.close()
    assert code(patch(place, 0, bytes(len(content)))) == (409, "upload-offset-wrong")
    assert httpx.get(place).json()["sha256"] == sha256(content)


def test_one_who_went_silent_gives_way_to_who_goes_on(tmp_path: Path) -> None:
    content = bytes_of(11, 200_000)
    with serving(tmp_path / "home", pace=Pace(idle_s=3600.0, quiet_s=0.5)) as site:
        place = begin(site.url, len(content))
        silent = send_part(place, 0, len(content), content[:50_000])
        until(lambda: offset_of(place) == 50_000)
        assert patch(place, 50_000, content[50_000:]).status_code == 204
        status, body = answer_on(silent)
        silent.close()
        assert (status, b'"upload-locked"' in body) == (423, True)
        assert httpx.get(place).json()["sha256"] == sha256(content)


def test_many_who_write_the_same_at_once_leave_one_whole_file(site: Site) -> None:
    content = bytes_of(5, MB)
    place = begin(site.url, len(content))
    statuses: list[int] = []

    def write() -> None:
        statuses.append(patch(place, 0, content).status_code)

    writers = [threading.Thread(target=write) for _ in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 409, 413, 423}
    assert httpx.get(place).json()["sha256"] == sha256(content)


# --- what is told wrongly -------------------------------------------------------------------------


def test_bytes_go_where_the_upload_goes_on_or_nowhere(site: Site) -> None:
    place = begin(site.url, 10)
    for offset in (1, 10):
        answer = patch(place, offset, b"")
        assert code(answer) == (409, "upload-offset-wrong")
        assert answer.headers["upload-offset"] == "0"
    assert patch(place, 0, b"12345").headers["upload-offset"] == "5"
    assert code(patch(place, 0, b"12345")) == (409, "upload-offset-wrong")
    assert code(patch(place, 5, b"123456")) == (413, "upload-too-large")
    assert offset_of(place) == 5


def test_a_body_without_a_length_ends_where_the_upload_does(site: Site) -> None:
    content = bytes_of(6, 500_000)
    place = begin(site.url, len(content))
    more = (content[start : start + 50_000] for start in range(0, len(content), 50_000))
    answer = patch(place, 0, (piece for each in (more, [b"and more"]) for piece in each))
    assert code(answer) == (413, "upload-too-large")
    assert not httpx.get(place).json()["done"]
    told = offset_of(place)
    assert told < len(content)
    assert patch(place, told, iter([content[told:]])).status_code == 204
    assert httpx.get(place).json()["sha256"] == sha256(content)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_bytes_that_are_not_those_that_were_meant_are_not_kept(site: Site, algorithm: str) -> None:
    content = bytes_of(7, 300_000)
    place = begin(site.url, len(content))
    right = checksum(content[:200_000], algorithm)
    assert patch(place, 0, content[:200_000], **{"Upload-Checksum": right}).status_code == 204
    for wrong in (content[:100_000], bytes(100_000)):
        answer = patch(place, 200_000, wrong, **{"Upload-Checksum": right})
        assert code(answer) == (460, "checksum-wrong")
        assert answer.json()["title"] == "Checksum Mismatch"
    (file,) = site.floor.uploads.folder.glob(f"{place.rpartition('/')[2]}/*")
    assert (offset_of(place), file.stat().st_size) == (200_000, 200_000)
    right = checksum(content[200_000:], algorithm)
    assert patch(place, 200_000, content[200_000:], **{"Upload-Checksum": right}).status_code == 204
    assert httpx.get(place).json()["sha256"] == sha256(content)


def test_of_a_cut_body_with_a_checksum_nothing_stays(site: Site) -> None:
    content = bytes_of(8, 100_000)
    place = begin(site.url, len(content))
    send_part(place, 0, len(content), content[:60_000], **{"Upload-Checksum": checksum(content)}).close()
    assert patch(place, 0, content).status_code == 204
    assert httpx.get(place).json()["sha256"] == sha256(content)


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"Tus-Resumable": None}, 412, "tus-version-wrong"),
        ({"Tus-Resumable": "0.2.2"}, 412, "tus-version-wrong"),
        ({"Content-Type": None}, 415, "content-type-wrong"),
        ({"Content-Type": "application/octet-stream"}, 415, "content-type-wrong"),
        ({"Upload-Offset": None}, 400, "upload-header-wrong"),
        ({"Upload-Offset": "-1"}, 400, "upload-header-wrong"),
        ({"Upload-Offset": "1e3"}, 400, "upload-header-wrong"),
        ({"Upload-Offset": "9" * 16}, 400, "upload-header-wrong"),
        ({"Upload-Checksum": "md5 aaaa"}, 400, "upload-header-wrong"),
        ({"Upload-Checksum": "sha1 !!!"}, 400, "upload-header-wrong"),
        ({"Upload-Checksum": "sha1 YWJj"}, 400, "upload-header-wrong"),
        ({"Upload-Length": "11"}, 400, "upload-header-wrong"),
    ],
)
def test_a_header_that_is_not_right_is_refused(
    site: Site, changed: dict[str, str | None], status: int, said: str
) -> None:
    place = begin(site.url, 10)
    headers = {**PIECE, "Upload-Offset": "0", **changed}
    answer = httpx.patch(
        place, content=b"12345", headers={name: value for name, value in headers.items() if value is not None}
    )
    assert code(answer) == (status, said)
    assert offset_of(place) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Upload-Length": "x"},
        {"Upload-Length": "10", "Upload-Defer-Length": "1"},
        {"Upload-Defer-Length": "2"},
        {"Upload-Length": "10", "Upload-Metadata": "filename dGFsay5tcDQ=, filename eA=="},
        {"Upload-Length": "10", "Upload-Metadata": "filename not-base64!"},
        {"Upload-Length": "10", "Upload-Metadata": "filename /w=="},
        {"Upload-Length": "10", "Upload-Metadata": f"filename {base64.b64encode(b'x' * 256).decode()}"},
        {
            "Upload-Length": "10",
            "Upload-Metadata": f"filename {base64.b64encode(b'a' + bytes([10])).decode()}",
        },
    ],
)
def test_an_upload_begins_with_headers_that_are_right(site: Site, headers: dict[str, str]) -> None:
    answer = site.http.post("/v1/uploads", headers={**TUS, **headers})
    assert code(answer) == (400, "upload-header-wrong")


def test_the_version_that_is_known_is_told_to_who_has_another(site: Site) -> None:
    answer = site.http.post("/v1/uploads", headers={"Tus-Resumable": "2.0", "Upload-Length": "1"})
    assert code(answer) == (412, "tus-version-wrong")
    assert answer.headers["tus-version"] == "1.0.0"


def test_what_the_server_can_do_is_told(site: Site) -> None:
    answer = site.http.options("/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert "checksum" in answer.headers["tus-extension"].split(",")
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"
    assert int(answer.headers["tus-max-size"]) == site.floor.uploads.rules.most_bytes


def test_names_are_kept_for_people_and_never_used_as_paths(site: Site) -> None:
    for name in ("../../etc/passwd", "a/b.mp4", "-rf.mp4", "con.mp4", "ä" * 100 + ".mp4", ".", "talk"):
        named = {"Upload-Metadata": f"filename {base64.b64encode(name.encode()).decode()},filetype dmlkZW8="}
        place = begin(site.url, 0, **named)
        assert httpx.get(place).json()["name"] == name
        folder = site.floor.uploads.folder / place.rpartition("/")[2]
        (file,) = folder.iterdir()
        assert file.resolve().parent == folder
        assert not file.name.startswith(("-", "."))
        assert len(file.name.encode()) < 200
        if name.endswith(".mp4"):
            assert file.suffix == ".mp4"
    told = httpx.head(place, headers=TUS).headers
    assert told["upload-metadata"].startswith("filename ")


# --- too much, too slow, too many -----------------------------------------------------------------


def test_ten_gigabytes_are_refused_before_they_come(tmp_path: Path) -> None:
    with serving(tmp_path / "home", rules=Rules(most_bytes=MB, reserve_mb=0)) as site:
        far = str(10 * 1000 * MB)
        answer = site.http.post("/v1/uploads", headers={**TUS, "Upload-Length": far})
        assert code(answer) == (413, "upload-too-large")
        place = begin(site.url, 1000)
        line = send_part(place, 0, int(far), b"x" * 1000)
        status, body = answer_on(line)
        assert (status, b'"upload-too-large"' in body) == (413, True)
        until(lambda: _closed(line), LINGER_S + 60)
        assert offset_of(place) == 0
        line.close()
        command = ["curl", "-s", "-X", "PUT", f"{site.url}/v1/uploads/talk.mp4"]
        command += ["-H", f"Content-Length: {far}", "-d", "x", "--max-time", "30"]
        told = subprocess.run(command, capture_output=True, check=False).stdout
        assert b"upload-too-large" in told
        assert len(site.http.get("/v1/uploads").json()["data"]) == 1


def _closed(line: socket.socket) -> bool:
    try:
        line.sendall(b"x")
        line.settimeout(0.1)
        return line.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize("pace", [Pace(idle_s=1.0), Pace(window_s=3.0)])
def test_a_sender_that_is_too_slow_is_cut_off_and_what_it_sent_stays(tmp_path: Path, pace: Pace) -> None:
    with serving(tmp_path / "home", pace=pace) as site:
        place = begin(site.url, 100_000)
        line = send_part(place, 0, 100_000, b"x" * 1000)
        sent, stop = 1000, threading.Event()

        def drip() -> None:
            nonlocal sent
            while pace.idle_s > 1.0 and not stop.wait(0.2):
                try:
                    line.sendall(b"y")
                except OSError:
                    return
                sent += 1

        dripping = threading.Thread(target=drip)
        dripping.start()
        status, body = answer_on(line)
        stop.set()
        dripping.join()
        line.close()
        assert (status, b'"body-slow"' in body) == (408, True)
        assert 1000 <= offset_of(place) <= sent


def test_one_owner_has_so_many_unfinished_uploads_and_another_as_many(tmp_path: Path) -> None:
    with serving(tmp_path / "home", rules=Rules(each=2, reserve_mb=0)) as site:
        first = begin(site.url, 1)
        begin(site.url, 1)
        answer = site.http.post("/v1/uploads", headers={**TUS, "Upload-Length": "1"})
        assert code(answer) == (429, "too-many-uploads")
        assert int(answer.headers["retry-after"]) > 0
        begin(site.url, 1, Authorization="Bearer other")
        assert patch(first, 0, b"x").status_code == 204
        begin(site.url, 1)


def test_what_does_not_fit_beside_what_others_announced_is_refused(tmp_path: Path) -> None:
    most = shutil.disk_usage(tmp_path).free
    with serving(tmp_path / "home", rules=Rules(most_bytes=2 * most, reserve_mb=0)) as site:
        answer = site.http.post("/v1/uploads", headers={**TUS, "Upload-Length": str(most + (1 << 40))})
        assert code(answer)[0] in (413, 507)
        place = begin(site.url, most * 6 // 10)
        answer = site.http.post("/v1/uploads", headers={**TUS, "Upload-Length": str(most * 6 // 10)})
        assert code(answer) == (507, "disk-full")
        assert "retry-after" in answer.headers
        assert httpx.delete(place, headers=TUS).status_code == 204
        begin(site.url, most * 6 // 10)


def test_a_disk_that_is_down_to_its_reserve_takes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path / "home", rules=Rules(reserve_mb=1 << 40)) as site:
        answer = site.http.put("/v1/uploads/talk.mp4", content=b"x")
        assert code(answer) == (507, "disk-full")
        assert site.http.get("/v1/uploads").json() == {"data": []}


# --- other ways to begin --------------------------------------------------------------------------


def test_an_upload_may_begin_with_its_first_bytes(site: Site) -> None:
    headers = {**PIECE, "Upload-Length": "10"}
    answer = site.http.post("/v1/uploads", content=b"12345", headers=headers)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "5")
    place = f"{site.url}{answer.headers['location']}"
    assert patch(place, 5, b"67890").status_code == 204
    assert httpx.get(place).json()["sha256"] == sha256(b"1234567890")
    before = len(site.http.get("/v1/uploads").json()["data"])
    for body, changed, status in (
        (b"12345", {"Upload-Checksum": checksum(b"other")}, 460),
        (b"12345678901", {}, 413),
        (b"12345", {"Content-Type": "application/json"}, 415),
    ):
        assert (
            site.http.post("/v1/uploads", content=body, headers={**headers, **changed}).status_code == status
        )
    assert len(site.http.get("/v1/uploads").json()["data"]) == before


def test_the_length_may_be_told_later(site: Site) -> None:
    answer = site.http.post("/v1/uploads", headers={**TUS, "Upload-Defer-Length": "1"})
    place = f"{site.url}{answer.headers['location']}"
    assert patch(place, 0, b"12345").status_code == 204
    told = httpx.head(place, headers=TUS).headers
    assert (told["upload-offset"], told["upload-defer-length"]) == ("5", "1")
    assert code(patch(place, 5, b"", **{"Upload-Length": "4"})) == (400, "upload-header-wrong")
    assert patch(place, 5, b"67890", **{"Upload-Length": "10"}).status_code == 204
    assert httpx.get(place).json()["sha256"] == sha256(b"1234567890")
    assert code(patch(place, 10, b"", **{"Upload-Length": "12"})) == (400, "upload-header-wrong")


def test_an_empty_file_is_whole_at_once(site: Site) -> None:
    assert httpx.get(begin(site.url, 0)).json()["done"]
    assert site.http.put("/v1/uploads/empty.mp4", content=b"").json()["done"]


def test_who_can_only_post_may_say_what_is_meant(site: Site) -> None:
    place = begin(site.url, 5)
    headers = {**PIECE, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert httpx.post(place, content=b"12345", headers=headers).status_code == 204
    assert httpx.post(place, headers={**TUS, "X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert code(httpx.get(place)) == (410, "upload-gone")


def test_curl_sends_a_file_in_one_go(site: Site, tmp_path: Path) -> None:
    content = bytes_of(9, 3 * MB)
    (tmp_path / "Ein Vortrag.mp4").write_bytes(content)
    command = ["curl", "-s", "-S", "-f", "-T", str(tmp_path / "Ein Vortrag.mp4"), f"{site.url}/v1/uploads/"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    shown = httpx.Response(200, content=done.stdout).json()
    assert (shown["name"], shown["done"], shown["sha256"]) == ("Ein Vortrag.mp4", True, sha256(content))
    chunked = site.http.put("/v1/uploads/talk.mp4", content=iter([content[:MB], content[MB:]]))
    assert (chunked.status_code, chunked.json()["sha256"]) == (201, sha256(content))
    assert chunked.json()["length"] == len(content)


def test_a_file_that_is_cut_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as site:
        head = f"PUT /v1/uploads/talk.mp4 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MB}\r\n\r\n"
        host, port = site.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as cut:
            cut.sendall(head.encode() + b"x" * 500_000)
            until(lambda: [*site.floor.uploads.folder.glob("*/*")])
        until(lambda: not [*site.floor.uploads.folder.glob("*")])
        assert site.http.get("/v1/uploads").json() == {"data": []}


def test_nobody_goes_on_with_what_must_come_in_one_piece(site: Site) -> None:
    upload = site.floor.uploads.create("", "talk.mp4", None, once=True)
    assert code(patch(f"{site.url}/v1/uploads/{upload.id}", 0, b"12345")) == (410, "upload-gone")
    assert not site.floor.uploads.find(upload.id, "").done


# --- whose it is, and its end ---------------------------------------------------------------------


def test_an_upload_is_its_owners_alone(site: Site) -> None:
    mine, others = {"Authorization": "Bearer me"}, {"Authorization": "Bearer you"}
    place = begin(site.url, 5, **mine)
    for headers in (others, {}):
        assert code(httpx.get(place, headers=headers)) == (404, "upload-unknown")
        assert httpx.head(place, headers={**TUS, **headers}).status_code == 404
        assert code(patch(place, 0, b"12345", **headers)) == (404, "upload-unknown")
        assert code(httpx.delete(place, headers={**TUS, **headers})) == (404, "upload-unknown")
        listed = site.http.get("/v1/uploads", headers=headers).json()["data"]
        assert place.rpartition("/")[2] not in [upload["id"] for upload in listed]
    assert patch(place, 0, b"12345", **mine).status_code == 204
    assert site.http.get("/v1/uploads", headers=mine).json()["data"][0]["done"]


def test_a_removed_upload_is_gone_and_an_unknown_one_was_never_there(site: Site) -> None:
    place = begin(site.url, 5)
    assert httpx.delete(place).status_code == 204
    assert not (site.floor.uploads.folder / place.rpartition("/")[2]).exists()
    assert code(httpx.get(place)) == (410, "upload-gone")
    assert httpx.head(place, headers=TUS).status_code == 410
    assert code(patch(place, 0, b"12345")) == (410, "upload-gone")
    assert code(httpx.delete(place)) == (410, "upload-gone")
    assert code(site.http.get(f"/v1/uploads/{'a' * 24}")) == (404, "upload-unknown")
    assert code(site.http.get("/v1/uploads/talk.mp4")) == (404, "page-unknown")


def test_an_upload_says_until_when_it_waits(site: Site) -> None:
    place = begin(site.url, 5)
    told = patch(place, 0, b"123").headers["upload-expires"]
    assert told.endswith("GMT")
    assert "upload-expires" not in patch(place, 3, b"45").headers


def test_a_page_of_another_site_may_not_upload(site: Site) -> None:
    foreign = {"Origin": "http://evil.example"}
    assert code(site.http.put("/v1/uploads/talk.mp4", content=b"x", headers=foreign))[0] == 403
    place = begin(site.url, 1)
    assert code(patch(place, 0, b"x", **foreign)) == (403, "origin-not-allowed")


# --- jobs of uploads and addresses ----------------------------------------------------------------


@pytest.fixture
def upload(site: Site) -> str:
    """A finished upload."""
    return site.http.put("/v1/uploads/My talk.mp4", content=os.urandom(1000)).json()["id"]  # type: ignore[no-any-return]


def hand_in(site: Site, source: object, **headers: str) -> httpx.Response:
    return site.http.post("/v1/jobs", json={"source": source}, headers=headers)


def test_a_job_may_be_about_an_upload(site: Site, upload: str) -> None:
    answer = hand_in(site, {"upload": upload})
    assert answer.status_code == 202
    job = answer.json()
    assert job["source"] == {"upload": upload}
    source = Path(site.store.job(job["id"]).request.source)
    assert (source.stem, source.is_file()) == ("My talk", True)
    removed = site.http.delete(f"/v1/uploads/{upload}")
    assert code(removed) == (409, "upload-in-use")
    site.http.delete(f"/v1/jobs/{job['id']}")
    assert site.http.delete(f"/v1/uploads/{upload}").status_code == 204


def test_a_job_needs_a_finished_upload_of_the_same_owner(site: Site, upload: str) -> None:
    unfinished = begin(site.url, 5).rpartition("/")[2]
    answer = hand_in(site, {"upload": unfinished})
    assert (answer.status_code, answer.json()["code"]) == (409, "upload-unfinished")
    for name, headers in ((upload, {"Authorization": "Bearer you"}), ("a" * 24, {})):
        answer = hand_in(site, {"upload": name}, **headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "upload-unknown")
    assert hand_in(site, {"upload": "../../x"}).status_code == 422


def test_a_job_may_be_about_an_address(site: Site) -> None:
    for source in ("https://example.org/talk.mp4", {"address": "https://example.org/talk.mp4"}):
        answer = hand_in(site, source)
        assert answer.status_code == 202
        assert answer.json()["source"] == {"address": "https://example.org/talk.mp4"}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("ftp://example.org/a.mp4", "address-wrong"),
        ("https://", "address-wrong"),
        ({"address": "talk.mp4"}, "address-wrong"),
        ("http://127.0.0.1/a.mp4", "address-refused"),
        ("http://[::1]/a.mp4", "address-refused"),
        ("http://localhost/a.mp4", "address-refused"),
        ("http://169.254.169.254/latest", "address-refused"),
        ({"path": "https://example.org/a.mp4"}, "address-not-supported"),
        ({}, "request-wrong"),
        ({"path": "/a", "address": "https://example.org/"}, "request-wrong"),
        ({"path": None}, "request-wrong"),
        ({"upload": ""}, "request-wrong"),
    ],
)
def test_a_source_that_cannot_be_is_refused_at_once(site: Site, source: object, said: str) -> None:
    answer = hand_in(site, source)
    assert (answer.status_code, answer.json()["code"]) == (422, said)


def test_a_job_says_whether_it_uses_what_others_left(site: Site) -> None:
    assert site.submit().json()["reuse"] is True
    job = site.submit(reuse=False, options={"transcriber": "captions"}).json()
    assert (job["reuse"], job["options"]["transcriber"]) == (False, "captions")
    assert site.store.job(job["id"]).request.reuse is False
    assert (job["cost"], job["title"], job["words_by"]) == (0, "", "")
