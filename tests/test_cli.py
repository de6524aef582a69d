"""The commands as a person or a script meets them: what they print, where, and how they end."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import media_kit
from clipmill import __version__
from clipmill.cli import main
from site_kit import Site, site

pytestmark = pytest.mark.usefixtures("small", "home")

Capture = pytest.CaptureFixture[str]
SHORT = ("--min", "4", "--max", "10", "-n", "2", "-q")


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What commands share lies in a folder of the test."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("CLIPMILL_HOME", str(folder))
    return folder


@pytest.fixture
def web(talk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site that has the talk, and that may be fetched from."""
    with site(talk.parent) as running:
        monkeypatch.setenv("CLIPMILL_EGRESS_ALLOW", running.place)
        yield running


def run(*words: object) -> int:
    return main([str(word) for word in words])


def test_the_version_is_told(capsys: Capture) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"clipmill {__version__}\n"


def test_help_names_every_exit_code(capsys: Capture) -> None:
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert all(f" {code} " in text for code in (0, 1, 2, 3, 4, 5, 6, 7, 130))


@pytest.mark.parametrize(
    "words",
    [("bogus",), ("make",), ("make", "x.mp4", "--min", "abc"), ("make", "x.mp4", "--style", "comic")],
)
def test_wrong_use_ends_with_2_and_one_line(words: tuple[str, ...], capsys: Capture) -> None:
    assert run(*words) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_lengths_that_cross_are_wrong_use(talk: Path, capsys: Capture) -> None:
    assert run("make", talk, "--min", "20", "--max", "10") == 2
    assert "20 s" in capsys.readouterr().err


def test_a_source_that_is_not_there_ends_with_4_and_says_so_in_json(capsys: Capture) -> None:
    assert run("make", "nowhere.mp4", "--json") == 4
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "source-not-found"


def test_a_file_that_is_no_video_ends_with_4_and_leaves_nothing(tmp_path: Path, capsys: Capture) -> None:
    page = tmp_path / "talk.mp4"
    page.write_text("<html>please accept our cookies</html>")
    assert run("make", page, "-o", tmp_path / "clips", "--json") == 4
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "not-a-media-file"
    assert not (tmp_path / "clips").exists()


def test_make_prints_one_document_with_the_paths(talk: Path, tmp_path: Path, capsys: Capture) -> None:
    words = talk.with_suffix(".srt")
    assert run("make", talk, "-o", tmp_path, "--transcript", words, "--json", *SHORT) == 0
    document = json.loads(capsys.readouterr().out)
    assert [clip["rank"] for clip in document["clips"]] == [1, 2]
    for clip in document["clips"]:
        assert Path(clip["path"]).is_file()
        assert all(Path(file).is_file() for file in clip["files"].values())
    assert Path(document["sources"][0]["report"]).is_file()


def test_one_bad_source_does_not_stop_the_others(talk: Path, tmp_path: Path, capsys: Capture) -> None:
    words = talk.with_suffix(".srt")
    sources = (talk, tmp_path / "nowhere.mp4")
    assert run("make", *sources, "-o", tmp_path, "--transcript", words, "--json", *SHORT) == 1
    document = json.loads(capsys.readouterr().out)
    assert len(document["clips"]) == 2
    assert document["sources"][1]["error"]["code"] == "source-not-found"


def test_an_address_is_made_into_clips_and_asked_for_once(
    talk: Path, web: Site, tmp_path: Path, capsys: Capture
) -> None:
    address, words = web.url("/talk.mp4"), talk.with_suffix(".srt")
    make = ("make", address, "-o", tmp_path, "--transcript", words, "--json", *SHORT)
    assert run(*make) == 0
    document = json.loads(capsys.readouterr().out)
    asked = web.hits["/talk.mp4"]
    assert document["sources"][0]["source"] == address
    assert document["sources"][0]["words_by"] == "file talk.srt"
    assert document["clips"][0]["address"] == address
    folder = tmp_path / "talk"
    assert address in (folder / "report.html").read_text()
    assert run(*make) == 0
    (folder / "clip-01.mp4").unlink()
    assert run("render", folder / "plan.json", "-q") == 0
    assert (folder / "clip-01.mp4").exists()
    assert web.hits["/talk.mp4"] == asked  # neither the page nor the video was asked for again


