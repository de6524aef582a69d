"""Transcripts from files."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from clipmill.errors import SourceError
from clipmill.media.captions import read_transcript, write_transcript_json
from clipmill.model import Transcript, Word


def _file(folder: Path, name: str, content: str | bytes | dict[str, Any] | list[Any]) -> Path:
    path = folder / name
    if isinstance(content, dict | list):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _read(folder: Path, name: str, content: Any, duration: float = 60.0) -> Transcript:
    return read_transcript(_file(folder, name, content), duration=duration)


def test_our_own_json_comes_back_as_it_was(tmp_path: Path) -> None:
    words = (Word("Hé,", 0.5, 0.9, 0.81, "A"), Word('"you"', 1.0, 1.4, 0.5))
    whole = Transcript("fr", 0.9, 60.0, words, "whisper base")
    again = _read(tmp_path, "t.json", write_transcript_json(whole))
    assert (again.words, again.language, again.duration) == (words, "fr", 60.0)
    assert again.by == "file t.json"


def test_whisper_segments_with_words_are_read(tmp_path: Path) -> None:
    words = [{"word": " Hello", "start": 0.0, "end": 0.4, "probability": 0.7}, {"word": " 7", "score": 0.2}]
    segment = {"start": 0.0, "end": 1.0, "text": " Hello 7", "words": words, "speaker": "S1"}
    read = _read(tmp_path, "w.json", {"text": "x", "segments": [segment], "language": "en"})
    assert [(word.text, word.start, word.speaker) for word in read.words] == [
        ("Hello", 0.0, "S1"),
        ("7", 0.4, "S1"),
    ]
    assert read.words[0].probability == 0.7
    assert read.warnings == ()


def test_segments_without_words_are_spread_and_that_is_said(tmp_path: Path) -> None:
    read = _read(tmp_path, "s.json", {"segments": [{"start": 1.0, "end": 3.0, "text": " a bcd "}]})
    assert [(word.text, word.start) for word in read.words] == [("a", 1.0), ("bcd", 1.667)]
    assert read.warnings == ("word-times-estimated",)


def test_whisper_cpp_counts_milliseconds(tmp_path: Path) -> None:
    entry = {"offsets": {"from": 500, "to": 900}, "text": " Hi"}
    assert _read(tmp_path, "c.json", {"transcription": [entry]}).words == (Word("Hi", 0.5, 0.9),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_subtitles_are_read_in_the_usual_encodings(tmp_path: Path, encoding: str) -> None:
    text = "1\n00:00:00,000 --> 00:00:02,000\ncafé naïve\n"
    read = _read(tmp_path, "x.srt", text.encode(encoding))
    assert [word.text for word in read.words] == ["café", "naïve"]


def test_what_is_inside_counts_not_the_name(tmp_path: Path) -> None:
    assert _read(tmp_path, "x.txt", "WEBVTT\n\n00:01.000 --> 00:02.000\nHi\n").words[0].text == "Hi"


@pytest.mark.parametrize(
    ("name", "content", "code", "says"),
    [
        ("a.ass", "[Script Info]\n", "container-not-allowed", "SRT"),
        ("a.srt", "[Script Info]\nTitle: x", "container-not-allowed", "SRT"),
        ("a.srt", "just words", "transcript-not-understood", "line 1"),
        ("a.srt", "1\n00:00:01 --> soon\nHi", "transcript-not-understood", "line 2"),
        ("a.json", '{"words": [\n{"word": }]}', "transcript-not-understood", "line 2"),
        ("a.json", '{"text": "hi"}', "transcript-not-understood", "no list"),
        ("a.json", '["hi"]', "transcript-not-understood", "entry 1"),
        ("a.json", '[{"word": "hi", "start": NaN, "end": 2}]', "transcript-not-understood", "entry 1"),
        ("a.json", '[{"word": "hi", "start": 3, "end": 2}]', "transcript-not-understood", "forward"),
        ("a.json", "[" * 100_000, "transcript-not-understood", "nested"),
        ("a.mp4", b"PK\x03\x04\x00\xff", "transcript-not-understood", "line 1"),
    ],
)
def test_other_files_are_refused_in_words(
    tmp_path: Path, name: str, content: str | bytes, code: str, says: str
) -> None:
    with pytest.raises(SourceError) as caught:
        _read(tmp_path, name, content)
    assert caught.value.code == code
    assert says in caught.value.message


def test_a_missing_or_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        read_transcript(tmp_path / "none.srt", duration=9.0)
    assert caught.value.code == "transcript-not-found"
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(33 << 20)
    with pytest.raises(SourceError) as caught:
        read_transcript(tmp_path / "huge.json", duration=9.0)
    assert caught.value.code == "transcript-too-large"


def test_a_transcript_of_another_video_is_refused(tmp_path: Path) -> None:
    entries = [{"word": "a", "start": time, "end": time + 0.5} for time in range(100)]
    with pytest.raises(SourceError) as caught:
        _read(tmp_path, "t.json", entries, duration=30.0)
    assert caught.value.code == "transcript-mismatch"
    read = _read(tmp_path, "t.json", entries, duration=95.0)
    assert len(read.words) == 95
    assert read.warnings == ("words-outside-source",)


def test_the_source_may_be_unknown(tmp_path: Path) -> None:
    read = _read(tmp_path, "t.json", [{"word": "a", "start": 1.0, "end": 1.5}], duration=math.inf)
    assert read.duration == 1.5
    json.loads(write_transcript_json(read))


def test_hostile_text_stays_text(shared_data: Path, tmp_path: Path) -> None:
    cases = json.loads((shared_data / "badmedia" / "text_cases.json").read_text())["words"]
    entries = [{"word": text, "start": float(at), "end": at + 0.5} for at, text in enumerate(cases)]
    texts = [word.text for word in _read(tmp_path, "t.json", entries).words]
    assert "{\\an8\\fs80\\c&H0000FF&}RED" in texts
    assert "%{pts}" in texts
    assert "gnp.exe" in texts
    assert not any(char < " " for text in texts for char in text)


def test_real_odd_subtitles_are_read(shared_data: Path) -> None:
    folder = shared_data / "badmedia"
    override = read_transcript(folder / "override.srt", duration=10.0)
    assert [word.text for word in override.words[:3]] == ["X", "<script>alert(1)</script>", "\\N"]
    latin = read_transcript(folder / "latin1.srt", duration=10.0)
    assert [word.text for word in latin.words] == ["café", "naïve", "“quoted”"]
    with pytest.raises(SourceError, match="ASS"):
        read_transcript(folder / "override.ass", duration=10.0)
