"""The checker of chaos runs finds every kind of broken promise, and nothing in a history without one."""

from dataclasses import replace

import pytest
from chaos.facts import (
    KINDS,
    Answer,
    ClipRow,
    EventRow,
    Found,
    History,
    JobRow,
    Listening,
    TaskRow,
    Violation,
)
from chaos.history import check, counts

STAGES = (("download", 0), ("transcribe", 0), ("score", 0), ("encode", 1), ("encode", 2))


def events(job: str, *kinds: str, at: float = 0.0) -> tuple[EventRow, ...]:
    """Events in order; ``stage.done encode 2`` is of that stage and clip, and says that it worked."""
    found = []
    for number, words in enumerate(kinds, 1):
        kind, *rest = words.split()
        data: dict[str, object] = {"stage": rest[0], "clip": int(rest[1])} if len(rest) > 1 else {}
        if kind == "stage.done":
            data["worked"] = True
        if kind == "clip.ready":
            data = {"clip": rest[0], "number": int(rest[0][-1])}
        found.append(EventRow(job, number, kind, at + number, data))
    return tuple(found)


def life(job: str) -> tuple[str, ...]:
    """The kinds of events of a job that nothing happened to."""
    work = [f"{kind} {stage} {clip}" for stage, clip in STAGES for kind in ("stage.started", "stage.done")]
    return ("queued", "started", *work, f"clip.ready {job}-1", f"clip.ready {job}-2", "succeeded")


def history(*, kinds: tuple[str, ...] = life("a")) -> History:
    """One job ``a`` with two clips that all went well for."""
    told = events("a", *kinds)
    return History(
        answers=(Answer("submit", "a", "key-1"), Answer("submit", "a", "key-1")),
        jobs=(JobRow("a", "key-1", "succeeded", 1, len(told), 2, 2),),
        tasks=tuple(TaskRow("a", stage, clip, "done", 0, 1) for stage, clip in STAGES),
        clips=tuple(ClipRow(f"a-{n}", "a", f"m{n}", n, 1, 100 + n) for n in (1, 2)),
        events=told,
        listened=(Listening("a", tuple(range(1, len(told) + 1)), ("queued", "succeeded"), True),),
        files=(
            *(Found("a", f"clip-0{n}.mp4", 100 + n, f"sha-{n}") for n in (1, 2)),
            Found("a", "plan.json", 5),
            Found("a", ".clipmill/media.json.key", 5),
        ),
        expected={"a": {1: "sha-1", 2: "sha-2"}},
        finished={("a", "transcript.json.key"): 1, ("a", "clip-01.json.key"): 1},
    )


def found(seen: History) -> set[str]:
    return {violation.kind for violation in check(seen)}


def test_a_good_history_passes() -> None:
    assert check(history()) == []


def test_a_history_with_pause_kill_cancel_and_retry_passes() -> None:
    kinds = (
        *("queued", "started", "stage.started encode 1", "paused", "stage.done encode 1", "clip.ready a-1"),
        *("resumed", "started", "stage.started encode 2", "worker.lost encode 2", "waiting encode 2"),
        *("cancelled", "retried", "started", "stage.started encode 2", "stage.done encode 2"),
        *("clip.ready a-2", "succeeded"),
    )
    good = history(kinds=kinds)
    assert check(replace(good, jobs=(replace(good.jobs[0], run=3),))) == []


def test_an_accepted_job_that_is_not_there_is_lost() -> None:
    good = history()
    assert "lost" in found(replace(good, answers=(*good.answers, Answer("submit", "b", "key-2"))))


def test_a_job_that_was_deleted_is_not_lost() -> None:
    good = history()
    answers = (*good.answers, Answer("submit", "b", "key-2"), Answer("delete", "b"))
    assert check(replace(good, answers=answers, removed=frozenset("b"))) == []


def test_a_job_that_never_ended_is_lost() -> None:
    kinds = ("queued", "started")
    good = history(kinds=kinds)
    assert found(replace(good, jobs=(replace(good.jobs[0], state="running"),))) >= {"lost"}


def test_a_clip_without_its_file_or_announcement_is_lost() -> None:
    good = history()
    assert found(replace(good, files=good.files[1:])) == {"lost"}
    silent = tuple(event for event in good.events if event.data.get("clip") != "a-2")
    assert "lost" in found(replace(good, events=silent))


def test_a_stream_that_ends_early_is_lost() -> None:
    good = history()
    assert found(replace(good, listened=(Listening("a", (1, 2), ("queued", "started"), True),))) == {"lost"}


def test_one_key_with_two_jobs_is_twice() -> None:
    good = history()
    assert "twice" in found(replace(good, answers=(*good.answers, Answer("submit", "b", "key-1"))))
    assert "twice" in found(replace(good, jobs=(*good.jobs, replace(good.jobs[0], id="b", last_event=0))))


