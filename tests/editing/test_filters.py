"""The filter graph as text; what it does to pictures is tested in tests/media/test_encode.py."""

from dataclasses import replace
from fractions import Fraction

from clip_kit import ASS, edit_of
from clipmill.editing.filters import fit_size, graph, listen, sound, tap_size, tap_step
from clipmill.model import AudioStream, Box, Canvas, CropKey, Hdr, Layout, Media, Span, VideoStream

VIDEO = VideoStream(
    2, "h264", 1920, 1080, 1920, 1080, 0, Fraction(1), Fraction(30), False, False, None, "yuv420p", 0.0
)
MEDIA = Media("a.mp4", 1, "", "mov", 0.0, 60.0, VIDEO, AudioStream(3, "aac", 2, 48000, "en", 0.0))
STILL = edit_of(Span(1, 3), CropKey(1, 0.5, 0.5), size=(1080, 1920))
MOVING = edit_of(Span(1, 3), CropKey(1, 0.3, 0.5), CropKey(2, 0.5, 0.5), size=(1080, 1920))


def test_the_chosen_streams_are_read_by_their_numbers() -> None:
    text = graph(STILL, MEDIA).text
    assert "[0:2]" in text
    assert "[0:3]" in text


def test_a_still_window_needs_no_commands() -> None:
    drawing = graph(STILL, MEDIA)
    assert drawing.commands == ()
    assert "sendcmd" not in drawing.text
    assert "crop=608:1080:656:0" in drawing.text


def test_a_moving_window_is_scaled_first_and_then_moved() -> None:
    drawing = graph(MOVING, MEDIA, folder="scratch/")
    assert [name for name, _ in drawing.commands] == ["crop-0.txt"]
    assert "sendcmd=f=scratch/crop-0.txt,crop@w0=1080:1920" in drawing.text
    assert drawing.text.index("scale=") < drawing.text.index("sendcmd")


def test_without_captions_nothing_is_drawn() -> None:
    assert "ass=" not in graph(STILL, MEDIA).text
    assert "ass=x/cap.ass:fontsdir=x/fonts" in graph(replace(STILL, ass=ASS), MEDIA, folder="x/").text


def test_one_layout_needs_no_turns_and_several_are_exact_in_frames() -> None:
    assert "concat" not in graph(STILL, MEDIA).text
    mixed = edit_of(Span(1, 3), layouts=((1.0, Layout.FILL), (2.0, Layout.FIT)))
    text = graph(mixed, MEDIA).text
    assert "trim=start_frame=0:end_frame=30" in text
    assert "trim=start_frame=30:end_frame=60" in text
    assert "concat=n=2" in text


def test_only_what_a_source_needs_is_done_to_it() -> None:
    plain = graph(STILL, MEDIA).text
    assert "bwdif" not in plain
    assert "tonemap" not in plain
    assert "in_color_matrix" not in plain
    odd = replace(MEDIA, video=replace(VIDEO, interlaced=True, hdr=Hdr.HLG))
    assert "bwdif" in graph(STILL, odd).text
    assert "tonemap" in graph(STILL, odd).text


def test_unnamed_colours_of_an_hd_source_are_taken_for_bt709() -> None:
    unnamed = replace(VIDEO, colours_named=False)
    assert "in_color_matrix=bt709" in graph(STILL, replace(MEDIA, video=unnamed)).text
    small = replace(unnamed, width=640, height=360)
    assert "in_color_matrix" not in graph(STILL, replace(MEDIA, video=small)).text


def test_a_source_without_sound_gets_silence_of_the_right_length() -> None:
    assert sound(STILL, replace(MEDIA, audio=None)).startswith("anullsrc=")
    assert "atrim=end=2.000000" in sound(STILL, replace(MEDIA, audio=None))
    assert "atrim=end=2.500000" in listen(2.5)


def test_a_hardware_encoder_gets_its_pictures_uploaded() -> None:
    assert "range=tv,format=nv12,hwupload[picture]" in graph(STILL, MEDIA, upload="format=nv12,hwupload").text


def test_small_pictures_come_five_times_a_second() -> None:
    assert [tap_step(Fraction(rate)) for rate in (30, 25, 24, 2)] == [6, 5, 5, 1]
    assert tap_size(Canvas(1080, 1920, Fraction(30))) == (180, 320)
    assert tap_size(Canvas(1920, 1080, Fraction(30))) == (180, 102)
    assert graph(STILL, MEDIA).taps == 10


def test_a_fitted_picture_keeps_its_shape() -> None:
    canvas = Canvas(1080, 1920, Fraction(30))
    assert fit_size(canvas, VIDEO) == (1080, 608)
    assert fit_size(canvas, VIDEO, Box(0.2, 0, 0.5625, 1)) == (1080, 1080)
    assert fit_size(canvas, replace(VIDEO, display_width=500, display_height=2000)) == (480, 1920)