def test_an_interrupted_download_goes_on_where_it_stopped(talk: Path, web: Site, tmp_path: Path) -> None:
    words = ("make", web.url("/talk.mp4"), "-o", tmp_path, "--transcript", talk.with_suffix(".srt"), *SHORT)
    web.behave("/talk.mp4", pause=0.00002)
    command = [sys.executable, "-m", "clipmill", *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 100
        parts = "*/.clipmill/fetching/*.part"
        while not any(part.stat().st_size for part in tmp_path.glob(parts)) and time.monotonic() < until:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command again continues" in said
    web.behave("/talk.mp4")
    assert run(*words) == 0
    assert any(asked.startswith("bytes=") for asked in web.ranges("/talk.mp4"))


def test_a_file_and_an_address_of_one_name_have_folders_of_their_own(
    talk: Path, web: Site, tmp_path: Path, capsys: Capture
) -> None:
    words = talk.with_suffix(".srt")
    sources = (talk, web.url("/talk.mp4"))
    assert run("make", *sources, "-o", tmp_path, "--transcript", words, "--json", *SHORT) == 0
    document = json.loads(capsys.readouterr().out)
    assert len({source["folder"] for source in document["sources"]}) == 2
    assert document["done"] == 2


def test_a_plan_of_an_address_is_rendered_elsewhere(
    talk: Path, web: Site, tmp_path: Path, capsys: Capture
) -> None:
    words, plan = talk.with_suffix(".srt"), tmp_path / "plan.json"
    address = web.url("/talk.mp4")
    assert run("plan", address, "-o", plan, "--transcript", words, *SHORT) == 0
    assert json.loads(plan.read_text())["source"]["path"] == address
    capsys.readouterr()
    assert run("render", plan, "--only", "1", "-o", tmp_path / "out", "--json", "-q") == 0
    (clip,) = json.loads(capsys.readouterr().out)["clips"]
    assert Path(clip["path"]).parent == tmp_path / "out" / "talk"


def test_an_address_is_written_down(web: Site, capsys: Capture) -> None:
    assert run("transcribe", web.url("/talk.mp4"), "--language", "en", "-q") == 0
    assert json.loads(capsys.readouterr().out)["language"] == "en"


def test_a_page_is_foreseen_without_fetching_its_video(web: Site, tmp_path: Path, capsys: Capture) -> None:
    assert run("plan", web.url("/talk.mp4"), "-o", tmp_path / "p", "--dry-run", "--json", "-q") == 4
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "length-unknown"
    assert web.sent["/talk.mp4"] < 1_000_000
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("address", "code", "exit_code"),
    [
        ("ftp://example.org/x", "address-wrong", 4),
        ("http://127.0.0.1:9/x.mp4", "address-refused", 4),
        ("http://10.0.0.1/x.mp4", "address-refused", 4),
    ],
)
def test_an_address_that_may_not_be_asked_for_is_told(
    address: str, code: str, exit_code: int, tmp_path: Path, capsys: Capture
) -> None:
    assert run("make", address, "-o", tmp_path / "clips", "--json", "-q") == exit_code
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code
    assert not (tmp_path / "clips").exists()


