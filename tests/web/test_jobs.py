"""Jobs over HTTP: what is asked for is what is kept, and a wait ends when it should."""

import threading
import time
from pathlib import Path

import httpx
import pytest

from clipmill.jobs.records import State
from clipmill.web.jobs import owner_of
from web_kit import Site, serving


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


# --- handing in -----------------------------------------------------------------------------------


def test_a_job_is_answered_at_once_with_where_it_is(site: Site) -> None:
    answer = site.submit(options={"count": 3, "style": "pop"}, priority=2, metadata={"mine": [1, None, "ä"]})
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
    assert (job["status"], job["priority"], job["progress"], job["error"]) == ("queued", 2, 0, None)
    assert (job["options"]["count"], job["options"]["style"], job["options"]["least"]) == (3, "pop", 15.0)
    assert job["metadata"] == {"mine": [1, None, "ä"]}
    assert job["queue_position"] >= 1
    assert job["created_at"].endswith("Z")
    shown = site.http.get(answer.headers["location"])
    assert shown.json()["source"] == {"path": str(site.videos / "talk.mp4")}


def test_a_source_may_be_an_object(site: Site) -> None:
    assert site.submit(source={"path": str(site.video())}).status_code == 202


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"colour": 1}, "colour", "there is no such field"),
        ({"options": {"colour": 1}}, "options.colour", "there is no such field"),
        ({"options": {"count": 0}}, "options.count", "greater than or equal to 1"),
        ({"options": {"count": "3"}}, "options.count", "valid integer"),
        ({"options": {"style": "comic"}}, "options.style", "'bold'"),
        ({"options": {"model": "/etc"}}, "options.model", "auto, tiny.en, base"),
        ({"source": 3}, "source", "valid dictionary"),
        ({"source": {"path": "/a", "url": "b"}}, "source.url", "there is no such field"),
        ({"priority": 0}, "priority", "greater than or equal to 1"),
        ({"priority": True}, "priority", "valid integer"),
        ({"metadata": {"a": "x" * 17_000}}, "metadata", "bytes as JSON"),
        ({"metadata": []}, "metadata", "valid dictionary"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(
    site: Site, fields: dict[str, object], field: str, message: str
) -> None:
    answer = site.submit(**fields)
    assert code(answer) == (422, "request-wrong")
    faults = {each["field"]: each["message"] for each in answer.json()["errors"]}
    assert message in faults[field]


def test_options_that_do_not_go_together_are_refused(site: Site) -> None:
    answer = site.submit(options={"least": 30, "most": 20})
    assert code(answer) == (422, "options-wrong")
    assert "shortest clip (30 s) is over the longest (20 s)" in answer.json()["detail"]


def test_a_missing_source_is_named(site: Site) -> None:
    answer = site.http.post("/v1/jobs", json={})
    assert answer.json()["errors"] == [{"field": "source", "message": "Field required"}]


def test_the_servers_own_model_may_be_named_and_is_what_auto_means(tmp_path: Path) -> None:
    with serving(tmp_path / "home", model="/models/mine") as site:
        assert site.submit(options={"model": "/models/mine"}).status_code == 202
        assert site.submit(options={"model": "auto"}).json()["options"]["model"] == "/models/mine"


def test_the_same_key_gives_the_same_job_and_another_request_with_it_is_refused(site: Site) -> None:
    headers = {"Idempotency-Key": "mine 1"}
    body = {"source": str(site.video())}
    first = site.http.post("/v1/jobs", json=body, headers=headers)
    again = site.http.post("/v1/jobs", json=body, headers=headers)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    other = site.http.post("/v1/jobs", json={**body, "priority": 1}, headers=headers)
    assert code(other) == (422, "idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_a_key_that_cannot_be_used_is_refused(site: Site, key: str) -> None:
    body = {"source": str(site.video())}
    answer = site.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": key})
    assert code(answer) == (422, "request-wrong")
    assert answer.json()["errors"][0]["field"] == "header.idempotency-key"


def test_a_full_line_says_when_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path / "home", bound=2) as site:
        assert [site.submit().status_code for _ in range(2)] == [202, 202]
        answer = site.submit()
        assert code(answer) == (429, "queue-full")
        assert int(answer.headers["retry-after"]) >= 1


def test_a_full_disk_is_said_with_when_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path / "home", reserve_mb=1 << 40) as site:
        answer = site.submit()
        assert code(answer) == (507, "disk-full")
        assert int(answer.headers["retry-after"]) >= 1


