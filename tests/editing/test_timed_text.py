"""SRT and WebVTT as words."""

import pytest

from clipmill.editing.timed_text import NotTimedText, read_timed_text, spread

ROLLING = """WEBVTT
Kind: captions

00:00:00.160 --> 00:00:02.470 align:start position:0%

so<00:00:00.480><c> today</c><00:00:00.880><c> we</c>

00:00:02.470 --> 00:00:02.480
so today we


00:00:02.480 --> 00:00:04.000
so today we
talk<00:00:02.800><c> &amp;</c>

00:00:04.000 --> 00:00:05.000
talk &amp;
yes
"""


def _texts(text: str) -> str:
    return " ".join(word.text for word in read_timed_text(text)[0])


def test_scrolling_captions_give_each_word_once_with_its_own_time() -> None:
    words, exact = read_timed_text(ROLLING)
    assert exact
    assert [word.text for word in words] == ["so", "today", "we", "talk", "&", "yes"]
    assert [word.start for word in words] == [0.16, 0.48, 0.88, 2.48, 2.8, 4.0]


def test_words_of_a_line_share_its_time_by_their_letters() -> None:
    words, exact = read_timed_text("1\n00:00:01,000 --> 00:00:03,000\na bcd\n")
    assert not exact
    assert [(word.text, round(word.start, 2), round(word.end, 2)) for word in words] == [
        ("a", 1.0, 1.67),
        ("bcd", 1.67, 3.0),
    ]


def test_missing_blank_lines_and_odd_times_are_understood() -> None:
    text = "1\n0:01 --> 0:02\nHello\n2\n00:00:02.5 --> 00:00:03,25\nthere\r\n"
    words, _ = read_timed_text(text)
    assert [(word.text, word.start, word.end) for word in words] == [
        ("Hello", 1.0, 2.0),
        ("there", 2.5, 3.25),
    ]


def test_formatting_goes_and_every_other_character_stays() -> None:
    text = (
        "1\n00:00:00,000 --> 00:00:04,000\n"
        '{\\an8\\fs200}<font color="red">X</font> <script>1</script> \\N &lt; a{b}\n'
    )
    assert _texts(text) == "X <script>1</script> \\N &lt; a{b}"


def test_voices_become_speakers_and_noises_are_left_out() -> None:
    text = (
        "WEBVTT\n\n00:00.000 --> 00:02.000\n<v Ann Lee>Hello &lt;you&gt;\n\n"
        "00:02.000 --> 00:03.000\n[Music]\n"
    )
    words, _ = read_timed_text(text)
    assert [(word.text, word.speaker) for word in words] == [("Hello", "Ann Lee"), ("<you>", "Ann Lee")]


def test_marks_of_a_change_of_speaker_are_no_words() -> None:
    assert _texts("1\n00:00:00,000 --> 00:00:02,000\n>> Hello.\n- And you?\n") == "Hello. And you?"


@pytest.mark.parametrize(("text", "line"), [("", 1), ("hello\nworld", 1), ("1\n00:00:01 --> soon\nHi\n", 2)])
def test_other_text_is_refused_with_the_line(text: str, line: int) -> None:
    with pytest.raises(NotTimedText) as caught:
        read_timed_text(text)
    assert caught.value.line == line


def test_nothing_is_spread_over_nothing() -> None:
    assert spread("  ", 1.0, 2.0) == []
