"""Where the words come from: a file, nobody, the site's captions, or somebody who listens."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from clipmill import pipeline, sourcing
from clipmill.errors import SourceError
from clipmill.means import Means
from clipmill.media.ffmpeg import run_ffmpeg
from clipmill.model import CaptionTrack, Listing
from clipmill.plan import Options
from clipmill.settings import read_settings
from clipmill.studio import Job, Services, Stage, Studio, Task
from clipmill.wording import find_words, known_transcript
from clipmill.workspace import attempt_space

ADDRESS = "https://site.example/watch?v=talk"
TRACK = CaptionTrack("en", False, "srt", "en.srt")
LISTING = Listing(ADDRESS, "site", "talk", "A talk", language="en", captions=(TRACK,))


@cache
def services() -> Services:
    """Programs that were found once for all tests."""
    return Means(read_settings()).services(lambda *_: None)


@contextmanager
def job(folder: Path, source: Path, options: Options, listing: Listing | None = None) -> Iterator[Studio]:
    """A job whose source has been examined, with the captions of the talk where a site has it."""
    with attempt_space(folder, "attempt") as work:
        studio = Studio(Job(source, options, ADDRESS if listing else ""), work, services())
        sourcing.examine(studio)
        if listing:
            sourcing.keep_listing(work, ADDRESS, listing)
            work.captions.mkdir(exist_ok=True)
            if listing.captions:
                (work.captions / "en.srt").write_bytes(source.with_suffix(".srt").read_bytes())
        yield studio


def by(studio: Studio) -> str:
    """Who found the words."""
    assert find_words(studio, lambda _: None)
    return known_transcript(studio).by


def units(studio: Studio) -> float:
    return pipeline.task_units(Task(Stage.TRANSCRIBE), studio.work, studio.job.options)


def test_given_words_come_before_all_others(talk: Path, tmp_path: Path) -> None:
    words = str(talk.with_suffix(".srt"))
    with job(tmp_path, talk, Options(transcript=words, transcriber="captions"), LISTING) as studio:
        assert by(studio) == "file talk.srt"
        assert units(studio) == 1.0


def test_where_there_is_no_sound_nobody_is_asked(talk: Path, ffmpeg: Path, tmp_path: Path) -> None:
    mute = tmp_path / "mute.mp4"
    run_ffmpeg(ffmpeg, ("-i", str(talk), "-an", "-c", "copy", mute.name), cwd=tmp_path, reads=(talk,))
    with job(tmp_path, mute, Options()) as studio:
        assert by(studio) == "nobody"
        assert units(studio) == 1.0


@pytest.mark.parametrize("transcriber", ["auto", "captions"])
def test_good_captions_of_the_site_are_taken_and_nobody_listens(
    talk: Path, tmp_path: Path, transcriber: str
) -> None:
    with job(tmp_path, talk, Options(transcriber=transcriber), LISTING) as studio:  # type: ignore[arg-type]
        assert units(studio) == 1.0
        assert by(studio) == "captions en"
        assert not find_words(studio, lambda _: None)
        words = known_transcript(studio).words
        assert " ".join(word.text for word in words).startswith("Nobody tells you this, but")
        assert not (studio.work.kept / "sound.json").exists()


def test_the_local_model_listens_though_there_are_captions(talk: Path, tmp_path: Path) -> None:
    with job(tmp_path, talk, Options(transcriber="local"), LISTING) as studio:
        assert units(studio) == pytest.approx(24, abs=0.1)
        assert by(studio).startswith("whisper")


def test_without_good_captions_the_sound_is_heard(talk: Path, tmp_path: Path) -> None:
    with job(tmp_path, talk, Options(), replace(LISTING, captions=())) as studio:
        assert units(studio) == pytest.approx(24, abs=0.1)
        assert by(studio).startswith("whisper")


@pytest.mark.parametrize(
    ("listing", "why"),
    [
        (None, "comes from an address"),
        (replace(LISTING, captions=()), "has no captions"),
        (replace(LISTING, language="de"), "only en"),
    ],
)
def test_who_wants_captions_and_nothing_else_is_told_why_there_are_none(
    talk: Path, tmp_path: Path, listing: Listing | None, why: str
) -> None:
    with job(tmp_path, talk, Options(transcriber="captions"), listing) as studio:
        with pytest.raises(SourceError, match=why) as told:
            find_words(studio, lambda _: None)
        assert told.value.code == "captions-not-usable"


def test_other_options_are_another_transcript(talk: Path, tmp_path: Path) -> None:
    with job(tmp_path, talk, Options(), LISTING) as studio:
        assert by(studio) == "captions en"
        words = str(talk.with_suffix(".srt"))
        other = replace(studio, job=replace(studio.job, options=Options(transcript=words)))
        with pytest.raises(SourceError, match="changed"):
            known_transcript(other)
        assert by(other) == "file talk.srt"


def test_a_transcript_file_that_is_gone_later_does_not_change_what_was_read(
    talk: Path, tmp_path: Path
) -> None:
    given = tmp_path / "own.srt"
    given.write_bytes(talk.with_suffix(".srt").read_bytes())
    with job(tmp_path, talk, Options(transcript=str(given))) as studio:
        assert by(studio) == "file own.srt"
        os.utime(given, (0, 0))
        with pytest.raises(SourceError, match="changed"):
            known_transcript(studio)
