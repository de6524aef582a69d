"""How well the window keeps faces, how calm it is, how exact its jumps are, and what looking costs."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from bench.contact_sheet import FFMPEG, clip_rate, pictures, place_at, reframed, shown_at
from bench.places import DATA, TOOLS
from bench.table import Row
from bench.yunet import Yunet
from clipmill.editing import tracks
from clipmill.media import asking, shots
from clipmill.media import look as looking
from clipmill.media.launcher import Child, Command
from clipmill.media.probe import probe
from clipmill.model import Box, Face, Frame, Framing, Layout, Media, Sighting, Span

WITH_FACES = (
    "debate_split2_a.avi",
    "screen_plus_webcam.mp4",
    "single_face_moving_silent.mp4",
    "stage_white_house.mp4",
    "talking_head_a.mp4",
    "talking_head_b.mp4",
    "noface_then_face_hevc_vfr.mov",
    "two_people_wide_bw.mp4",
)
"""Those in which a 9:16 window has a choice and somebody is to be seen."""

SEATED = ("debate_split2_a.avi", "screen_plus_webcam.mp4", "talking_head_a.mp4", "talking_head_b.mp4")

JUDGED_RATE = 10
MARGIN = 0.02
"""Share of the window's side that a face may stand out, as in tools/measure_clip.py."""

ALIKE = 0.6
"""A face of which there is this much (height times duration), against the one of which there is most, is as
good to show."""

MOVING = 0.005
"""Shares of the frame's width a second from which on the window counts as moving."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was measured on one video."""

    name: str
    faces: int
    inside: int
    still: float
    moves: float
    reversals: float
    fastest: float
    cpu: float
    seconds: float
    fitted: float
    """Share of the time in which the whole picture is shown."""

    allowed: float
    """Processor seconds a clip second that looking may cost: 0.22, and 0.5 in all for each cut."""


def measure() -> list[Row]:
    """The rows of the benchmark's table; none without the shared recordings."""
    folder = DATA / "video"
    if not folder.is_dir():
        return []
    judged = [judge(folder / name) for name in WITH_FACES]
    shares = [video.inside / max(1, video.faces) for video in judged]
    mean = sum(video.inside for video in judged) / sum(video.faces for video in judged)
    worst = min(shares)
    fitted = sum(video.fitted * video.faces for video in judged) / sum(video.faces for video in judged)
    seated = min(video.still for video in judged if video.name in SEATED)
    rows = [
        Row("face whole inside, mean", f"{mean:.1%} ({fitted:.0%} of it fitted)", ">= 96.5 %", mean >= 0.965),
        Row("face whole inside, worst video", f"{worst:.1%}", ">= 95 %", worst >= 0.95),
        Row("still, seated speakers, worst", f"{seated:.0%}", ">= 90 %", seated >= 0.9),
    ]
    for what, values, target, limit in (
        ("moves a minute, all together", [v.moves * v.seconds for v in judged], "<= 12", 12.0),
        ("reversals a minute, all together", [v.reversals * v.seconds for v in judged], "<= 6", 6.0),
    ):
        rate = sum(values) / sum(video.seconds for video in judged)
        rows.append(Row(what, f"{rate:.1f}", target, rate <= limit))
    over = max(judged, key=lambda video: video.cpu / video.allowed)
    seen, target = f"{over.cpu:.2f} CPU-s a clip second", f"<= {over.allowed:.2f}"
    rows.append(Row("cost of looking, worst", seen, target, over.cpu <= over.allowed))
    still = min(video.still for video in judged)
    rows.append(Row("still, worst", f"{still:.0%}", ">= 60 %", still >= 0.6))
    return rows


def judge(source: Path, *, aspect: Fraction = Fraction(9, 16), sighting: Sighting | None = None) -> Judged:
    """Frame one video and judge it on its own frames with another detector."""
    with tempfile.TemporaryDirectory() as folder:
        media = probe(source, cwd=Path(folder))
        span = Span(0, min(media.duration, 60))
        with _cpu_seconds() as used:
            found = sighting or looking.look(FFMPEG, source, media, span, cwd=Path(folder))
    framing = reframed(media, found, aspect=aspect)
    faces, inside = faces_inside(framing, found, judged_frames(source, media, found.span))
    return Judged(
        source.name, faces, inside, *calm(framing, found, clip_rate(media)), used() / found.span.length,
        found.span.length, _fitted(framing) / found.span.length,
        0.22 + 0.5 * len(found.cuts) / found.span.length,
    )  # fmt: skip


