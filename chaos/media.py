"""Short talks for the kills to happen to, and the clips that an unkilled run makes of them."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg

import clipmill

FFMPEG = Path(imageio_ffmpeg.get_ffmpeg_exe())
PORTRAIT = Path(clipmill.__file__).parent / "data" / "portrait.png"
SMALL = {"CLIPMILL_HEIGHT": "320", "CLIPMILL_PRESET": "ultrafast", "CLIPMILL_THREADS": "1"}
"""Clips of 180x320 in a hurry; one thread, because the bytes depend on the number of threads."""

LINES = (
    "Nobody tells you this, but the first ninety days decide everything.",
    "We lost two million dollars because I never asked one simple question.",
    "So what should you do when your best customer wants to leave?",
    "You call them, you listen, and you do not sell anything.",
)


@dataclass(frozen=True, slots=True)
class Talk:
    """A source, the words that go with it (empty: they are heard), and what is asked for."""

    source: Path
    words: str
    clips: Mapping[int, str]

    @property
    def options(self) -> dict[str, Any]:
        """The options of a job that makes its clips."""
        words = {"transcript": self.words} if self.words else {}
        return {"count": 2, "least": 2.0, "most": 5.0, **words}


def make_talks(folder: Path, *, written: int = 3, heard: bool = True) -> tuple[Talk, ...]:
    """Talks of 10 to 14 s; the last one has real speech and no words where test data is there.

    Each is run through ``clipmill make`` once, to know the SHA-256 of its clips by number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = [_written_talk(folder, number) for number in range(written)]
    speech = _recordings() / "podcast" / "podcast.opus"
    if heard and speech.exists():
        made.append(_heard_talk(folder, speech))
    return tuple(_with_reference(talk, folder / "reference") for talk in made)


def _recordings() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("CLIPMILL_TEST_DATA", beside)) / "speech"


def _written_talk(folder: Path, number: int) -> Talk:
    """A face that moves, noise where somebody speaks, and an SRT file with the words."""
    step, lines = 3.4, LINES[number % 2 : number % 2 + 3]
    spans = [(0.4 + place * step, place * step + step - 0.1) for place in range(len(lines))]
    seconds = spans[-1][1] + 0.4 + number
    srt = folder / f"talk-{number}.srt"
    blocks = [
        f"{n}\n{_time(a)} --> {_time(b)}\n{text}\n"
        for n, ((a, b), text) in enumerate(zip(spans, lines, strict=True), 1)
    ]
    srt.write_text("\n".join(blocks), encoding="utf-8")
    loud = "+".join(f"between(t,{start},{end})" for start, end in spans)
    sound = (
        "-f",
        "lavfi",
        "-i",
        f"anoisesrc=d={seconds}:c=pink:r=48000:a=0.3:seed={number},volume='0.001+({loud})':eval=frame",
    )
    return Talk(_film(srt.with_suffix(".mp4"), seconds, sound), str(srt), {})


def _heard_talk(folder: Path, speech: Path) -> Talk:
    sound = ("-ss", "31", "-t", "14", "-i", str(speech))
    return Talk(_film(folder / "talk-heard.mp4", 14.0, sound), "", {})


def _film(target: Path, seconds: float, sound: tuple[str, ...]) -> Path:
    picture = (
        f"color=c=0x40505c:s=320x180:r=25:d={seconds}[wall];[0:v]scale=-2:120[head];"
        "[wall][head]overlay=x='(W-w)/2+70*sin(2*PI*t/9)':y=H-h:shortest=0,format=yuv420p[v]"
    )
    head = ("-loop", "1", "-framerate", "25", "-t", str(seconds), "-i", str(PORTRAIT))
    codecs = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-t", str(seconds))
    graph = ("-filter_complex", picture, "-map", "[v]", "-map", "1:a")
    subprocess.run(
        [str(FFMPEG), "-v", "error", "-y", *head, *sound, *graph, *codecs, str(target)],
        check=True,
        timeout=120,
    )
    return target


def _with_reference(talk: Talk, folder: Path) -> Talk:
    words = ("--transcript", talk.words) if talk.words else ()
    manner = ("-n", "2", "--min", "2", "--max", "5", "-q")
    command = [sys.executable, "-m", "clipmill", "make", str(talk.source), "-o", str(folder), *words, *manner]
    env = {**os.environ, **SMALL}
    subprocess.run(command, check=True, timeout=300, env=env, stdout=subprocess.DEVNULL)
    clips = {
        json.loads(record.read_text())["rank"]: sha256(record.with_suffix(".mp4").read_bytes())
        for record in (folder / talk.source.stem).glob("clip-*.json")
    }
    return Talk(talk.source, talk.words, clips)


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def decodes(video: Path) -> bool:
    """Whether ffmpeg reads a file to its end without meeting damage."""
    command = [str(FFMPEG), "-v", "error", "-xerror", "-i", str(video), "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


def _time(seconds: float) -> str:
    whole, part = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{part:03}"
