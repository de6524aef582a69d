"""Captions whose lines alone have times: the chosen moments are heard before they are cut."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from clipmill import pipeline
from clipmill.clipfile import words_key
from clipmill.means import Means
from clipmill.media.ffmpeg import run_ffmpeg
from clipmill.model import Transcript, Word
from clipmill.plan import Options, Plan, read_plan
from clipmill.settings import read_settings
from clipmill.studio import Job, Stage, Studio
from clipmill.timing import keep_words, known_words, words_beside
from clipmill.wording import known_transcript
from clipmill.workspace import Workspace, attempt_space

START, LENGTH = 300.0, 75.0
"""The part of the recording that is used, in its seconds."""

LATE = 0.5
"""Seconds that the captions are late."""


@pytest.fixture(scope="module")
def speech(shared_data: Path) -> list[Word]:
    """The words of the part with their true times."""
    said = json.loads((shared_data / "speech" / "podcast" / "podcast.json").read_text())["words"]
    return [
        Word(word["word"], word["start"] - START, word["end"] - START)
        for word in said
        if word["start"] >= START and word["end"] <= START + LENGTH
    ]


@pytest.fixture(scope="module")
def video(
    shared_data: Path, speech: list[Word], ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A video with that part as its sound, and ``talk.srt`` beside it, half a second late."""
    folder = tmp_path_factory.mktemp("timing")
    sound = shared_data / "speech" / "podcast" / "podcast.opus"
    arguments = (
        *("-f", "lavfi", "-i", f"color=c=gray:s=160x90:r=5:d={LENGTH}"),
        *("-ss", str(START), "-t", str(LENGTH), "-i", str(sound), "-map", "0:v", "-map", "1:a"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-y", "talk.mp4"),
    )
    run_ffmpeg(ffmpeg, arguments, cwd=folder, reads=(sound,))
    (folder / "talk.srt").write_text("\n".join(_cues(speech)), encoding="utf-8")
    return folder / "talk.mp4"


def _cues(words: list[Word]) -> list[str]:
    cues = []
    for number, first in enumerate(range(0, len(words), 12), 1):
        line = words[first : first + 12]
        times = [_time(max(0.0, at) + LATE) for at in (line[0].start, line[-1].end)]
        cues.append(f"{number}\n{' --> '.join(times)}\n{' '.join(word.text for word in line)}\n")
    return cues


def _time(seconds: float) -> str:
    return f"00:{int(seconds) // 60:02}:{int(seconds) % 60:02},{round(seconds % 1 * 1000) % 1000:03}"


def _studio(work: Workspace, source: Path, **more: str) -> Studio:
    options = Options(count=2, least=10, most=25, transcript=str(source.with_suffix(".srt")), language="en")
    options = replace(options, **more)
    return Studio(Job(source, options), work, Means(read_settings()).services(lambda *_: None))


def _chosen(work: Workspace, studio: Studio) -> Plan:
    pipeline.run_job(studio, last=Stage.SCORE)
    return read_plan(work.path("plan.json"))


def _inside(plan: Plan, words: list[Word]) -> list[int]:
    spans = [plan.span_of(moment) for moment in plan.chosen_moments]
    return [
        place
        for place, word in enumerate(words)
        if any(span.start < word.start and word.end < span.end for span in spans)
    ]


def test_moments_are_cut_and_captioned_by_what_is_heard(
    video: Path, speech: list[Word], tmp_path: Path
) -> None:
    with attempt_space(tmp_path, "first") as work:
        studio = _studio(work, video)
        plan = _chosen(work, studio)
        before, after = known_transcript(studio), known_words(studio)
    assert before.warnings == ("word-times-estimated",)
    assert [word.text for word in after.words] == [word.text for word in before.words]
    assert plan.warnings == after.warnings == ()
    assert plan.transcript.sha256 == words_key(before)
    places = _inside(plan, speech)
    assert len(places) > 40
    assert _off(before, speech, places) > 0.3
    assert _off(after, speech, places) < 0.08
    for moment in plan.chosen_moments:  # whole words between the edges, and none of others
        cut = [word for word in speech if word.end > moment.span.start and word.start < moment.span.end]
        assert " ".join(word.text for word in cut) == moment.text
        assert moment.span.length <= 25


def _off(found: Transcript, truth: list[Word], places: list[int]) -> float:
    return median(abs(found.words[place].start - truth[place].start) for place in places)


def test_a_second_run_finds_plan_and_words_as_they_were(video: Path, tmp_path: Path) -> None:
    with attempt_space(tmp_path, "first") as work:
        _chosen(work, _studio(work, video))
    files = [tmp_path / name for name in ("transcript.json", "words.json", "plan.json")]
    before = [file.stat().st_mtime_ns for file in files]
    assert before == sorted(before)
    with attempt_space(tmp_path, "second") as work:
        _chosen(work, _studio(work, video))
    assert [file.stat().st_mtime_ns for file in files] == before


def test_other_wishes_for_the_same_moments_need_no_listening(video: Path, tmp_path: Path) -> None:
    with attempt_space(tmp_path, "first") as work:
        plan = _chosen(work, _studio(work, video))
        heard = work.kept / "heard.json"
        before = heard.stat().st_mtime_ns
        other = _chosen(work, _studio(work, video, style="pop"))
        assert other.moments == plan.moments
        assert other.warnings == ()
        assert heard.stat().st_mtime_ns == before


def test_where_nothing_can_be_heard_the_warning_stays(video: Path, talk: Path, tmp_path: Path) -> None:
    for folder, source, more in (
        ("deaf", video, {"model": "/no/such/model"}),
        ("noise", talk, {}),
        ("unknown", video, {"language": "tlh"}),
    ):
        with attempt_space(tmp_path / folder, "first") as work:
            studio = _studio(work, source, **more)
            plan = _chosen(work, studio)
            assert plan.warnings == ("word-times-estimated",)
            assert known_words(studio) == known_transcript(studio)
            assert not work.path("words.json").exists()


def _given(
    work: Workspace, video: Path, change: Callable[[Transcript], Transcript]
) -> tuple[Studio, Transcript]:
    studio = _studio(work, video)
    pipeline.run_job(studio, last=Stage.TRANSCRIBE)
    changed = change(known_transcript(studio))
    keep_words(studio, changed)
    return studio, changed


def test_words_of_another_transcript_are_not_taken(talk: Path, tmp_path: Path) -> None:
    with attempt_space(tmp_path, "first") as work:
        studio, _ = _given(work, talk, lambda words: replace(words, words=words.words[1:]))
        assert known_words(studio) == known_transcript(studio)


def test_only_times_are_taken(talk: Path, tmp_path: Path) -> None:
    def later(words: Transcript) -> Transcript:
        moved = (Word("x", word.start + 0.1, word.end + 0.1) for word in words.words)
        return replace(words, words=tuple(moved), warnings=())

    with attempt_space(tmp_path, "first") as work:
        studio, _ = _given(work, talk, later)
        found, given = known_words(studio), known_transcript(studio)
    assert [word.text for word in found.words] == [word.text for word in given.words]
    assert found.words[3].start == given.words[3].start + 0.1
    assert found.warnings == ()


def test_better_times_lie_beside_the_transcript() -> None:
    assert words_beside(Path("a/transcript.json")) == Path("a/words.json")
    assert words_beside(Path("my.plan.transcript.json")) == Path("my.plan.words.json")
