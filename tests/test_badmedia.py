"""Hostile, broken and odd files, texts and names through the whole program: each ends as its maker says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clipmill.cli import main
from clipmill.media.probe import probe
from clipmill.origins import Origin, job_folder
from media_kit import make_silent_video, run
from talk_kit import SENTENCES

FOLDER = (
    Path(os.environ.get("CLIPMILL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "badmedia"
)
EXPECTED: dict[str, Any] = (
    json.loads((FOLDER / "expected.json").read_text()) if FOLDER.is_dir() else {"files": {}, "canary": ""}
)
VIDEOS = {name: said for name, said in EXPECTED["files"].items() if not name.endswith(".srt")}
CASES: dict[str, list[str]] = {
    key: value
    for file in ("text_cases.json", "name_cases.json")
    if VIDEOS
    for key, value in json.loads((FOLDER / file).read_text()).items()
    if isinstance(value, list)
}
ALIKE = {"truncated-media", "corrupt-media"}
"""Where a file is both, either name is right."""
LISTENED_TO = ("silent_audio.mp4", "multi_audio.mkv", "video_only.mp4")
"""Whose words the speech model is to look for; for the others it is told that nobody speaks, to save time."""
WISH = ("--allow-silent", "--min", "1", "--max", "3", "-n", "1", "--json", "-q")

pytestmark = [
    pytest.mark.skipif(not VIDEOS, reason="needs the shared test data (set CLIPMILL_TEST_DATA)"),
    pytest.mark.usefixtures("small"),
]

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """A transcript without a word."""
    (tmp_path / "nobody.json").write_text('{"words": []}')
    return tmp_path / "nobody.json"


def make(source: object, folder: Path, *more: object) -> int:
    return main(["make", str(source), "-o", str(folder), *WISH, *map(str, more)])


def children_of_the_launcher() -> list[str]:
    from clipmill.media.launcher import _launcher

    folder = Path(f"/proc/{_launcher._pid}/task/{_launcher._pid}/children")
    return folder.read_text().split() if _launcher._pid and folder.exists() else []


def check_refusal(error: dict[str, str], said: dict[str, Any]) -> None:
    right = {said["code"]} | (ALIKE if said["code"] in ALIKE else set())
    assert error["code"] in right
    assert error["message"].endswith(".")
    for ugly in ("Traceback", "/", "\n", "ffmpeg version", "Error"):
        assert ugly not in error["message"]


def check_clip(clip: dict[str, Any], said: dict[str, Any], ffmpeg: Path) -> None:
    decoded = run(ffmpeg, "-xerror", "-i", clip["path"], "-f", "framecrc", "-").decode()
    frames = [line for line in decoded.splitlines() if line.startswith("0,")]
    record = json.loads(Path(clip["files"]["json"]).read_text())
    assert len(frames) == record["quality"]["frames"]
    told = record["span"]["end"] - record["span"]["start"]
    assert len(frames) / record["frame_rate"] == pytest.approx(told, abs=1 / record["frame_rate"] + 1e-6)
    assert record["span"]["end"] <= said.get("max_clip_end_s", float("inf"))


@pytest.mark.parametrize("name", VIDEOS)
def test_a_file_ends_as_its_maker_says(
    name: str, ffmpeg: Path, nobody: Path, tmp_path: Path, capsys: Capture
) -> None:
    said, folder = VIDEOS[name], tmp_path / "clips"
    words = () if name in LISTENED_TO else ("--transcript", nobody)
    code = make(FOLDER / name, folder, *words)
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert code in {"reject": (4,), "accept": (0,)}.get(said["verdict"], (0, 4))
    if code == 4:
        check_refusal(document["error"], said)
        assert printed.err.count("\n") == 1
        assert not folder.exists()
    else:
        (clip,) = document["clips"]
        check_clip(clip, said, ffmpeg)
        warnings = set(document["sources"][0]["warnings"])
        asked = {said.get("warning", said.get("code"))} - {None}
        assert asked <= warnings
        assert warnings <= asked | ALIKE | {"no-speech", "no-audio-stream"}
        assert asked or not warnings & ALIKE, "a sound file is not to be called damaged"
    assert children_of_the_launcher() == []


@pytest.mark.parametrize("name", ["silent_audio.mp4", "video_only.mp4"])
def test_where_nobody_speaks_there_is_nothing_to_clip(name: str, tmp_path: Path, capsys: Capture) -> None:
    assert main(["make", str(FOLDER / name), "-o", str(tmp_path / "clips"), "--json", "-q"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "no-speech"
    assert not (tmp_path / "clips").exists()


@pytest.mark.parametrize(
    ("name", "shape"), [("rotate90.mp4", (1.0, 1.0)), ("anamorphic_sar.mp4", (0.316, 1.0))]
)
def test_the_window_has_the_shape_of_the_shown_picture(
    name: str, shape: tuple[float, float], nobody: Path, tmp_path: Path
) -> None:
    assert make(FOLDER / name, tmp_path, "--transcript", nobody, "--layout", "fill") == 0
    path = json.loads((tmp_path / Path(name).stem / "clip-01.json").read_text())["crop_path"]
    assert (path["width"], path["height"]) == pytest.approx(shape, abs=0.01)


@pytest.mark.parametrize("name", [name for name, said in VIDEOS.items() if "display" in said])
def test_a_picture_is_shown_in_its_true_shape(name: str, tmp_path: Path) -> None:
    video = probe(FOLDER / name, cwd=tmp_path).video
    assert [video.display_width, video.display_height] == VIDEOS[name]["display"]


@pytest.mark.parametrize("name", [name for name, said in VIDEOS.items() if "max_clip_end_s" in said])
def test_no_clip_can_reach_past_what_can_be_played(name: str, tmp_path: Path) -> None:
    assert probe(FOLDER / name, cwd=tmp_path).duration <= VIDEOS[name]["max_clip_end_s"]


def test_the_default_sound_is_chosen_and_late_sound_kept(tmp_path: Path) -> None:
    chosen = probe(FOLDER / "multi_audio.mkv", cwd=tmp_path).audio
    assert chosen
    assert chosen.language == "eng"
    late = probe(FOLDER / "audio_late_2500ms.mp4", cwd=tmp_path).audio
    assert late
    assert late.start == pytest.approx(2.5, abs=0.05)


# --- nothing beyond the file ----------------------------------------------------------------------

REACHING = [name for name, said in VIDEOS.items() if said.get("canary") or said.get("net")]
REACHING += [name for name in ("sdp_as.mp4", "svg_as.mp4") if name in VIDEOS]


def make_all(names: list[str], folder: Path, *before: str) -> "subprocess.CompletedProcess[str]":
    command = (sys.executable, "-m", "clipmill", "make", *(str(FOLDER / name) for name in names))
    return subprocess.run(
        [*before, *command, "-o", str(folder), *WISH], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_no_other_file_is_opened_and_no_connection_made(ffmpeg: Path, tmp_path: Path) -> None:
    canary, trace = Path(EXPECTED["canary"]), tmp_path / "trace"
    if not canary.exists():
        make_silent_video(ffmpeg, canary)
    calls = "trace=open,openat,openat2,connect,sendto,sendmsg,bind"
    ran = make_all(REACHING, tmp_path / "clips", "strace", "-f", "-qq", "-e", calls, "-o", str(trace))
    seen = trace.read_text(errors="replace")
    assert ran.returncode == 1
    assert [said["source"] for said in json.loads(ran.stdout)["sources"]] == [
        str(FOLDER / name) for name in REACHING
    ]
    assert str(FOLDER / REACHING[0]) in seen, "the trace must show what is opened"
    assert str(canary) not in seen
    assert "AF_INET" not in seen


def test_nothing_changes_where_there_is_no_network(tmp_path: Path) -> None:
    alone = ("unshare", "-n")
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], check=False).returncode:
        pytest.skip("may not make a network namespace")
    names = [name for name in REACHING if VIDEOS[name].get("net")]
    ran = make_all([*names, "vfr.mp4"], tmp_path / "clips", *alone)
    codes = {said.get("error", {}).get("code") for said in json.loads(ran.stdout)["sources"]}
    assert codes == {"container-not-allowed", None}
    assert len(json.loads(ran.stdout)["clips"]) == 1


# --- texts and names ------------------------------------------------------------------------------


def test_no_text_breaks_a_clip_or_leaves_a_file(
    talk: Path, ffmpeg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    odd = [text for texts in CASES.values() for text in texts if text not in CASES["names"]]
    shares = [odd[number :: len(SENTENCES)] for number in range(len(SENTENCES))]
    words = []
    for (start, end, sentence), share in zip(SENTENCES, shares, strict=True):
        first, *rest = sentence.split()
        texts = [first, *share, *rest]
        step = (end - start) / len(texts)
        words += [
            {"word": text, "start": start + n * step, "end": start + (n + 0.9) * step}
            for n, text in enumerate(texts)
        ]
    Path("odd.json").write_text(json.dumps({"language": "en", "words": words}))
    wish = ("--transcript", "odd.json", "--min", "4", "--max", "12", "-n", "3", "--json", "-q")
    assert main(["make", str(talk), "-o", "clips", *wish]) == 0
    clips = json.loads(capsys.readouterr().out)["clips"]
    assert len(clips) >= 2
    for clip in clips:
        check_clip(clip, {}, ffmpeg)
        assert "RED" not in clip["title"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "odd.json"]


NAMES = CASES.get("names", [])


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_inside_the_folder(name: str, tmp_path: Path) -> None:
    folder = job_folder(Origin(name, Path("/videos") / Path(name).name), tmp_path)
    assert folder.parent == tmp_path
    folder.mkdir()
    assert folder.is_dir()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_no_file_is_refused_in_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["make", "-q", name]) in (2, 4)
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["-version.mp4", "%(title)s.mp4", "a\nb.mp4", "$(touch pwn).mp4", "a:b,c[d]=e'f.mp4", "{\\fs99}.mp4"],
)
def test_a_file_of_an_odd_name_becomes_clips(
    name: str, ffmpeg: Path, nobody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    make_silent_video(ffmpeg, Path("tiny.mp4"), seconds=1).rename(name)
    assert make(tmp_path / name, Path("clips"), "--transcript", nobody) == 0
    (clip,) = json.loads(capsys.readouterr().out)["clips"]
    check_clip(clip, {}, ffmpeg)
    assert sorted(os.listdir()) == sorted(["clips", "nobody.json", name])
    assert len(os.listdir("clips")) == 1
