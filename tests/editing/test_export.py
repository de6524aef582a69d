"""Cues as files of text."""

from hypothesis import given
from hypothesis import strategies as st

from clipmill.editing.export import LINE, caption_lines, plain_text, srt, vtt
from clipmill.editing.timed_text import read_timed_text
from clipmill.model import Cue, Span, Transcript, Word


def _transcript(text: str, language: str = "en") -> Transcript:
    words = tuple(Word(word, place * 0.4, place * 0.4 + 0.35) for place, word in enumerate(text.split()))
    return Transcript(language, 1.0, 600.0, words, "test")


HARD = Cue(Span(3661.5, 3663.0), ((Word("a<b>&amp;", 3661.5, 3662.0),), (Word("-->", 3662.0, 3663.0),)))


def test_srt_counts_and_shows_milliseconds() -> None:
    assert srt([HARD]) == "1\n01:01:01,500 --> 01:01:03,000\na<b>&amp;\n->\n"


def test_vtt_escapes_its_special_characters() -> None:
    assert vtt([HARD]) == "WEBVTT\n\n01:01:01.500 --> 01:01:03.000\na&lt;b&gt;&amp;amp;\n--&gt;\n"


def test_no_cues_are_still_a_file() -> None:
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n"
    assert plain_text([]) == ""


def test_plain_text_has_a_line_for_each_sentence() -> None:
    cues = caption_lines(_transcript("One two three. " + "word " * 30 + "end. Last"))
    assert plain_text(cues) == "One two three.\n" + "word " * 30 + "end.\nLast\n"


def test_cues_end_with_sentences_and_pauses() -> None:
    words = (Word("Yes.", 0.0, 0.4), Word("And", 0.5, 0.7), Word("so", 2.0, 2.2))
    cues = caption_lines(Transcript("en", 1.0, 9.0, words, "test"))
    assert [(cue.span.start, cue.span.end) for cue in cues] == [(0.0, 0.4), (0.5, 0.7), (2.0, 2.2)]


def test_words_of_scripts_without_blanks_are_joined() -> None:
    cues = caption_lines(_transcript("今日 は いい 天気 です。", "ja"))
    assert plain_text(cues) == "今日はいい天気です。\n"


@given(st.lists(st.text("abcdefgh.", min_size=1, max_size=12), max_size=60))
def test_every_word_is_in_a_cue_of_at_most_two_lines_of_42_letters(texts: list[str]) -> None:
    transcript = _transcript(" ".join(texts))
    cues = caption_lines(transcript)
    assert tuple(word for cue in cues for line in cue.lines for word in line) == transcript.words
    for cue in cues:
        assert len(cue.lines) <= 2
        assert all(len(" ".join(word.text for word in line)) <= LINE for line in cue.lines)


def test_what_is_written_can_be_read_again() -> None:
    cues = caption_lines(_transcript("Hello <b>there</b> & you, friend."))
    words, _ = read_timed_text(vtt(cues))
    assert " ".join(word.text for word in words) == "Hello <b>there</b> & you, friend."
