"""The sample talk's plan: what the dialogue and the times of its words make of cuts, moves and faces."""

import importlib.util
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

DEMO = Path(__file__).parents[1] / "demo"


@pytest.fixture(scope="module")
def timeline() -> ModuleType:
    """The demo is not a package: its one part without voices and pictures is loaded from its file."""
    spec = importlib.util.spec_from_file_location("demo_timeline", DEMO / "timeline.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # slotted dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def even_words(timeline: ModuleType, turns: tuple) -> tuple:
    """Every word a third of a second, one after the other."""
    said = [(text, turn.speaker) for turn in turns for text in turn.text.split()]
    return tuple(
        timeline.Word(text, number / 3, (number + 0.9) / 3, speaker)
        for number, (text, speaker) in enumerate(said)
    )


def test_the_dialogue_has_two_people_who_take_turns(timeline):
    turns = timeline.parse((DEMO / "dialogue.txt").read_text(encoding="utf-8"))
    assert {turn.speaker for turn in turns} == {"joe", "nora"}
    assert all(a.speaker != b.speaker for a, b in pairwise(turns))
    assert not any("[" in turn.text or any(letter.isdigit() for letter in turn.text) for turn in turns)


def test_a_direction_belongs_to_the_word_behind_it(timeline):
    (turn,) = timeline.parse("NORA: [close left] Two words. [move right] Three more words.")
    assert turn.text == "Two words. Three more words."
    assert [(mark.action, mark.where, mark.word) for mark in turn.marks] == [
        ("close", "left", 0),
        ("move", "right", 2),
    ]


@pytest.mark.parametrize("mark", ["[zoom left]", "[close nowhere]"])
def test_a_direction_that_nobody_knows_is_refused_by_name(timeline, mark):
    with pytest.raises(ValueError, match=mark.strip("[]")):
        timeline.parse(f"JOE: {mark} Hello.")


def test_the_shots_fill_the_talk_without_gaps(timeline):
    turns = timeline.parse((DEMO / "dialogue.txt").read_text(encoding="utf-8"))
    words = even_words(timeline, turns)
    shots = timeline.shots(turns, words, words[-1].end + 1)
    assert shots[0].start == 0
    assert shots[-1].end == words[-1].end + 1
    assert all(a.end == b.start and a.start < a.end for a, b in pairwise(shots))
    assert sum(shot.slide for shot in shots) == 2


def test_a_move_ends_at_its_place_and_never_leaves_the_frame(timeline):
    turns = timeline.parse("NORA: [close left] One two three [move right] " + "word " * 60)
    (shot,) = timeline.shots(turns, even_words(timeline, turns), 21.0)
    assert timeline.middle(shot, 0.5) == pytest.approx(0.28, abs=0.005)
    assert timeline.middle(shot, 20.0) == pytest.approx(0.72, abs=0.005)
    faces = [timeline.face(shot, tenth / 10) for tenth in range(210)]
    assert all(min(x, y) > 0 and max(x + w, y + h) < 1 for x, y, w, h in faces)


def test_a_slide_has_no_face(timeline):
    turns = timeline.parse("JOE: [slide title] Hello there.")
    (shot,) = timeline.shots(turns, even_words(timeline, turns), 1.0)
    assert timeline.face(shot, 0.5) is None


def test_the_finished_sample_is_as_long_as_its_truth_says(ffmpeg):
    video = DEMO / "work" / "sample.mp4"
    if not video.exists():
        pytest.skip("needs the sample video (scripts/demo makes it)")
    truth = json.loads(video.with_suffix(".truth.json").read_text(encoding="utf-8"))
    words = json.loads(video.with_suffix(".words.json").read_text(encoding="utf-8"))
    said = subprocess.run(
        [str(ffmpeg), "-hide_banner", "-nostdin", "-i", str(video)],
        capture_output=True,
        text=True,
        timeout=60,
    ).stderr
    hours, minutes, seconds = said.split("Duration: ")[1].split(",")[0].split(":")
    length = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    assert length == pytest.approx(truth["duration"], abs=0.1)
    assert words[-1]["end"] <= truth["duration"]
    assert "1920x1080" in said
    assert "30 fps" in said
