import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipmill.jobs.forecast import (
    CLIPS_AT_LEAST,
    SPEEDS,
    STAGES,
    Part,
    at_speed,
    learned,
    seconds_left,
    speed_of,
    tells_speed,
    total_share,
    usual_speed,
    usual_weight,
    with_guesses,
)

shares = st.floats(0, 1)
weights = st.floats(0.001, 1e5)
parts = st.lists(st.builds(Part, st.sampled_from(STAGES), weights, shares), min_size=1, max_size=20)


@given(parts)
def test_the_share_of_a_job_is_a_share(tasks: list[Part]) -> None:
    assert 0 <= total_share(tasks) <= 1


@given(parts, st.data())
def test_more_done_of_any_task_is_never_less_of_the_job(tasks: list[Part], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(tasks) - 1))
    grown = data.draw(st.floats(tasks[place].share, 1))
    more = [*tasks]
    more[place] = Part(tasks[place].stage, tasks[place].weight_s, grown)
    assert total_share(more) >= total_share(tasks)
    assert seconds_left(more, lanes=2) <= seconds_left(tasks, lanes=2)


@given(parts)
def test_all_is_done_when_every_task_is(tasks: list[Part]) -> None:
    done = [Part(task.stage, task.weight_s, 1.0) for task in tasks]
    assert total_share(done) == pytest.approx(1)
    assert seconds_left(done, lanes=2) == 0


@given(parts, st.integers(1, 8))
def test_more_lanes_never_take_longer(tasks: list[Part], lanes: int) -> None:
    assert 0 <= seconds_left(tasks, lanes=lanes + 1) <= seconds_left(tasks, lanes=lanes)


@given(weights, st.floats(0.001, 1), st.floats(0, 1e5))
def test_what_is_left_of_a_running_task_is_between_its_expectation_and_its_own_pace(
    weight_s: float, share: float, running_s: float
) -> None:
    expected, pace = weight_s * (1 - share), running_s / share * (1 - share)
    left = seconds_left([Part("transcribe", weight_s, share, running_s)], lanes=2)
    assert min(expected, pace) <= left * (1 + 1e-9) + 1e-9
    assert left <= max(expected, pace) * (1 + 1e-9)


def test_nothing_known_is_nothing_done() -> None:
    assert total_share([]) == 0
    assert seconds_left([], lanes=2) == 0
    assert total_share([Part("encode", 0.0, 1.0), Part("encode", 0.0, 0.0)]) == 0.5


def test_a_task_counts_as_much_as_it_takes() -> None:
    assert total_share([Part("transcribe", 90.0, 1.0), Part("encode", 10.0)]) == 0.9


def test_stages_follow_each_other_and_clips_run_side_by_side() -> None:
    clips = [Part("encode", 30.0)] * 4
    assert seconds_left([Part("transcribe", 100.0, 0.5), *clips], lanes=2) == 110.0
    assert seconds_left([Part("transcribe", 100.0, 0.5), *clips], lanes=4) == 80.0


def test_a_stage_takes_at_least_as_long_as_its_longest_task() -> None:
    assert seconds_left([Part("encode", 100.0), Part("encode", 10.0)], lanes=8) == 100.0


def test_a_task_is_judged_by_its_own_pace_once_enough_of_it_is_done() -> None:
    assert seconds_left([Part("transcribe", 100.0, 0.5, running_s=500.0)], lanes=2) == 500.0
    assert seconds_left([Part("transcribe", 100.0, 0.1, running_s=100.0)], lanes=2) == pytest.approx(495.0)


def test_a_task_that_says_nothing_is_expected_to_end_as_planned_and_then_soon() -> None:
    assert seconds_left([Part("score", 10.0, 0.0, running_s=4.0)], lanes=2) == 6.0
    assert seconds_left([Part("score", 10.0, 0.0, running_s=400.0)], lanes=2) == 1.0


def test_stages_of_which_nothing_is_known_have_a_part_of_the_bar() -> None:
    guessed = with_guesses([Part("download", 10.0, 1.0)], {})
    assert {part.stage for part in guessed} == set(STAGES)
    assert 0 < total_share(guessed) < 0.5
    known = [Part(stage, 10.0) for stage in STAGES]
    assert with_guesses(known, {}) == tuple(known)


def test_guesses_go_by_the_length_of_the_source() -> None:
    hour = with_guesses([Part("transcribe", 3600 * usual_speed("transcribe"))], {})
    minute = with_guesses([Part("transcribe", 60 * usual_speed("transcribe"))], {})
    assert sum(part.stage == "encode" for part in hour) == 12
    assert sum(part.stage == "encode" for part in minute) == CLIPS_AT_LEAST
    assert sum(part.weight_s for part in minute if part.stage == "encode") <= 60 * usual_speed("encode")


def test_a_source_that_is_not_heard_is_taken_to_be_as_long_as_usual() -> None:
    given = with_guesses([Part("transcribe", usual_speed("transcribe"))], {})
    assert [part for part in given if part.stage == "encode"] == [
        part for part in with_guesses([], {}) if part.stage == "encode"
    ]


def test_a_task_that_hardly_began_says_nothing_about_speed() -> None:
    assert not tells_speed("transcribe", 1.0)
    assert tells_speed("transcribe", 60.0)
    assert tells_speed("score", 1.0)
    assert not tells_speed("score", 0.0)


def test_guesses_go_by_measured_speeds() -> None:
    slow = with_guesses([Part("transcribe", 3600.0)], {"transcribe": 1.0, "encode": 10.0})
    assert [part.weight_s for part in slow if part.stage == "encode"] == [400.0] * 12


def test_a_measured_speed_replaces_the_usual_one() -> None:
    assert speed_of("encode", {"encode": 9.0}) == 9.0
    assert speed_of("encode", {"score": 9.0}) == SPEEDS["encode"]
    assert speed_of("other", {}) == usual_speed("other") == 1.0
    assert at_speed(Part("encode", SPEEDS["encode"] * 10), {"encode": 5.0}).weight_s == pytest.approx(50.0)
    assert usual_weight("encode") > 0


def test_the_first_measurements_are_averaged_and_the_newest_count_for_a_fifth() -> None:
    speed = 99.0
    for count, sample in enumerate((10.0, 20.0, 30.0)):
        speed = learned(speed, count, sample)
    assert speed == pytest.approx(20.0)
    assert learned(10.0, 100, 20.0) == pytest.approx(12.0)


@given(st.floats(0.001, 1e3), st.integers(0, 1000), st.floats(0.001, 1e3))
def test_a_learned_speed_lies_between_what_was_known_and_what_was_seen(
    speed: float, count: int, sample: float
) -> None:
    low, high = sorted((speed, sample))
    assert low * (1 - 1e-9) <= learned(speed, count, sample) <= high * (1 + 1e-9)
