"""The plan file says what is wrong with it, and nothing in it is silently ignored."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from clipmill.errors import PlanError, UsageError
from clipmill.model import CropKey, CropPath, Media, Moment, Span, VideoStream
from clipmill.plan import (
    Change,
    Options,
    Plan,
    SourceRef,
    TranscriptRef,
    checked_options,
    parse_plan,
    plan_schema,
    plan_text,
    read_plan,
    same_request,
)

VIDEO = VideoStream(
    0, "h264", 640, 360, 640, 360, 0, Fraction(1), Fraction(30000, 1001), False, False, None, "yuv420p", 0.0
)
MEDIA = Media("talk.mp4", 1000, "ab" * 32, "mp4", 0.0, 60.0, VIDEO, None)


def moment(name: str, start: float, end: float) -> Moment:
    return Moment(
        name, 0, 3, Span(start, end), 90.0, 1.5, "A title", "Words.", ("has numbers",), {"you": 0.5}
    )


PLAN = Plan(
    SourceRef("/videos/talk.mp4", MEDIA),
    TranscriptRef("transcript.json", "en", "whisper tiny.en", "ef" * 32),
    Options(),
    (moment("a", 1, 20), moment("b", 30, 50)),
    ("b", "a"),
    {"a": Change(span=Span(2, 19), words={3: "Clipmill"}, crop=CropPath(0.3, 1, (CropKey(2, 0.4, 0.5),)))},
    ("language-unsure",),
)


def changed(**values: Any) -> str:
    return json.dumps(json.loads(plan_text(PLAN)) | values)


def test_a_plan_comes_back_from_its_text_unchanged() -> None:
    assert parse_plan(plan_text(PLAN), name="plan.json") == PLAN


def test_the_published_schema_takes_a_plan_and_refuses_an_unknown_key() -> None:
    jsonschema.validate(json.loads(plan_text(PLAN)), plan_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(changed(colour="red")), plan_schema())


def test_the_schema_in_the_docs_is_the_current_one() -> None:
    written = Path(__file__).parents[1] / "docs" / "reference" / "plan.schema.json"
    assert json.loads(written.read_text()) == plan_schema()


def test_chosen_moments_come_in_order_of_rank_with_the_spans_a_person_gave() -> None:
    assert [m.id for m in PLAN.chosen_moments] == ["b", "a"]
    assert [PLAN.span_of(m) for m in PLAN.chosen_moments] == [Span(30, 50), Span(2, 19)]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (changed(colour="red"), "unknown key colour"),
        (changed(changes={"a": {"spam": 1}}), "unknown key changes.a.spam"),
        (changed(chosen=["c"]), "no moment 'c'"),
        (changed(chosen=["a", "a"]), "chosen twice"),
        (changed(changes={"a": {"span": {"start": 50, "end": 70}}}), "the source ends at 60 s"),
        (changed(changes={"a": {"span": {"start": 9, "end": 3}}}), "run forward"),
        (changed(schema=2), "schema"),
        (changed(options={"style": "comic"}), "options.style"),
        ("{", "JSON"),
        ("[]", "object"),
    ],
)
def test_a_wrong_plan_is_refused_with_the_place_of_the_fault(text: str, word: str) -> None:
    with pytest.raises(PlanError, match="plan.json cannot be used") as caught:
        parse_plan(text, name="plan.json")
    assert word in caught.value.message
    assert caught.value.code == "plan-wrong"


def test_a_plan_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError) as caught:
        read_plan(tmp_path / "plan.json")
    assert caught.value.code == "plan-not-found"


def test_a_plan_answers_the_same_request_about_the_same_video_only() -> None:
    words = PLAN.transcript
    assert same_request(PLAN, Options(), MEDIA, words)
    assert not same_request(PLAN, Options(count=3), MEDIA, words)
    assert not same_request(PLAN, Options(), replace(MEDIA, sha256="cd" * 32), words)
    assert not same_request(PLAN, Options(), MEDIA, replace(words, sha256="cd" * 32))


@pytest.mark.parametrize("given", [{"least": 20, "most": 10}, {"count": 0}, {"aspect": "3:2"}, {"least": -1}])
def test_options_that_make_no_sense_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        checked_options(given)
    assert caught.value.exit_code == 2