def test_a_server_that_ends_takes_no_job(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as site:
        site.floor.stopping.set()
        answer = site.submit()
        assert code(answer) == (503, "stopping")
        assert answer.headers["retry-after"] == "5"


def test_owners_are_told_apart_without_keeping_their_secret() -> None:
    assert owner_of(None) == owner_of("Basic abc") == owner_of("Bearer ") == ""
    assert owner_of("Bearer abc") == owner_of("bearer abc") != owner_of("Bearer abd")
    assert "abc" not in owner_of("Bearer abc")


def test_the_owner_is_written_down(site: Site) -> None:
    body = {"source": str(site.video())}
    job = site.http.post("/v1/jobs", json=body, headers={"Authorization": "Bearer me"}).json()
    assert site.store.job(job["id"]).request.owner == owner_of("Bearer me")


# --- lists ----------------------------------------------------------------------------------------


def test_a_list_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as site:
        made = [site.queued().id for _ in range(5)]
        found, cursor = [], ""
        while cursor is not None:
            query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
            page = site.http.get("/v1/jobs", params=query).json()
            found += [(job["id"], job["queue_position"]) for job in page["data"]]
            cursor = page["next_cursor"]
            assert len(page["data"]) <= 2
        assert found == list(zip(reversed(made), (5, 4, 3, 2, 1), strict=True))
        site.store.cancel(made[0])
        of_state = site.http.get("/v1/jobs", params={"status": "cancelled"}).json()["data"]
        assert [job["id"] for job in of_state] == made[:1]


@pytest.mark.parametrize("query", ["status=lost", "cursor=!", "limit=0", "limit=101", "limit=x"])
def test_a_list_that_cannot_be_is_refused(site: Site, query: str) -> None:
    assert code(site.http.get(f"/v1/jobs?{query}")) == (422, "request-wrong")


# --- looking --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["aaaa", "no%20job", "%00", "..", "a" * 100])
def test_a_job_that_is_not_there_is_not_found(site: Site, name: str) -> None:
    status, _ = code(site.http.get(f"/v1/jobs/{name}"))
    assert status == 404


def test_a_problem_about_a_job_names_it(site: Site) -> None:
    assert site.http.get("/v1/jobs/aaaa").json() == {
        "type": "/problems/job-unknown",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no job aaaa.",
        "code": "job-unknown",
        "job_id": "aaaa",
    }


def test_what_is_known_already_is_not_sent_again(site: Site) -> None:
    job = site.queued()
    first = site.http.get(f"/v1/jobs/{job.id}")
    etag = first.headers["etag"]
    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        again = site.http.get(f"/v1/jobs/{job.id}", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    site.store.cancel(job.id)
    changed = site.http.get(f"/v1/jobs/{job.id}", headers={"If-None-Match": etag})
    assert (changed.status_code, changed.json()["status"]) == (200, "cancelled")


def test_the_tasks_of_a_run_are_shown_when_asked_for(site: Site) -> None:
    job = site.ended()
    assert site.http.get(f"/v1/jobs/{job.id}").json()["tasks"] is None
    tasks = site.http.get(f"/v1/jobs/{job.id}", params={"tasks": "true"}).json()["tasks"]
    assert [(task["stage"], task["clip"], task["state"]) for task in tasks] == [
        ("encode", 1, "done"),
        ("encode", 2, "done"),
    ]


def later(what: object, *arguments: object) -> threading.Timer:
    timer = threading.Timer(0.3, what, arguments)  # type: ignore[arg-type]
    timer.start()
    return timer


def test_a_wait_ends_when_the_job_does_and_not_before(site: Site) -> None:
    job = site.queued()
    timers = [later(site.store.pause, job.id)]
    timers += [threading.Timer(0.8, site.store.cancel, (job.id,))]
    timers[-1].start()
    answer = site.http.get(f"/v1/jobs/{job.id}", params={"wait": 20})
    assert answer.json()["status"] == "cancelled"
    for timer in timers:
        timer.join()


def test_a_wait_with_an_etag_ends_at_any_change(site: Site) -> None:
    job = site.queued()
    timer = later(site.store.pause, job.id)
    answer = site.http.get(f"/v1/jobs/{job.id}", params={"wait": 20}, headers={"If-None-Match": '"1"'})
    assert (answer.status_code, answer.json()["status"]) == (200, "paused")
    timer.join()


def test_a_wait_in_vain_ends_in_time(site: Site) -> None:
    job = site.queued()
    begun = time.monotonic()
    answer = site.http.get(f"/v1/jobs/{job.id}", params={"wait": 0.3})
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    same = site.http.get(f"/v1/jobs/{job.id}", params={"wait": 0.3}, headers={"If-None-Match": '"1"'})
    assert same.status_code == 304
    assert 0.6 <= time.monotonic() - begun < 15


@pytest.mark.parametrize("wait", ["-1", "61", "nan", "inf", "x"])
def test_a_wait_has_bounds(site: Site, wait: str) -> None:
    assert code(site.http.get(f"/v1/jobs/{site.queued().id}?wait={wait}")) == (422, "request-wrong")


# --- changing -------------------------------------------------------------------------------------


def test_a_job_is_paused_resumed_cancelled_retried_and_removed(site: Site) -> None:
    place = f"/v1/jobs/{site.queued().id}"
    course = ("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled"), ("retry", "queued")
    for way, status in course:
        answer = site.http.post(f"{place}/{way}")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    gone = site.http.delete(place)
    assert (gone.status_code, gone.content) == (204, b"")
    assert code(site.http.get(place)) == (404, "job-unknown")
    assert code(site.http.delete(place)) == (404, "job-unknown")


def test_what_the_state_does_not_allow_is_refused(site: Site) -> None:
    job = site.ended()
    assert job.state is State.SUCCEEDED
    for way in ("cancel", "pause", "resume", "retry"):
        answer = site.http.post(f"/v1/jobs/{job.id}/{way}")
        assert code(answer) == (409, "job-state")
        assert answer.json()["job_id"] == job.id