def _fitted(framing: Framing) -> float:
    return sum(scene.span.length for scene in framing.scenes if scene.layout is Layout.FIT)


def judged_frames(source: Path, media: Media, span: Span) -> tuple[Frame, ...]:
    """The faces that the judge sees in the frames of the clip."""
    rate = clip_rate(media)
    judge_of = Yunet(TOOLS / "yunet.onnx")
    wide, high = media.video.display_width, media.video.display_height
    scale = min(1.0, 640 / max(wide, high))
    frames = pictures(source, media, span, rate, (round(wide * scale / 2) * 2, round(high * scale / 2) * 2))
    step = max(1, round(rate / JUDGED_RATE))
    seen = [
        Frame(span.start + number / float(rate), tuple(_face(row) for row in judge_of.find(frames[number])))
        for number in range(0, len(frames), step)
    ]
    return tuple(seen)


def faces_inside(framing: Framing, sighting: Sighting, judged: Sequence[Frame]) -> tuple[int, int]:
    """Judged frames that hold a face to show, and those of them that show one whole.

    The faces to show are, shot by shot, those that the judge saw most of: the largest for longest.
    """
    held = shown = 0
    for shot in tracks.shots(sighting):
        for at, faces in to_show(tracks.frames_of(shot, judged)):
            held += 1
            window = shown_at(framing, at)
            shown += any(_whole(face.box, window) for face in faces)
    return held, shown


def to_show(frames: Sequence[Frame]) -> list[tuple[float, list[Face]]]:
    """The times of one shot at which a main face is there, and those faces."""
    people = tracks.join_faces(frames)
    if not people:
        return []
    much = {person.id: sum(face.box.height for _, face in person.faces) for person in people}
    main = [person for person in people if much[person.id] >= ALIKE * max(much.values())]
    times = sorted({time for person in main for time, _ in person.faces})
    return [(at, [face for person in main for time, face in person.faces if time == at]) for at in times]


def _face(row: np.ndarray) -> Face:
    return Face(Box(*(float(side) for side in row[:4])), float(row[4]))


def _whole(face: Box, window: tuple[float, ...]) -> bool:
    left, top, right, bottom = window
    across, down = MARGIN * (right - left), MARGIN * (bottom - top)
    x0, y0 = max(0.0, face.x), max(0.0, face.y)
    x1, y1 = min(1.0, face.x + face.width), min(1.0, face.y + face.height)
    return bool(x0 >= left - across and x1 <= right + across and y0 >= top - down and y1 <= bottom + down)


def calm(framing: Framing, sighting: Sighting, rate: Fraction) -> tuple[float, float, float, float]:
    """Share of still frames, moves and reversals a minute, and the fastest move in widths a second."""
    step = 1 / float(rate)
    times = sighting.span.start + np.arange(int(sighting.span.length * rate)) * step
    places = np.array([place_at(framing.path, float(time)) for time in times])
    cuts = [key.time - sighting.span.start for key in framing.path.keys if key.cut]
    jumps = {int(np.ceil(cut / step - 1e-6)) for cut in cuts}
    shift = np.diff(places, axis=0)
    axis = int(np.abs(shift).sum(0).argmax())
    speed = shift[:, axis] / step
    speed[[at - 1 for at in jumps if 0 < at <= len(speed)]] = 0
    moving = np.abs(speed) > MOVING
    starts = int((moving[1:] & ~moving[:-1]).sum() + moving[0])
    directions = np.sign(speed[moving])
    minutes = sighting.span.length / 60
    return (
        1 - float(moving.mean()), starts / minutes, int((np.diff(directions) != 0).sum()) / minutes,
        float(np.abs(speed).max()),
    )  # fmt: skip


@contextmanager
def _cpu_seconds() -> Iterator[Callable[[], float]]:
    """Count the processor time of every child that looking starts, and our own."""
    children: list[Child] = []
    doors = [(module, module.launch) for module in (looking, shots, asking)]

    def counted(command: Command, *, stdin: int | None = None, stdout: int | None = None) -> Child:
        children.append(doors[0][1](command, stdin=stdin, stdout=stdout))
        return children[-1]

    start = time.process_time()
    for module, _ in doors:
        module.launch = counted  # type: ignore[attr-defined]
    try:
        yield lambda: own + sum(child.cpu_s for child in children)
    finally:
        own = time.process_time() - start
        for module, launch in doors:
            module.launch = launch  # type: ignore[attr-defined]


if __name__ == "__main__":
    for row in measure():
        print(f"{row.what:50} {row.seen:>10} {row.target:>10} {'yes' if row.reached else 'NO'}")
