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


def test_captions_that_overlap_are_read_one_after_the_other() -> None:
    text = (
        "1\n00:00:00,000 --> 00:00:04,000\none two three four\n\n"
        "2\n00:00:02,000 --> 00:00:06,000\nfive six seven eight\n"
    )
    words, _ = read_timed_text(text)
    assert [word.text for word in sorted(words, key=lambda word: word.start)] == [
        *("one", "two", "three", "four", "five", "six", "seven", "eight")
    ]
    assert words[3].end == pytest.approx(2.0)


def test_captions_shown_at_once_and_captions_shown_twice_lose_and_double_nothing() -> None:
    text = (
        "1\n00:00:00,000 --> 00:00:02,000\nHello there.\n\n2\n00:00:00,000 --> 00:00:02,000\nWho is it?\n\n"
        "3\n00:00:02,000 --> 00:00:04,000\nIt is me.\n\n4\n00:00:02,500 --> 00:00:04,000\nIt is me.\n\n"
        "5\n00:00:05,000 --> 00:00:06,000\nIt is me.\n"
    )
    assert _texts(text) == "Hello there. Who is it? It is me. It is me."


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[Applause] Thank you", "Thank you"),
        ("Thank you [laughs] all", "Thank you all"),
        ("(laughing) No way", "No way"),
        ("the CPU (central processing unit)", "the CPU (central processing unit)"),
        ("(door opens)", ""),
        ("♪ la la la\nla la ♪\nHi", "Hi"),
        ("# Oh what a night #", ""),
        ("well [ __ ] happens", "well happens"),
        ("-5 degrees", "-5 degrees"),
        ("—Hola. ¿Qué tal?", "Hola. ¿Qué tal?"),
        ("-Hi.\n-Hello.", "Hi. Hello."),
    ],
)
def test_what_nobody_says_is_left_out(line: str, said: str) -> None:
    assert _texts(f"1\n00:00:00,000 --> 00:00:02,000\n{line}\n") == said


def test_labels_of_who_speaks_hold_until_the_next_one() -> None:
    lines = (
        "ANNA LEE: Good morning.",
        "How are you?",
        "BOB: Fine.",
        ">> Me too.",
        "ANNA LEE: Good.",
        "BOB: Yes.",
    )
    cues = [f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\n{line}\n" for n, line in enumerate(lines, 1)]
    words, _ = read_timed_text("\n".join(cues))
    said = [(word.text, word.speaker) for word in words]
    assert said[:5] == [
        *(("Good", "ANNA LEE"), ("morning.", "ANNA LEE"), ("How", "ANNA LEE"), ("are", "ANNA LEE")),
        ("you?", "ANNA LEE"),
    ]
    assert said[5:8] == [("Fine.", "BOB"), ("Me", ""), ("too.", "")]


def test_a_colon_after_a_word_in_capitals_is_no_label_by_itself() -> None:
    assert _texts("1\n00:00:00,000 --> 00:00:02,000\nNASA: we go.\n") == "NASA: we go."
    shouted = "\n".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\nREMEMBER: NEVER STOP\n" for n in (1, 2, 3))
    assert _texts(shouted).startswith("REMEMBER: NEVER")


def test_two_voices_in_one_caption_are_told_apart() -> None:
    words, _ = read_timed_text("WEBVTT\n\n00:00.000 --> 00:02.000\n<v Ann>Hi\n<v Bob>Hello\n")
    assert [(word.text, word.speaker) for word in words] == [("Hi", "Ann"), ("Hello", "Bob")]


def test_entities_are_letters_in_webvtt() -> None:
    head = "WEBVTT\n\n00:00.000 --> 00:02.000\n"
    assert _texts(head + "&gt;&gt; Don&#39;t &quot;stop&quot;&nbsp;now\n") == 'Don\'t "stop" now'


def test_blocks_that_are_no_captions_are_passed_over() -> None:
    text = (
        "WEBVTT\n\nSTYLE\n::cue { color: red }\n\nNOTE a remark\nof two lines\n\n"
        "intro\n00:00.000 --> 00:02.000 line:0 position:50%\nHi\n"
    )
    assert _texts(text) == "Hi"


def test_writing_without_spaces_is_taken_apart() -> None:
    words, _ = read_timed_text("1\n00:00:00,000 --> 00:00:03,000\n我用iPhone，很好。\n")
    assert [word.text for word in words] == ["我", "用", "iPhone，", "很", "好。"]