def test_a_folder_and_a_list_are_done_one_after_the_other(
    talk: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").symlink_to(talk)
    listed = tmp_path / "list"
    listed.write_text(f"{talk}\n{tmp_path}/nowhere.mp4\n")
    words = talk.with_suffix(".srt")
    asked = ("make", tmp_path / "in", "--from", listed, "-o", tmp_path / "out", "--transcript", words)
    assert run(*asked, "-n", 1, "--min", 4, "--max", 10) == 1
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1  # the talk, by whichever name, once
    assert "1 done, 1 failed:" in said.err
    assert "(source-not-found)" in said.err


def test_a_plan_is_made_changed_and_rendered(talk: Path, tmp_path: Path, capsys: Capture) -> None:
    words, plan = talk.with_suffix(".srt"), tmp_path / "plan.json"
    assert run("plan", talk, "-o", plan, "--transcript", words, *SHORT) == 0
    content = json.loads(plan.read_text())
    moment = content["chosen"][1]
    content["changes"] = {moment: {"title": "Mine", "span": {"start": 5, "end": 9.6}, "style": "clean"}}
    plan.write_text(json.dumps(content))
    capsys.readouterr()
    assert run("render", plan, "--only", "2", "-o", tmp_path, "--json", "-q") == 0
    (clip,) = json.loads(capsys.readouterr().out)["clips"]
    assert (clip["rank"], clip["title"]) == (2, "Mine")
    assert clip["span"]["start"] == pytest.approx(5, abs=0.05)


def test_a_plan_is_rendered_after_its_subtitles_are_gone(talk: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.srt"
    words.write_bytes(talk.with_suffix(".srt").read_bytes())
    assert run("make", talk, "-o", tmp_path, "--transcript", words, *SHORT) == 0
    words.unlink()
    (tmp_path / "talk" / "clip-01.mp4").unlink()
    assert run("render", tmp_path / "talk" / "plan.json", "-q") == 0
    assert (tmp_path / "talk" / "clip-01.mp4").exists()


def test_a_transcript_that_is_not_there_is_named(talk: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run("make", talk, "-o", tmp_path, "--transcript", tmp_path / "no.srt", *SHORT) == 4
    assert "no.srt" in capsys.readouterr().err


def test_a_clip_that_the_plan_lacks_is_wrong_use(talk: Path, tmp_path: Path) -> None:
    words, plan = talk.with_suffix(".srt"), tmp_path / "plan.json"
    assert run("plan", talk, "-o", plan, "--transcript", words, *SHORT) == 0
    assert run("render", plan, "--only", "9", "-o", tmp_path) == 2


def test_the_dry_run_costs_nothing_and_leaves_nothing(talk: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run("plan", talk, "-o", tmp_path / "plan.json", "--dry-run", "--json", "-q") == 0
    forecast = json.loads(capsys.readouterr().out)
    assert forecast["cost_usd"] == 0
    assert forecast["disk_mb"] > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["mp3", "m4a", "wav", "flac", "opus"])
def test_a_sound_file_is_written_down(
    ending: str, ffmpeg: Path, shared_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    source, written = tmp_path / f"speech.{ending}", tmp_path / "speech.srt"
    media_kit.run(ffmpeg, "-i", str(shared_data / "speech" / "jfk" / "jfk.flac"), str(source))
    assert run("transcribe", source, "-o", written, "--language", "en", "-q") == 0
    assert "ask not what your country can do for you" in " ".join(written.read_text().split()).lower()
    assert capsys.readouterr().out == ""


def test_spans_are_rated_in_their_order(talk: Path, tmp_path: Path, capsys: Capture) -> None:
    spans = tmp_path / "spans.json"
    spans.write_text('[{"start": 0, "end": 9}, {"start": 10, "end": 20}]')
    assert run("score", talk.with_suffix(".srt"), "--spans", spans, "--no-position", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["start"] for row in rows] == [0, 10]
    assert all(isinstance(row["score"], float) for row in rows)


def test_spans_that_run_backwards_are_named(talk: Path, tmp_path: Path, capsys: Capture) -> None:
    spans = tmp_path / "spans.json"
    spans.write_text('[{"start": 9, "end": 3}]')
    assert run("score", talk.with_suffix(".srt"), "--spans", spans) == 2
    assert "forward" in capsys.readouterr().err


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("CLIPMILL_CRF", "lots")
    assert run("config", "show") == 2
    assert "CLIPMILL_CRF" in capsys.readouterr().err


def test_the_settings_say_where_they_come_from(capsys: Capture) -> None:
    assert run("config", "show", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["CLIPMILL_HEIGHT"] == rows["CLIPMILL_HEIGHT"] | {"value": "320", "origin": "environment"}
    assert rows["CLIPMILL_CRF"]["origin"] == "default"


def test_the_doctor_finds_this_machine_fit(capsys: Capture) -> None:
    assert run("doctor", "--json") == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert all(check["health"] != "missing" for check in checks)


def test_the_command_is_installed() -> None:
    command = Path(sys.executable).with_name("clipmill")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"clipmill {__version__}\n"
