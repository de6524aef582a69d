"""Plans over HTTP: nobody's changes are lost, nothing that was not meant to change can be."""

import json
from typing import Any

import httpx
import pytest

from clipmill.jobs.records import JobRecord
from clipmill.plan import read_plan
from web_kit import Site


@pytest.fixture
def job(site: Site) -> JobRecord:
    return site.ended()


def put(site: Site, job: JobRecord, plan: Any, known: str | None = '"1"') -> httpx.Response:
    headers = {} if known is None else {"If-Match": known}
    return site.http.put(f"/v1/jobs/{job.id}/plan", json=plan, headers=headers)


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def plan_of(site: Site, job: JobRecord) -> dict[str, Any]:
    answer = site.http.get(f"/v1/jobs/{job.id}/plan")
    assert answer.headers["etag"] == f'"{answer.json()["revision"]}"'
    plan: dict[str, Any] = answer.json()
    return plan


def revision(site: Site, job: JobRecord) -> int:
    return read_plan(site.floor.workspace(job.id).path("plan.json")).revision


# --- a whole plan ---------------------------------------------------------------------------------


def test_a_plan_that_is_known_is_not_sent_again(site: Site, job: JobRecord) -> None:
    again = site.http.get(f"/v1/jobs/{job.id}/plan", headers={"If-None-Match": '"1"'})
    assert (again.status_code, again.content) == (304, b"")


def test_a_saved_plan_is_rendered_again_under_the_next_revision(site: Site, job: JobRecord) -> None:
    plan = plan_of(site, job) | {"chosen": ["m3", "m1"]}
    plan["options"]["style"] = "pop"
    answer = put(site, job, plan)
    assert (answer.status_code, answer.json()["status"], answer.headers["etag"]) == (202, "queued", '"2"')
    assert answer.json()["options"]["style"] == "pop"
    saved = read_plan(site.floor.workspace(job.id).path("plan.json"))
    assert (saved.chosen, saved.revision) == (("m3", "m1"), 2)
    assert site.store.job(job.id).run == 2


def test_without_naming_what_was_changed_nothing_is_saved(site: Site, job: JobRecord) -> None:
    assert code(put(site, job, plan_of(site, job), known=None)) == (428, "precondition-required")
    for other in ('"2"', 'W/"1"', "1", ""):
        assert code(put(site, job, plan_of(site, job), known=other)) == (412, "plan-changed")
    assert revision(site, job) == 1
    assert put(site, job, plan_of(site, job), known='"7", "1"').status_code == 202


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("source", "path"), "/etc/passwd"),
        (("source", "media", "duration"), 59.0),
        (("transcript", "path"), "../../other/transcript.json"),
        (("options", "transcript"), "/etc/passwd"),
        (("options", "model"), "/tmp/model"),
        (("options", "language"), "fr"),
    ],
)
def test_a_plan_cannot_be_turned_to_other_files(
    site: Site, job: JobRecord, place: tuple[str, ...], value: object
) -> None:
    plan = plan_of(site, job)
    part = plan
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    answer = put(site, job, plan)
    assert code(answer) == (422, "request-wrong")
    assert ".".join(place).startswith(answer.json()["errors"][0]["field"])
    assert revision(site, job) == 1


@pytest.mark.parametrize(
    ("change", "wrong", "said"),
    [
        ({"colour": 1}, "plan-wrong", "unknown key colour"),
        ({"chosen": ["m9"]}, "plan-wrong", "there is no moment 'm9'"),
        ({"schema": 2}, "plan-wrong", "schema"),
        ({"chosen": []}, "request-wrong", "1 to 100 moments"),
        ({"options": {"least": 9, "most": 3}}, "plan-wrong", "shortest clip"),
    ],
)
def test_a_wrong_plan_is_refused_with_the_place(
    site: Site, job: JobRecord, change: dict[str, Any], wrong: str, said: str
) -> None:
    answer = put(site, job, plan_of(site, job) | change)
    assert code(answer) == (422, wrong)
    assert said in answer.json()["detail"]


def test_ids_that_are_no_part_of_an_address_are_refused(site: Site, job: JobRecord) -> None:
    plan = plan_of(site, job)
    plan["moments"][0]["id"] = "../x"
    plan["chosen"] = ["../x"]
    assert code(put(site, job, plan)) == (422, "request-wrong")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000])
