"""Faces of single frames joined into one track per person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from clipmill.model import Face, Frame, Sighting, Span, Track

LEAST_HITS = 3
"""Hits in a row that make a face: what the detector sees in one or two samples only is mostly none."""

LEAST_HEIGHT = 0.025
"""Smallest face that counts, as a share of the frame's height."""

LONGEST_GAP_S = 1.2
"""A face that comes back at the same place within this time is the same person."""


def shots(sighting: Sighting) -> tuple[Span, ...]:
    """The stretches between the cuts; together they are the whole span."""
    inner = sorted({cut for cut in sighting.cuts if sighting.span.start < cut < sighting.span.end})
    edges = [sighting.span.start, *inner, sighting.span.end]
    return tuple(Span(start, end) for start, end in pairwise(edges))


def frames_of(shot: Span, frames: Iterable[Frame]) -> tuple[Frame, ...]:
    """The sampled frames of one shot."""
    return tuple(frame for frame in frames if shot.start - 1e-6 <= frame.time < shot.end)


def join_faces(frames: Sequence[Frame]) -> tuple[Track, ...]:
    """One track per person in the frames of one shot, without those that are likely no faces."""
    open_tracks: list[_Growing] = []
    for number, frame in enumerate(frames):
        faces = [face for face in frame.faces if face.box.height >= LEAST_HEIGHT]
        pairs = sorted(
            ((_distance(track, face, frame.time), place, at) for place, track in enumerate(open_tracks)
             for at, face in enumerate(faces)),
        )  # fmt: skip
        taken: set[int] = set()
        grown: set[int] = set()
        for distance, place, at in pairs:
            if distance <= 1 and place not in grown and at not in taken:
                open_tracks[place].add(number, frame.time, faces[at])
                grown.add(place)
                taken.add(at)
        new = [face for at, face in enumerate(faces) if at not in taken]
        open_tracks += [_Growing([(number, frame.time, face)]) for face in new]
    needed = min(LEAST_HITS, len(frames))
    real = [track for track in open_tracks if track.longest_run >= needed]
    return tuple(Track(number, track.faces) for number, track in enumerate(real))


@dataclass(slots=True)
class _Growing:
    hits: list[tuple[int, float, Face]] = field(default_factory=list)

    def add(self, number: int, time: float, face: Face) -> None:
        self.hits.append((number, time, face))

    @property
    def faces(self) -> tuple[tuple[float, Face], ...]:
        return tuple((time, face) for _, time, face in self.hits)

    @property
    def longest_run(self) -> int:
        best = run = 1
        for (before, _, _), (number, _, _) in pairwise(self.hits):
            run = run + 1 if number == before + 1 else 1
            best = max(best, run)
        return best


def _distance(track: _Growing, face: Face, time: float) -> float:
    """How unlike the face is to the last one of the track; 1 is the limit for the same person.

    A face moves at most its own width between samples, a little more after a gap, and keeps its size.
    """
    _, seen, last = track.hits[-1]
    gap = time - seen
    if gap > LONGEST_GAP_S + 1e-6:
        return float("inf")
    size = max(last.box.width, face.box.width)
    ratio = size / max(1e-6, min(last.box.width, face.box.width))
    if ratio > 2:
        return float("inf")
    across = abs(last.box.centre_x - face.box.centre_x) / size
    down = abs(last.box.centre_y - face.box.centre_y) / max(last.box.height, face.box.height)
    return max(across, down) / (1 + 0.5 * min(gap, 1.0))
