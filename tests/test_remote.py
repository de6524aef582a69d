"""The commands that start the service and speak to it, as a person or a script meets them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from clipmill.cli import main
from clipmill.jobs.tables import clips
from server_kit import Site, serving

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with serving(tmp_path / "home") as found:
        monkeypatch.setenv("CLIPMILL_SERVER", found.url)
        monkeypatch.setenv("CLIPMILL_HOME", str(found.home))
        yield found


@pytest.fixture
def video(tmp_path: Path) -> Path:
    file = tmp_path / "talk.mp4"
    file.write_bytes(b"a video")
    return file


def run(*words: object) -> int:
    return main([str(word) for word in words])


def finish(site: Site, *, clips_made: int, kind: str = "succeeded", **fault: str) -> None:
    """Let the next job that comes be worked on and end."""
    while not (found := site.store.jobs(limit=1)):
        time.sleep(0.02)
    job = found[0].id
    site.happen(job, "started", values={"state": "running"})
    site.happen(job, "stage.started", stage="transcribe", clip=0, attempt=1)
    site.happen(job, "progress", stage="transcribe", clip=0, share=0.5, progress=0.25, eta_s=3.0)
    site.happen(job, "stage.done", stage="score", clip=0, worked=True, progress=0.5, eta_s=2.0)
    for number in range(1, clips_made + 1):
        add_clip(site, job, number)
    site.end_job(job, kind, clips_ready=clips_made, clips_expected=2, progress=1.0, **fault)


def add_clip(site: Site, job: str, number: int) -> None:
    facts = {"title": f"Title\x1b[2J {number}", "score": 90.0 - number, "quality": {"duration": 21.0}}
    row = {"id": f"c{number}", "job": job, "moment": f"m{number}", "number": number, "revision": 1}
    with site.database.begin() as connection:
        connection.execute(clips.insert().values(**row, facts=facts, made=sa.literal(time.time())))
    file = site.home / "jobs" / job / f"clip-{number:02d}.mp4"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"a clip")
    site.happen(job, "clip.ready", clip=f"c{number}", number=number, title=facts["title"])


def submitted(site: Site, *words: object, **ending: Any) -> int:
    """Submit with --wait while something happens to the job."""
    working = threading.Thread(target=finish, args=(site,), kwargs=ending)
    working.start()
    code = run("submit", *words, "--wait")
    working.join()
    return code


# --- submit ---------------------------------------------------------------------------------------


def test_submit_prints_the_id_and_how_to_follow(site: Site, video: Path, capsys: Capture) -> None:
    assert (
        run(
            "submit",
            video,
            "-n",
            3,
            "--style",
            "pop",
            "--priority",
            2,
            "--metadata",
            "show=12",
            "--metadata",
            "a=b=c",
        )
        == 0
    )
    said = capsys.readouterr()
    job = site.store.job(said.out.strip())
    assert (job.request.source, job.request.priority) == (str(video), 2)
    assert (job.request.options.count, job.request.options.style) == (3, "pop")
    assert job.request.metadata == {"show": "12", "a": "b=c"}
    assert f"clipmill events {job.id}" in said.err


@pytest.mark.usefixtures("site")
def test_submit_in_json_says_what_the_server_said(video: Path, capsys: Capture) -> None:
    assert run("submit", video, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["jobs"][0]["status"] == "queued"
    assert document["refused"] == []


@pytest.mark.usefixtures("site")
def test_one_source_that_is_refused_does_not_stop_the_others(video: Path, capsys: Capture) -> None:
    assert run("submit", video, "nowhere.mp4", video, "-q") == 1
    said = capsys.readouterr()
    assert len(said.out.split()) == 1  # the same video is handed in once
    assert "nowhere.mp4" in said.err
    assert run("submit", "nowhere.mp4", "--json") == 4
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "source-not-found"


def test_an_address_is_handed_in_as_one(site: Site, capsys: Capture) -> None:
    assert run("submit", "https://example.org/talk", "--force", "-q", "--i-have-the-rights") == 0
    job = site.store.job(capsys.readouterr().out.strip())
    assert job.request.source == "https://example.org/talk"
    assert job.request.reuse is False


def test_a_file_is_sent_when_it_is_asked_for(site: Site, tmp_path: Path, capsys: Capture) -> None:
    content = os.urandom(9 << 20)  # more than one piece
    (tmp_path / "long.mp4").write_bytes(content)
    assert run("submit", tmp_path / "long.mp4", "--upload", "-q") == 0
    job = site.store.job(capsys.readouterr().out.strip())
    assert Path(job.request.source).is_relative_to(site.home)
    assert Path(job.request.source).read_bytes() == content


@contextmanager
def cut_once(port: int, *, after: int) -> Iterator[str]:
    """A way to a server that breaks off its first connection after so many bytes."""
    left = [after]

    def carry(here: socket.socket, there: socket.socket, *, counted: bool) -> None:
        with suppress(OSError):
            while block := here.recv(65536):
                there.sendall(block)
                left[0] -= len(block) if counted else 0
                if counted and left[0] < 0:
                    left[0] = sys.maxsize
                    break
        for end in (here, there):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                here, there = listener.accept()[0], socket.create_connection(("127.0.0.1", port))
                for pair, counted in (((here, there), True), ((there, here), False)):
                    threading.Thread(target=carry, args=pair, kwargs={"counted": counted}).start()
                open_ones.extend((here, there))

    open_ones: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for one in open_ones:
        one.close()


def test_a_file_goes_on_after_the_line_was_cut(
    site: Site, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = os.urandom(20 << 20)
    (tmp_path / "long.mp4").write_bytes(content)
    with cut_once(site.port, after=10 << 20) as url:
        monkeypatch.setenv("CLIPMILL_SERVER", url)
        assert run("submit", tmp_path / "long.mp4", "--upload", "-q") == 0
    job = site.store.job(capsys.readouterr().out.strip())
    assert Path(job.request.source).read_bytes() == content


def test_a_file_that_the_server_may_not_read_is_sent(
    tmp_path: Path, video: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "allowed").mkdir()
    with serving(tmp_path / "home", folders=(tmp_path / "allowed",)) as site:
        monkeypatch.setenv("CLIPMILL_SERVER", site.url)
        assert run("submit", video, "-q") == 0
        job = site.store.job(capsys.readouterr().out.strip())
        assert Path(job.request.source).read_bytes() == video.read_bytes()


def test_the_files_of_a_folder_are_handed_in_once_each(
    site: Site, video: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "other.mp4").write_bytes(b"y")
    assert run("submit", tmp_path, video, "-q") == 0
    jobs = [site.store.job(name) for name in capsys.readouterr().out.split()]
    assert [Path(job.request.source).name for job in jobs] == ["other.mp4", "talk.mp4"]


def test_a_watched_folder_is_handed_in_as_it_fills(site: Site, video: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "clipmill", "submit", "--watch", str(tmp_path), "--json"]
    for _ in range(2):  # the second time nothing is new
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            if not site.store.jobs():
                assert json.loads(process.stdout.readline())["source"] == {"path": str(video)}
            time.sleep(6)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
    assert len(site.store.jobs()) == 1


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--watch", "x.mp4"),
        ("--watch", ".", "--wait"),
        ("x.mp4", "--metadata", "novalue"),
        ("x.mp4", "--min", "30", "--max", "20"),
    ],
)
def test_wrong_use_of_submit_ends_with_2(words: tuple[str, ...], capsys: Capture) -> None:
    assert run("submit", *words) == 2
    assert capsys.readouterr().out == ""


def test_waiting_ends_with_the_clips_as_make_prints_them(site: Site, video: Path, capsys: Capture) -> None:
    assert submitted(site, video, clips_made=2) == 0
    said = capsys.readouterr()
    job = site.store.jobs()[0].id
    folder = site.home / "jobs" / job
    assert said.out.splitlines() == [
        f"{folder}/clip-01.mp4\t89\t0:21\tTitle [2J 1",
        f"{folder}/clip-02.mp4\t88\t0:21\tTitle [2J 2",
    ]
    assert "0% waiting in line" in said.err
    assert f"2 clips; {folder}/report.html shows them." in said.err


def test_clips_that_cannot_be_seen_from_here_come_as_links(
    site: Site, video: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPMILL_HOME", str(site.home / "elsewhere"))
    assert submitted(site, video, "--json", "-q", clips_made=1) == 0
    document = json.loads(capsys.readouterr().out)
    link = document["clips"][0]["url"]
    assert link.startswith(f"{site.url}/v1/clips/c1/video?")
    assert "path" not in document["clips"][0]
    assert document["sources"][0]["status"] == "succeeded"
    assert httpx.get(link, trust_env=False).json()["code"] == "clip-file-unknown"  # the link itself is good


def test_a_job_that_is_partly_done_ends_with_1_and_its_clips(
    site: Site, video: Path, capsys: Capture
) -> None:
    why = {"fault_code": "tool-failed", "fault_message": "The encoder failed."}
    assert submitted(site, video, "-q", clips_made=1, kind="partial", **why) == 1
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1
    assert "The encoder failed." in said.err


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("no-speech", 3), ("corrupt-media", 4), ("model-not-found", 5), ("disk-full", 7), ("tool-crashed", 1)],
)
def test_a_job_that_failed_ends_as_make_would_have(
    code: str, exit_code: int, site: Site, video: Path, capsys: Capture
) -> None:
    why = {"fault_code": code, "fault_message": "It did not work."}
    assert submitted(site, video, "--json", clips_made=0, kind="failed", **why) == exit_code
    assert json.loads(capsys.readouterr().out)["error"] == {"code": code, "message": "It did not work."}


def test_an_interrupt_leaves_the_job_going_and_says_how_to_follow_it(site: Site, video: Path) -> None:
    words = [sys.executable, "-m", "clipmill", "submit", str(video), "--wait"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as waiting:
        try:
            while site.watch.listeners == 0:
                assert waiting.poll() is None
                time.sleep(0.05)
            waiting.send_signal(signal.SIGINT)
            _, said = waiting.communicate(timeout=30)
        finally:
            waiting.kill()
    job = site.store.jobs()[0]
    assert waiting.returncode == 130
    assert f"clipmill events {job.id}" in said
    assert job.state == "queued"


# --- looking and acting ---------------------------------------------------------------------------


def test_jobs_are_listed_newest_first(site: Site, capsys: Capture) -> None:
    first, second = site.add_job("/a.mp4"), site.add_job("/b\x1b[31m.mp4")
    assert run("jobs") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [second.id, first.id]
    assert "\x1b" not in lines[0]
    assert run("jobs", "-n", 1, "--status", "queued", "--json") == 0
    assert [job["id"] for job in json.loads(capsys.readouterr().out)] == [second.id]
    assert run("jobs", "--status", "strange") == 2


def test_show_tells_where_a_job_is(site: Site, capsys: Capture) -> None:
    job = site.add_job()
    assert run("show", job.id) == 0
    assert "queued" in capsys.readouterr().out
    finish(site, clips_made=1, kind="partial", fault_code="tool-failed", fault_message="No luck.")
    assert run("show", job.id) == 0
    out = capsys.readouterr().out
    assert all(part in out for part in ("partial", "1 of 2", "No luck.", "clip-01.mp4"))
    assert run("show", job.id, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["job"]["id"], document["clips"][0]["id"]) == (job.id, "c1")
    assert run("show", "nobody", "--json") == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "job-unknown"


def test_events_are_printed_to_the_end(site: Site, capsys: Capture) -> None:
    job = site.add_job()
    finish(site, clips_made=1)
    assert run("events", job.id) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == [
        *("queued", "started", "stage.started", "progress", "stage.done", "clip.ready", "succeeded")
    ]
    assert run("events", job.id, "--after", 5, "--json") == 0
    assert [json.loads(line)["number"] for line in capsys.readouterr().out.splitlines()] == [6, 7]


def test_a_job_is_paused_resumed_cancelled_and_tried_again(site: Site, capsys: Capture) -> None:
    job = site.add_job()
    for command, state in (
        ("pause", "paused"),
        ("resume", "queued"),
        ("cancel", "cancelled"),
        ("retry", "queued"),
    ):
        assert run(command, job.id) == 0
        assert capsys.readouterr().out == f"{job.id} {state}\n"
    assert run("resume", job.id, "--json") == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "job-state"


def test_the_log_of_a_job_is_printed(site: Site, capsys: Capture) -> None:
    job = site.add_job()
    assert run("logs", job.id) == 0
    assert capsys.readouterr().out == ""
    assert run("logs", "nobody") == 1


def test_without_a_server_it_is_said_how_to_start_one(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPMILL_SERVER", "http://127.0.0.1:9")
    assert run("jobs") == 6
    assert "clipmill serve" in capsys.readouterr().err


# --- serve and worker -----------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    environment = os.environ | {"CLIPMILL_HOME": str(tmp_path / "served")}
    words = [
        sys.executable,
        "-m",
        "clipmill",
        "serve",
        "--port",
        "0",
        "--no-workers",
        "--allow",
        str(tmp_path),
    ]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        try:
            yield process, line.split()[2].rstrip(";")
        finally:
            process.kill()


def test_serve_says_where_it_is_and_ends_in_peace(
    served: tuple[subprocess.Popen[str], str],
    video: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    process, url = served
    monkeypatch.setenv("CLIPMILL_SERVER", url)
    assert run("submit", video, "-q") == 0
    job = capsys.readouterr().out.strip()
    assert run("submit", "/etc/nowhere", "--json") == 4
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "path-not-allowed"
    assert main(["serve", "--port", url.rpartition(":")[2], "--no-workers"]) == 2
    with httpx.stream("GET", f"{url}/v1/jobs/{job}/events", trust_env=False) as answer:
        chunks = answer.iter_text()
        assert next(chunks).startswith("retry")
        process.terminate()
        assert all("data: " in chunk for chunk in chunks)  # the stream ends as it should, not broken off
    assert process.wait(timeout=30) == 0
    assert (tmp_path / "served").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "words",
    [
        ("serve", "--host", "0.0.0.0"),
        ("serve", "--allow", "/nowhere"),
        ("serve", "--port", "70000"),
        ("worker", "--stages", "encode,paint"),
    ],
)
def test_a_service_that_cannot_be_is_refused(
    words: tuple[str, ...], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPMILL_HOME", str(tmp_path / "home"))
    assert run(*words) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
