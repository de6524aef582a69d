"""Make the sample talk: two voices, one moving face, known cuts, words and face boxes."""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import IO

import numpy as np
import portrait
import room
import timeline
from numpy.typing import NDArray
from timeline import FRAME, Shot, Word

FPS = 30
TRUTH_FPS = 10
"""How often the truth file says where the face is."""
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Talk:
    """Everything that a frame needs to know: shots, words, and the loudness of each voice frame by frame."""

    shots: tuple[Shot, ...]
    words: tuple[Word, ...]
    loudness: dict[str, NDArray[np.float32]]

    @property
    def frames(self) -> int:
        """How many frames the talk has."""
        return len(self.loudness["nora"])


def main() -> int:
    """Write the sample and, beside it, what is true about it; a whole sample is left as it is."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("video", type=Path, help="the video to write")
    asked.add_argument("--ffmpeg", required=True, help="the ffmpeg program")
    options = asked.parse_args()
    video: Path = options.video
    if not video.exists():
        video.parent.mkdir(parents=True, exist_ok=True)
        make(video, options.ffmpeg)
    return 0


def make(video: Path, ffmpeg: str) -> None:
    """Sound, then pictures straight into ffmpeg; the video gets its name last, so what has it is whole."""
    import voices  # loading the voices takes seconds: not for a sample that is there

    turns = timeline.parse((HERE / "dialogue.txt").read_text(encoding="utf-8"))
    sound, words = voices.speak(turns)
    shots = timeline.shots(turns, words, len(sound) / voices.RATE)
    talk = Talk(shots, words, _loudness(sound, voices.RATE, words))
    spoken, part = video.with_suffix(".part.wav"), video.with_suffix(".part.mp4")
    _save_sound(spoken, sound, voices.RATE)
    _encode(ffmpeg, talk, spoken, part)
    spoken.unlink()
    video.with_suffix(".words.json").write_text(voices.words_as_json(words), encoding="utf-8")
    video.with_suffix(".truth.json").write_text(truth(talk), encoding="utf-8")
    os.replace(part, video)


def truth(talk: Talk) -> str:
    """The text of the truth file: duration, cuts, shots, and the face ten times a second (null on slides)."""
    duration = talk.shots[-1].end
    times = [number / TRUTH_FPS for number in range(int(duration * TRUTH_FPS))]
    faces = [timeline.face(_shot_at(talk.shots, at), at) for at in times]
    return json.dumps(
        {
            "duration": round(duration, 3),
            "frame": FRAME,
            "cuts": [round(shot.start, 3) for shot in talk.shots[1:]],
            "shots": [
                {"start": round(s.start, 3), "end": round(s.end, 3), "shows": "slide" if s.slide else s.size}
                for s in talk.shots
            ],
            "faces_fps": TRUTH_FPS,
            "faces": [face and [round(side, 4) for side in face] for face in faces],
        }
    )


def _loudness(sound: NDArray[np.float32], rate: int, words: Sequence[Word]) -> dict[str, NDArray[np.float32]]:
    """For each speaker, 0 to 1 for every frame: how loud, and 0 where the other speaks."""
    frames = ceil(len(sound) / rate * FPS)
    padded = np.zeros(frames * rate // FPS, np.float32)
    padded[: len(sound)] = sound[: len(padded)]
    level = np.sqrt(np.mean(padded.reshape(frames, -1) ** 2, axis=1))
    level = np.clip((level - 0.012) / 0.15, 0, 1) ** 0.7
    level = np.convolve(level, [0.25, 0.5, 0.25], "same")
    own = {name: np.zeros(frames, np.float32) for name in ("nora", "joe")}
    for word in words:
        first, last = int(word.start * FPS) - 1, int(word.end * FPS) + 2
        own[word.speaker][max(0, first) : last] = level[max(0, first) : last]
    return own


def _save_sound(path: Path, sound: NDArray[np.float32], rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype("<i2").tobytes())


def _encode(ffmpeg: str, talk: Talk, spoken: Path, out: Path) -> None:
    size = f"{FRAME[0]}x{FRAME[1]}"
    raw = f"-f rawvideo -pix_fmt yuv420p -s {size} -r {FPS} -i pipe:0"
    picture = f"-c:v libx264 -preset ultrafast -qp 24 -g {5 * FPS} -pix_fmt yuv420p"
    colours = "-colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv"
    tail = "-c:a aac -b:a 128k -ar 48000 -movflags +faststart"
    command = [ffmpeg, "-hide_banner", "-loglevel", "error", "-y", *raw.split(), "-i", str(spoken)]
    command += [*picture.split(), *colours.split(), *tail.split(), str(out)]
    # A pipe that breaks means that ffmpeg gave up: it has said why, and its exit code is looked at below.
    with subprocess.Popen(command, stdin=subprocess.PIPE) as running, contextlib.suppress(BrokenPipeError):
        _feed(running.stdin, talk)
    if running.returncode:
        raise SystemExit(f"ffmpeg could not write {out} (exit code {running.returncode})")
    print("\rsample video: done ", file=sys.stderr)


def _feed(pipe: IO[bytes] | None, talk: Talk) -> None:
    assert pipe is not None
    for number, frame in enumerate(frames(talk)):
        pipe.write(frame)
        if number % (10 * FPS) == 0:
            print(f"\rsample video: {100 * number // talk.frames} %", end="", file=sys.stderr, flush=True)
    pipe.close()


def frames(talk: Talk) -> Iterator[memoryview]:
    """Every frame as the bytes of yuv420p, always in the same memory."""
    width, height = FRAME
    memory = np.empty(width * height * 3 // 2, np.uint8)
    luma = memory[: width * height].reshape(height, width)
    blue, red = memory[width * height :].reshape(2, height // 2, width // 2)
    canvas = room.Still(luma, blue, red)
    guest = portrait.Portrait(_picture())
    for number in range(talk.frames):
        shot = _shot_at(talk.shots, number / FPS)
        if shot.slide:
            _paint_slide(canvas, shot, talk, number)
        else:
            _paint_guest(canvas, shot, talk, number, guest)
        yield memory.data


def _paint_slide(canvas: room.Still, shot: Shot, talk: Talk, number: int) -> None:
    now = number / FPS
    numbers = [
        w.start for w in talk.words if shot.start <= w.start <= now and w.text in ("One.", "Two.", "Three.")
    ]
    _copy(canvas, room.slide(shot.size, len(numbers)))
    if shot.size == "title":
        room.bars(room.TITLE_METER, _recent(talk, "joe", number), canvas.luma)


def _paint_guest(canvas: room.Still, shot: Shot, talk: Talk, number: int, guest: portrait.Portrait) -> None:
    screen = None
    if shot.size == "wide":
        screen = "left" if shot.place > 0.6 else "right"
    behind = room.room(shot.size, screen)
    _copy(canvas, behind)
    pose = _pose(shot, talk, number)
    left = round(timeline.middle(shot, number / FPS) * FRAME[0] - portrait.MIDDLE * pose.scale)
    _blend(canvas, guest.pieces(pose), left - left % 2, round(timeline.floor_px(shot.size)))
    desk = room.DESK_TOP[shot.size]
    canvas.luma[desk:] = behind.luma[desk:]
    canvas.blue[desk // 2 :] = behind.blue[desk // 2 :]
    canvas.red[desk // 2 :] = behind.red[desk // 2 :]
    if screen:
        room.bars(room.screen_meter(screen), _recent(talk, "joe", number), canvas.luma)


def _pose(shot: Shot, talk: Talk, number: int) -> portrait.Pose:
    now, loud = number / FPS, talk.loudness["nora"]
    slow = float(np.mean(loud[max(0, number - 5) : number + 5]))
    return portrait.Pose(
        scale=timeline.SIZES[shot.size],
        mouth=round(float(loud[number]) * (portrait.MOUTHS - 1)),
        blink=now % 4.1 < 0.13 or now % 9.7 < 0.12,
        lean=timeline.lean(shot, now),
        nod=timeline.nod(now, slow),
    )


def _blend(canvas: room.Still, pieces: Sequence[portrait.Piece], left: int, top: int) -> None:
    """Lay the guest over the frame; what hangs over the frame's edges is left out."""
    for piece in pieces:
        x, y = left + piece.left, top + piece.top
        _lay(canvas.luma, piece.luma, piece.cover, x, y)
        for plane, own in ((canvas.blue, piece.blue), (canvas.red, piece.red)):
            _lay(plane, own, piece.half_cover, x // 2, y // 2)


def _lay(under: portrait.Plane, over: portrait.Plane, cover: portrait.Plane, left: int, top: int) -> None:
    x0, x1 = max(0, left), min(under.shape[1], left + over.shape[1])
    y1 = min(under.shape[0], top + over.shape[0])
    target = under[top:y1, x0:x1]
    cut = (slice(0, y1 - top), slice(x0 - left, x1 - left))
    # Seven bits of cover times the range of video fit into 16 bits, which halves the work.
    mixed = over[cut].astype(np.int16)
    mixed -= target
    mixed *= (cover[cut] >> 1) + (cover[cut] >> 7)
    mixed >>= 7
    target += mixed.astype(np.uint8)


def _copy(canvas: room.Still, still: room.Still) -> None:
    np.copyto(canvas.luma, still.luma)
    np.copyto(canvas.blue, still.blue)
    np.copyto(canvas.red, still.red)


def _recent(talk: Talk, speaker: str, number: int) -> list[float]:
    levels = talk.loudness[speaker]
    return [float(levels[max(0, number - age)]) for age in range(room.BARS, -1, -1)]


def _shot_at(shots: Sequence[Shot], at: float) -> Shot:
    return next((shot for shot in shots if at < shot.end), shots[-1])


def _picture() -> Path:
    """The portrait inside the scikit-image package, which is not imported."""
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise SystemExit("scikit-image is missing: install demo/requirements.lock")
    return Path(spec.origin).parent / "data" / "astronaut.png"


if __name__ == "__main__":
    sys.exit(main())