def test_what_is_no_plan_is_refused(site: Site, job: JobRecord, body: bytes) -> None:
    headers = {"If-Match": '"1"', "Content-Type": "application/json"}
    answer = site.http.put(f"/v1/jobs/{job.id}/plan", content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_number_that_json_cannot_say_is_refused(site: Site, job: JobRecord) -> None:
    text = json.dumps(plan_of(site, job)).replace('"raw": 1.5', '"raw": 1e999', 1)
    assert "1e999" in text
    headers = {"If-Match": '"1"', "Content-Type": "application/json"}
    answer = site.http.put(f"/v1/jobs/{job.id}/plan", content=text, headers=headers)
    assert code(answer) == (422, "body-unreadable")


def test_nothing_changes_while_the_job_is_at_work(site: Site, job: JobRecord) -> None:
    plan = plan_of(site, job)
    assert put(site, job, plan).status_code == 202  # queued again
    assert code(put(site, job, plan | {"revision": 2}, '"2"')) == (409, "job-state")
    clip = f"/v1/clips/{job.id}-m1"
    assert code(site.http.patch(clip, json={"title": "No"})) == (409, "job-state")
    assert code(site.http.post(f"{clip}/render")) == (409, "job-state")
    site.store.pause(job.id)
    assert site.http.patch(clip, json={"title": "Yes"}).status_code == 200


# --- one clip -------------------------------------------------------------------------------------


def patch(site: Site, job: JobRecord, **change: Any) -> httpx.Response:
    return site.http.patch(f"/v1/clips/{job.id}-m1", json=change)


def test_a_clip_is_moved_extended_renamed_and_recaptioned(site: Site, job: JobRecord) -> None:
    change = {
        "start": 0.5,
        "end": 33.0,
        "title": "New",
        "style": "box",
        "layout": "fit",
        "words": {"3": "Clipmill"},
    }
    answer = patch(site, job, **change)
    assert answer.status_code == 200
    said = answer.json()
    assert (said["span"], said["plan_revision"]) == ({"start": 0.5, "end": 33.0}, 2)
    assert {name: said[name] for name in ("title", "style", "layout", "words")} == {
        "title": "New",
        "style": "box",
        "layout": "fit",
        "words": {"3": "Clipmill"},
    }
    plan = read_plan(site.floor.workspace(job.id).path("plan.json"))
    assert plan.revision == 2
    assert dict(plan.changes["m1"].words) == {3: "Clipmill"}
    assert site.store.job(job.id).state == "succeeded"
    rendered = site.http.post(f"/v1/clips/{job.id}-m1/render")
    assert (rendered.status_code, rendered.json()["status"]) == (202, "queued")


def test_what_is_left_out_stays_and_null_goes_back(site: Site, job: JobRecord) -> None:
    patch(site, job, start=1, title="New")
    assert patch(site, job, end=14).json()["span"] == {"start": 1.0, "end": 14.0}
    back = patch(site, job, start=None, end=None, title=None).json()
    assert (back["span"], back["title"]) == ({"start": 0.0, "end": 15.0}, "Title m1")
    assert dict(read_plan(site.floor.workspace(job.id).path("plan.json")).changes) == {}


def test_a_change_that_changes_nothing_makes_no_revision(site: Site, job: JobRecord) -> None:
    assert patch(site, job).json()["plan_revision"] == 1
    assert patch(site, job, start=0).json()["plan_revision"] == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"start": -1}, "start"),
        ({"start": 16}, "start"),
        ({"end": 61}, "end"),
        ({"start": 5, "end": 5}, "start"),
        ({"title": ""}, "title"),
        ({"style": "comic"}, "style"),
        ({"colour": 1}, "colour"),
        ({"words": {"x": "y"}}, "words.x.[key]"),
        ({"start": "1"}, "start"),
    ],
)
def test_a_change_that_cannot_be_is_refused_by_its_field(
    site: Site, job: JobRecord, change: dict[str, Any], field: str
) -> None:
    answer = patch(site, job, **change)
    assert code(answer) == (422, "request-wrong")
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert revision(site, job) == 1


def test_a_clip_that_the_plan_has_left_behind_cannot_be_changed(site: Site, job: JobRecord) -> None:
    put(site, job, plan_of(site, job) | {"chosen": ["m2"]})
    site.store.pause(job.id)
    assert code(patch(site, job, title="No")) == (409, "clip-not-chosen")
    assert code(site.http.post(f"/v1/clips/{job.id}-m1/render")) == (409, "clip-not-chosen")
