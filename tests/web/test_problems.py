"""Every error is a problem, and the document says which there are."""

import json
import time
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from clipmill.errors import BudgetError, BusyError, ClipmillError, SourceError, StateError
from clipmill.web.problems import HTTP_PROBLEMS, MEDIA_TYPE, Refused, problem_response, told
from web_kit import Site


@pytest.fixture(scope="module")
def document(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.http.get("/openapi.json").json()
    return found


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "page-unknown"),
        ("GET", "/docs", 404, "page-unknown"),
        ("GET", "/v1/jobs/", 404, "page-unknown"),
        ("PUT", "/v1/jobs", 405, "method-not-allowed"),
        ("TRACE", "/healthz", 405, "method-not-allowed"),
        ("DELETE", "/v1/clips/a/video", 405, "method-not-allowed"),
    ],
)
def test_what_is_not_there_is_a_problem(site: Site, method: str, path: str, status: int, code: str) -> None:
    answer = site.http.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    problem = answer.json()
    assert (problem["code"], problem["type"], problem["status"]) == (code, f"/problems/{code}", status)


def test_a_wrong_method_is_told_the_right_ones(site: Site) -> None:
    assert site.http.put("/v1/jobs").headers["allow"] == "GET, POST"
    assert site.http.post("/v1/clips/a/video").headers["allow"] == "GET, HEAD"


def test_a_fault_of_ours_tells_no_secret(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    job = site.ended()
    with site.database.begin() as connection:
        connection.exec_driver_sql("UPDATE clips SET facts = 'oops' WHERE job = ?", (job.id,))
    answer = site.http.get(f"/v1/clips/{job.id}-m1")
    assert (answer.status_code, answer.headers["content-type"]) == (500, MEDIA_TYPE)
    assert answer.json()["code"] == "internal-error"
    assert "oops" not in answer.text
    assert "Traceback" not in answer.text
    while "Exception in ASGI application" not in caplog.text:  # told to the log after the answer
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (SourceError("No.", code="source-not-found"), 422, None),
        (StateError("No.", code="job-state"), 409, None),
        (BusyError("No.", code="database-down", retry_after=1.2), 503, "2"),
        (BusyError("No.", code="queue-full", retry_after=0.0), 429, "1"),
        (BudgetError("No.", code="disk-full"), 507, "60"),
        (ClipmillError("No.", code="folder-busy"), 500, None),
        (Refused("No.", code="range-not-satisfiable"), 416, None),
    ],
)
def test_an_error_becomes_its_status(error: ClipmillError, status: int, retry: str | None) -> None:
    answer = problem_response(error, job="abc")
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry)
    assert json.loads(bytes(answer.body))["job_id"] == "abc"


def test_the_document_is_whole(document: dict[str, Any]) -> None:
    Draft202012Validator.check_schema({"$defs": document["components"]["schemas"]})
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/components/schemas/')[1:]}:
        assert reference in document["components"]["schemas"]
    assert "HTTPValidationError" not in text
    assert "http://" not in text
    assert "https://" not in text


def test_every_call_says_what_it_does_and_how_it_fails(document: dict[str, Any]) -> None:
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            assert call["summary"], (method, path)
            assert call["description"], (method, path)
            failures = {status for status in call["responses"] if status[0] in "45d"}
            assert "default" in failures, (method, path)
            for status in failures - ({"503"} if path == "/readyz" else set()):
                assert list(call["responses"][status]["content"]) == [MEDIA_TYPE], (method, path)
            for parameter in call.get("parameters", ()):
                assert parameter.get("description"), (method, path, parameter["name"])


def test_every_field_of_a_body_says_what_it_is(document: dict[str, Any]) -> None:
    for name in ("JobTaken", "JobOptions", "SourceShape"):
        for field, schema in document["components"]["schemas"][name]["properties"].items():
            assert "$ref" in schema or schema.get("description"), (name, field)


def test_statuses_and_codes_belong_together() -> None:
    assert all(400 <= status <= 599 for status, _ in HTTP_PROBLEMS.values())
    assert "`queue-full`" in told(429)[429]["description"]
