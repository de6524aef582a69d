"""Functions that make sightings whose truth is known."""

from collections.abc import Callable

from clipmill.model import Box, Face, Frame, Sighting, Span

Place = tuple[float, float]
"""Centre x and width of a face."""


def face(x: float, width: float = 0.1, *, y: float = 0.4) -> Face:
    """A face by its centre, one and a half times as high as wide on a picture of 16:9."""
    height = width * 16 / 9 * 1.3
    return Face(Box(x - width / 2, y - height / 2, width, height), 0.99)


def sighting(
    seconds: float, *people: Callable[[float], Face | None], cuts: tuple[float, ...] = (), **more: object
) -> Sighting:
    """What is seen when each of the people is at the place that their function gives for the time."""
    times = [number / 5 for number in range(round(seconds * 5))]
    frames = []
    for time in times:
        faces = tuple(found for person in people if (found := person(time)) is not None)
        frames.append(Frame(time, faces, **more))  # type: ignore[arg-type]
    return Sighting(Span(0, seconds), tuple(frames), cuts, motion=tuple((0.0,) * 32 for _ in times))
