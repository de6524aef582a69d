"""Captions of a site as a transcript."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clipmill.media.site_captions import spoken_language, words_of_captions
from clipmill.model import CaptionTrack, Listing, Transcript, Word
from word_kit import plain_talk, spoken

TALK = spoken(plain_talk(3))
LENGTH = TALK[-1].end + 2


def _listing(*tracks: CaptionTrack, language: str = "en") -> Listing:
    return Listing("https://example.org/v", "youtube", "v", "A talk", language=language, captions=tracks)


def _json3(words: list[Word], *, exact: bool) -> str:
    events: list[dict[str, Any]] = []
    for first in range(0, len(words), 6):
        line, start = words[first : first + 6], round(words[first].start * 1000)
        length = round(line[-1].end * 1000) - start
        segs = [{"utf8": f" {word.text}", "tOffsetMs": round(word.start * 1000) - start} for word in line]
        if not exact:
            segs = [{"utf8": " ".join(word.text for word in line)}]
        events.append({"tStartMs": start, "dDurationMs": length, "segs": segs})
    return json.dumps({"events": events})


def _track(folder: Path, name: str, words: list[Word], *, exact: bool = False) -> CaptionTrack:
    language, _, automatic = name.partition(".")
    (folder / f"{name}.json3").write_text(_json3(words, exact=exact), encoding="utf-8")
    return CaptionTrack(language, bool(automatic), "json3", f"{name}.json3")


def _words(folder: Path, listing: Listing, language: str = "") -> tuple[Transcript | None, str]:
    return words_of_captions(folder, listing, duration=LENGTH, language=language)


def test_uploaded_captions_come_before_automatic_ones(tmp_path: Path) -> None:
    automatic = _track(tmp_path, "en.auto", TALK, exact=True)
    uploaded = _track(tmp_path, "en-GB", TALK)
    words, why = _words(tmp_path, _listing(automatic, uploaded))
    assert words is not None
    assert why == ""
    assert (words.by, words.language, words.warnings) == ("captions en-GB", "en", ("word-times-estimated",))
    assert [word.text for word in words.words] == [word.text for word in TALK]


def test_among_uploaded_captions_those_with_word_times_are_taken(tmp_path: Path) -> None:
    lines, each = _track(tmp_path, "en", TALK), _track(tmp_path, "en-US", TALK, exact=True)
    words, _ = _words(tmp_path, _listing(lines, each))
    assert words is not None
    assert (words.by, words.warnings) == ("captions en-US", ())
    assert [word.start for word in words.words] == pytest.approx([word.start for word in TALK], abs=0.001)


def test_automatic_captions_are_named_so(tmp_path: Path) -> None:
    words, _ = _words(tmp_path, _listing(_track(tmp_path, "en-orig.auto", TALK, exact=True)))
    assert words is not None
    assert (words.by, words.language) == ("captions en (automatic)", "en")


def test_bad_captions_give_way_to_the_next(tmp_path: Path) -> None:
    stub, whole = _track(tmp_path, "en", TALK[:10]), _track(tmp_path, "en.auto", TALK, exact=True)
    words, _ = _words(tmp_path, _listing(stub, whole))
    assert words is not None
    assert words.by == "captions en (automatic)"


def test_why_none_is_good_is_said_in_words(tmp_path: Path) -> None:
    broken = CaptionTrack("en", False, "vtt", "broken.vtt")
    (tmp_path / "broken.vtt").write_text("no captions")
    words, why = _words(tmp_path, _listing(_track(tmp_path, "en.auto", TALK[:10]), broken))
    assert words is None
    assert why.startswith("The site's captions are not good enough: they cover")
    assert why.endswith("a file of them cannot be read.")
    assert _words(tmp_path, _listing()) == (None, "The site has no captions for this video.")


def test_a_file_that_is_gone_or_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    inside = tmp_path / "captions"
    inside.mkdir()
    track = _track(tmp_path, "en", TALK)
    outside = CaptionTrack("en", False, "json3", f"../{track.file}")
    words, why = _words(inside, _listing(outside))
    assert words is None
    assert "cannot be read" in why


def test_captions_in_another_language_than_is_spoken_are_not_used(tmp_path: Path) -> None:
    spanish = _track(tmp_path, "es", TALK)
    words, why = _words(tmp_path, _listing(spanish))
    assert words is None
    assert why == "The site has no captions in the language that is spoken (en), only es."
    assert _words(tmp_path, _listing(spanish, language="en"), "es")[0] is not None  # as asked for


def test_automatic_translations_are_not_used_even_when_asked_for(tmp_path: Path) -> None:
    translated = _track(tmp_path, "es.auto", TALK, exact=True)
    assert _words(tmp_path, _listing(translated, language="en"), "es")[0] is None


def test_the_language_is_what_the_site_says_or_what_it_heard() -> None:
    german, english = CaptionTrack("de", False, "vtt", "a"), CaptionTrack("en", False, "vtt", "b")
    heard = CaptionTrack("de-orig", True, "json3", "c")
    assert spoken_language(_listing(german, english, heard, language="")) == "de"
    assert spoken_language(_listing(german, language="")) == "de"
    assert spoken_language(_listing(german, english, language="")) == ""
    assert spoken_language(_listing(german, english, language="en-US")) == "en-US"


def test_captions_without_a_language_are_what_was_said_when_there_are_no_others(tmp_path: Path) -> None:
    unnamed = replace(_track(tmp_path, "und", TALK), language="")
    words, _ = _words(tmp_path, _listing(unnamed))
    assert words is not None
    assert (words.by, words.language) == ("captions en", "en")
    assert _words(tmp_path, _listing(unnamed, language=""))[0] is None
    assert _words(tmp_path, _listing(unnamed, _track(tmp_path, "de", TALK)))[0] is None


def test_old_codes_of_languages_are_understood(tmp_path: Path) -> None:
    words, _ = _words(tmp_path, _listing(_track(tmp_path, "iw", TALK), language="he"))
    assert words is not None
    assert (words.by, words.language) == ("captions iw", "he")


def test_without_a_language_captions_in_several_are_not_believed(tmp_path: Path) -> None:
    tracks = _track(tmp_path, "en", TALK), _track(tmp_path, "es", TALK)
    words, why = _words(tmp_path, _listing(*tracks, language=""))
    assert words is None
    assert "translations" in why
