"""Stretches of sentences that could be clips."""

from clipmill.editing.candidates import MOST_CANDIDATES, find_candidates
from clipmill.editing.sentences import split_sentences
from clipmill.model import Candidate, Word
from word_kit import plain_talk, spoken


def found(
    words: list[Word], *, least: float = 15.0, most: float = 60.0, duration: float = 0.0, language: str = "en"
) -> tuple[Candidate, ...]:
    sentences = split_sentences(words, language=language, longest=most)
    last = words[-1].end if words else 0.0
    return find_candidates(sentences, words, least=least, most=most, duration=duration or last)


def test_nothing_said_is_no_candidate() -> None:
    assert found([], duration=60.0) == ()


def test_candidates_keep_to_the_limits() -> None:
    lengths = [one.span.length for one in found(spoken(plain_talk(5)))]
    assert lengths
    assert min(lengths) >= 14.0
    assert max(lengths) <= 60.0


def test_a_source_shorter_than_least_is_one_candidate() -> None:
    (whole,) = found(spoken(["Hello there. I am short."]), duration=9.0)
    assert (whole.first, whole.last, whole.span.start, whole.span.end) == (0, 1, 0.0, 9.0)


def test_speech_that_is_too_sparse_or_too_dense_is_left_out() -> None:
    slow = spoken(["Well then. " * 4], each=2.5, gap=0.0)
    talk = spoken(plain_talk(1), start=30.0)
    fast = spoken(["Too much to hear at once. " * 30], start=120.0, each=0.1, gap=0.0)
    inside = found([*slow, *talk, *fast])
    assert inside
    assert all(one.span.end > 30.0 and one.span.start < 120.0 for one in inside)


def test_chinese_may_have_many_words_a_second() -> None:
    words = spoken(["今 天 很 好 。 " * 20], each=0.12, gap=0.0)
    assert found(words, least=3.0, most=8.0, language="zh")


def test_sparse_speech_still_gives_candidates() -> None:
    words = spoken(["Hello there.", "Here I am."], gap=20.0)
    assert found(words, least=15.0, most=60.0, duration=60.0)


def test_a_short_remark_in_a_long_silence_is_widened() -> None:
    (only,) = found(spoken(["Hello there."], start=14.0), duration=30.0)
    assert (only.first, only.last) == (0, 0)


def test_a_short_head_gives_clips_of_a_few_seconds() -> None:
    words = spoken(
        ["Nobody tells you this about money.", "I lost it all in one day.", "So what now, my friend?"]
    )
    assert found(words, least=3.0, most=8.0, duration=8.0)


def test_candidates_start_and_end_with_real_sentences_while_there_are_some() -> None:
    long = "and so it goes on and on and on and on " * 5
    words = spoken([f"First {long} end. Second is short. Third is {long} done. " * 2])
    sentences = split_sentences(words, language="en")
    candidates = find_candidates(sentences, words, least=5.0, most=60.0, duration=words[-1].end)
    assert candidates
    for one in candidates:
        assert words[sentences[one.first].first].text in {"First", "Second", "Third"}
        assert words[sentences[one.last].last].text.endswith(".")


def test_bare_captions_are_cut_where_their_splits_are() -> None:
    assert len(found(spoken(["word " * 400], gap=0.0))) > 5


def test_the_number_is_bounded() -> None:
    words = spoken(["One two three. " * 14_000], each=0.34, gap=0.0)
    assert len(found(words, least=15.0, most=180.0)) <= MOST_CANDIDATES * 1.2
