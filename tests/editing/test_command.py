"""The arguments of one run."""

from fractions import Fraction

import pytest

from clip_kit import edit_of
from clipmill.editing.command import (
    Encoder,
    Encoding,
    device_arguments,
    encode_arguments,
    picture_arguments,
    seek_arguments,
    upload_filter,
)
from clipmill.editing.filters import Graph
from clipmill.model import Canvas, Span

CANVAS = Canvas(1080, 1920, Fraction(30))
PLAIN = Encoding()


def arguments(encoding: Encoding = PLAIN) -> tuple[str, ...]:
    drawing = Graph("", (), 10, 180, 320)
    source = ("-i", "file:talk.mp4")
    edit = edit_of(Span(7.5, 9.5))
    return encode_arguments(
        edit, drawing, source=source, graph_file="graph.txt", target="a.mp4", encoding=encoding
    )


def after(option: str, given: tuple[str, ...]) -> str:
    return given[given.index(option) + 1]


def test_the_clip_is_sought_a_little_before_its_first_frame() -> None:
    assert seek_arguments(Span(7.5, 9.5), 2.0) == ("-ss", "7.498000", "-t", "2.500000")
    assert seek_arguments(Span(0.0, 2.0), 2.0)[1] == "0.000000"


def test_length_is_bound_on_the_output_by_time_and_by_frames() -> None:
    output = arguments()[arguments().index("[sound]") :]
    assert after("-frames:v", output) == "60"
    assert after("-t", output) == "2.000000"


def test_the_clip_carries_nothing_but_picture_and_sound() -> None:
    given = arguments()
    assert after("-map_metadata", given) == after("-map_chapters", given) == "-1"
    assert {"-sn", "-dn"} <= set(given)
    assert after("-movflags", given) == "+faststart"


def test_x264_is_the_default_with_closed_short_gops() -> None:
    given = picture_arguments(Encoding(), CANVAS)
    assert after("-c:v", given) == "libx264"
    assert after("-preset", given) == "veryfast"
    assert after("-crf", given) == "18"
    assert after("-g", given) == "60"
    assert after("-maxrate", given) == "12M"
    assert "-threads" not in given
    assert after("-threads", picture_arguments(Encoding(threads=3), CANVAS)) == "3"


@pytest.mark.parametrize("encoder", Encoder)
def test_every_encoder_has_a_quality_and_the_high_profile(encoder: Encoder) -> None:
    given = picture_arguments(Encoding(encoder=encoder), CANVAS)
    assert after("-c:v", given) == encoder.value
    assert after("-profile:v", given) == "high"
    assert {"-crf", "-cq", "-q:v", "-global_quality", "-qp", "-qp_i"} & set(given)


def test_only_vaapi_opens_a_device_and_uploads() -> None:
    with_device = [encoder for encoder in Encoder if device_arguments(encoder) or upload_filter(encoder)]
    assert with_device == [Encoder.VAAPI]
    assert "-vaapi_device" in arguments(Encoding(encoder=Encoder.VAAPI))