def test_two_final_events_in_one_run_are_twice() -> None:
    assert found(history(kinds=(*life("a"), "succeeded"))) == {"twice"}


def test_two_announcements_of_one_clip_are_twice() -> None:
    assert found(history(kinds=(*life("a")[:-1], "clip.ready a-1", "succeeded"))) == {"twice"}


def test_two_clips_of_one_moment_are_twice() -> None:
    good = history()
    assert "twice" in found(replace(good, clips=tuple(replace(clip, moment="m1") for clip in good.clips)))


def test_a_task_that_worked_again_is_redone() -> None:
    good = history()
    again = (*good.tasks[:-1], replace(good.tasks[-1], worked=2))
    assert found(replace(good, tasks=again)) == {"redone"}


def test_a_stage_that_says_twice_that_it_worked_is_redone() -> None:
    assert found(history(kinds=(*life("a")[:-1], "stage.done score 0", "succeeded"))) == {"redone"}


def test_a_value_that_was_finished_again_is_redone() -> None:
    assert found(replace(history(), finished={("a", "transcript.json.key"): 2})) == {"redone"}


def test_a_file_shorter_than_its_record_is_partial() -> None:
    good = history()
    assert found(replace(good, files=(replace(good.files[0], size=7), *good.files[1:]))) == {"partial"}


def test_a_clip_of_other_bytes_is_different() -> None:
    good = history()
    assert found(replace(good, files=(replace(good.files[0], sha256="x"), *good.files[1:]))) == {"different"}


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_the_watchers_saw_counts(kind: str) -> None:
    seen = check(replace(history(), seen=(Violation(kind, "a", "seen"),)))
    assert counts(seen)[kind] == 1


def test_a_missing_event_is_a_gap() -> None:
    good = history()
    assert found(replace(good, events=(*good.events[:3], *good.events[4:]))) == {"gap"}


def test_a_listener_that_misses_or_repeats_an_event_has_a_gap() -> None:
    for numbers in ((1, 3), (1, 2, 2)):
        heard = Listening("a", numbers, ("queued", "succeeded"), True)
        assert found(replace(history(), listened=(heard,))) == {"gap"}


@pytest.mark.parametrize(
    "kinds",
    [
        ("queued", "succeeded"),
        ("started", "queued", "succeeded"),
        ("queued", "stage.started score 0", "started", "succeeded"),
        ("queued", "started", "paused", "stage.started score 0", "resumed", "started", "succeeded"),
        ("queued", "started", "resumed", "started", "succeeded"),
        ("queued", "started", "succeeded", "progress"),
        ("queued", "started", "cancelled", "started", "succeeded"),
        ("queued", "started", "paused", "succeeded"),
    ],
)
def test_moves_that_are_not_allowed_are_illegal(kinds: tuple[str, ...]) -> None:
    assert "illegal" in found(history(kinds=kinds))


def test_a_row_that_its_events_do_not_lead_to_is_illegal() -> None:
    good = history()
    assert "illegal" in found(replace(good, jobs=(replace(good.jobs[0], state="cancelled"),)))
    assert "illegal" in found(replace(good, jobs=(replace(good.jobs[0], run=2),)))


def test_three_encodes_at_once_are_over_the_limit_of_two() -> None:
    kinds = ("queued", "started", "stage.started encode 1", "stage.done encode 1", "succeeded")
    good = history()
    told = tuple(event for job in "abc" for event in events(job, *kinds))
    assert "over-limit" in found(replace(good, events=told))
    later = tuple(event for place, job in enumerate("abc") for event in events(job, *kinds, at=place))
    assert "over-limit" not in found(replace(good, events=later))


def test_an_answer_without_its_effect_is_a_broken_promise() -> None:
    good = history()
    assert found(replace(good, answers=(*good.answers, Answer("pause", "a")))) == {"promise"}
    assert "promise" in found(replace(good, answers=(*good.answers, Answer("delete", "a"))))


@pytest.mark.parametrize(
    "name", [".clipmill/tmp/encode-1/x", ".clip-01.part.mp4", ".clipmill-render-a/cap.ass"]
)
def test_temporary_files_are_left_over(name: str) -> None:
    good = history()
    assert found(replace(good, files=(*good.files, Found("a", name, 1)))) == {"leftover"}


def test_files_that_nobody_refers_to_are_left_over() -> None:
    good = history()
    for job, name in (("a", "clip-03.mp4"), ("gone", "plan.json")):
        assert found(replace(good, files=(*good.files, Found(job, name, 1)))) == {"leftover"}


def test_a_good_job_that_failed_is_reported() -> None:
    good = history(kinds=(*life("a")[:-1], "failed"))
    assert found(replace(good, jobs=(replace(good.jobs[0], state="failed"),))) == {"failed"}
