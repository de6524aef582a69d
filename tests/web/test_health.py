"""How the server is: the truth, also when a part of it is away."""

import re
from pathlib import Path

from web_kit import Site, serving


def test_a_server_with_everything_is_ready(site: Site) -> None:
    assert site.http.get("/healthz").json() == {"status": "ok"}
    assert site.http.get("/version").json() == {"clipmill": "1.2.3", "api": "v1"}
    answer = site.http.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert sorted(answer.json()["checks"]) == ["database", "disk", "sandbox", "stopping", "workers"]


def test_a_server_without_room_or_about_to_end_is_not_ready(tmp_path: Path) -> None:
    with serving(tmp_path / "home", reserve_mb=1 << 40, sandbox="full") as site:
        site.floor.stopping.set()
        answer = site.http.get("/readyz")
        assert answer.status_code == 503
        failed = [name for name, check in answer.json()["checks"].items() if not check["ok"]]
        assert failed == ["disk", "stopping"]
        assert answer.json()["checks"]["sandbox"]["detail"] == "full"
        assert site.http.get("/healthz").status_code == 200


def test_a_server_whose_database_is_away_says_so_everywhere(tmp_path: Path) -> None:
    with serving(tmp_path / "home") as site:
        site.submit()
        with site.database.begin() as connection:
            connection.exec_driver_sql("DROP TABLE workers")
        site.database.close()
        for file in tmp_path.glob("home/jobs.db*"):
            file.unlink()
        (tmp_path / "home" / "jobs.db").mkdir()
        for method, path in (("GET", "/v1/jobs"), ("GET", "/v1/jobs/a"), ("POST", "/v1/jobs/a/cancel")):
            answer = site.http.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (503, "database-down")
            assert int(answer.headers["retry-after"]) >= 1
        refused = site.submit()
        assert (refused.status_code, refused.json()["code"]) == (503, "database-down")
        ready = site.http.get("/readyz")
        assert ready.status_code == 503
        assert not ready.json()["checks"]["database"]["ok"]
        figures = site.http.get("/metrics")
        assert figures.status_code == 200
        assert "clipmill_database_up 0.0" in figures.text


def test_the_figures_tell_jobs_tasks_workers_and_requests(tmp_path: Path) -> None:
    with serving(tmp_path / "home", bound=7) as site:
        site.ended()
        site.queued()
        for path in ("/v1/jobs/x", "/v1/jobs/y", "/nothing", "/nothing/else"):
            site.http.get(path)
        site.http.request("BREW", "/v1/jobs")
        answer = site.http.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        for line in (
            "clipmill_queue_bound 7.0",
            'clipmill_jobs{state="queued"} 1.0',
            'clipmill_jobs{state="succeeded"} 1.0',
            'clipmill_jobs{state="failed"} 0.0',
            'clipmill_tasks{stage="encode",state="done"} 2.0',
            "clipmill_workers 1.0",
            "clipmill_crashes 0.0",
            "clipmill_database_up 1.0",
            'clipmill_http_requests_total{method="GET",route="/v1/jobs/{job_id}",status="404"} 2.0',
            'clipmill_http_requests_total{method="GET",route="other",status="404"} 2.0',
            'clipmill_http_seconds_count{route="/v1/jobs/{job_id}"} 2.0',
        ):
            assert f"{line}\n" in answer.text
        assert re.search(r'method="other",route="[^"]*",status="405"} 1.0', answer.text)
        assert float(re.search(r"\nclipmill_disk_free_bytes (\S+)", answer.text)[1]) > 0  # type: ignore[index]
