"""Hostile, broken and odd files: each is judged as its maker says, and none reaches beyond itself."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clipmill.errors import SourceError
from clipmill.media.probe import probe
from media_kit import make_silent_video

FOLDER = (
    Path(os.environ.get("CLIPMILL_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "badmedia"
)
EXPECTED: dict[str, Any] = (
    json.loads((FOLDER / "expected.json").read_text()) if FOLDER.is_dir() else {"files": {}, "canary": ""}
)
VIDEOS = {name: said for name, said in EXPECTED["files"].items() if not name.endswith(".srt")}
ALIKE = {"truncated-media", "corrupt-media"}
"""Where a file is both, either name is right."""

pytestmark = pytest.mark.skipif(not VIDEOS, reason="needs the shared test data (set CLIPMILL_TEST_DATA)")


def verdict(source: Path, cwd: Path) -> tuple[str, set[str]]:
    """``reject`` with its code, or ``accept`` with its warnings."""
    refused = None
    try:
        warnings = probe(source, cwd=cwd).warnings
    except SourceError as error:
        refused = error
    if refused is None:
        return "accept", set(warnings)
    assert refused.message.endswith(".")
    for ugly in ("Traceback", "/", "\n", "ffmpeg version", "Error"):
        assert ugly not in refused.message
    return "reject", {refused.code}


def children_of_the_launcher() -> list[str]:
    from clipmill.media.launcher import _launcher

    folder = Path(f"/proc/{_launcher._pid}/task/{_launcher._pid}/children")
    return folder.read_text().split() if _launcher._pid and folder.exists() else []


@pytest.mark.parametrize("name", VIDEOS)
def test_a_file_is_judged_as_its_maker_says(name: str, tmp_path: Path) -> None:
    said = VIDEOS[name]
    judged, codes = verdict(FOLDER / name, tmp_path)
    right = {said["code"]} | (ALIKE if said["code"] in ALIKE else set()) if "code" in said else set()
    match said["verdict"]:
        case "reject":
            assert judged == "reject"
            assert codes & right
        case "accept":
            assert judged == "accept"
            assert codes <= {"no-audio-stream"}, "a sound file is not to be called damaged"
        case _:
            assert codes & right
    assert children_of_the_launcher() == []
    assert list(tmp_path.iterdir()) == []


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


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_no_other_file_is_opened_and_no_connection_made(ffmpeg: Path, tmp_path: Path) -> None:
    names = [name for name, said in VIDEOS.items() if said.get("canary") or said.get("net")]
    canary = Path(EXPECTED["canary"])
    if not canary.exists():
        make_silent_video(ffmpeg, canary)
    code = (
        "import sys\nfrom pathlib import Path\nfrom clipmill.errors import SourceError\n"
        "from clipmill.media.probe import probe\n"
        "for name in sys.argv[2:]:\n"
        "    try: probe(Path(name), cwd=Path(sys.argv[1]))\n"
        "    except SourceError: print(name)\n"
    )
    trace = tmp_path / "trace"
    ran = subprocess.run(
        [
            *("strace", "-f", "-qq", "-e", "trace=open,openat,openat2,connect,sendto", "-o", str(trace)),
            *(sys.executable, "-c", code, str(tmp_path), *(str(FOLDER / name) for name in names)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    seen = trace.read_text(errors="replace")
    assert len(ran.stdout.split()) == len(names)
    assert str(FOLDER / names[0]) in seen, "the trace must show what is opened"
    assert str(canary) not in seen
    assert "AF_INET" not in seen
