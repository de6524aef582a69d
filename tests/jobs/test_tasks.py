"""What becomes of the videos of a list: each has a job of its own, once."""

import pytest

from clipmill.errors import BusyError
from clipmill.jobs.store import Store
from clipmill.jobs.tasks import hand_on
from clipmill.plan import Options
from store_kit import ask, put

LIST = [f"https://videos.example/watch?v={number}" for number in range(5)]


def test_each_video_of_a_list_has_a_job_like_the_one_of_the_list(store: Store) -> None:
    options = Options(count=2)
    request = ask("https://videos.example/list", owner="me", priority=2, metadata={"mine": 1}, reuse=False)
    (job,) = store.accept([request], bound=10)
    hand_on(store, job, LIST[1:], bound=10)  # type: ignore[arg-type]
    made = store.jobs()[:-1]
    assert sorted(each.request.source for each in made) == LIST[1:]
    for each in made:
        assert (each.request.owner, each.request.priority, each.request.reuse) == ("me", 2, False)
        assert each.request.metadata == {"mine": 1, "list": job.id}  # type: ignore[union-attr]
        assert each.request.options.least == options.least


def test_a_list_that_is_told_of_again_has_no_second_jobs(store: Store) -> None:
    (job,) = put(store, ask("https://videos.example/list"))
    hand_on(store, job, LIST[1:], bound=10)
    hand_on(store, job, ["https://videos.example/watch?v=new", *reversed(LIST[1:])], bound=10)
    assert len(store.jobs()) == 6


def test_a_full_line_is_waited_for_without_losing_or_doubling_any(store: Store) -> None:
    (job,) = put(store, ask("https://videos.example/list"))
    with pytest.raises(BusyError) as caught:
        hand_on(store, job, LIST[1:], bound=3)
    assert caught.value.code == "queue-full"
    assert len(store.jobs()) == 3
    hand_on(store, job, LIST[1:], bound=10)
    assert sorted(each.request.source for each in store.jobs()[:-1]) == LIST[1:]
