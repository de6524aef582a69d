"""A tool that knows nothing but the document finds no fault in the server."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from web_kit import serving

CONFIG = """
[checks.positive_data_acceptance]
# What the document's schemas cannot say: fields that must fit one another, and what a plan was before.
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "422", "428", "429", "5xx"]
"""


def leave_out(document: dict[str, Any], path: str) -> None:
    """Take a path out of the document, and every link that leads there."""
    gone = {call["operationId"] for call in document["paths"].pop(path).values()}
    for call in (call for each in document["paths"].values() for call in each.values()):
        for answer in call["responses"].values():
            answer["links"] = {
                name: link for name, link in answer.get("links", {}).items() if name not in gone
            }


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    with serving(tmp_path / "home", bound=10_000, wait_s=0.05) as site:
        site.ended()
        site.queued()
        text = site.http.get("/openapi.json").text
        document = json.loads(text.replace("/videos/talk.mp4", str(site.video())))
        leave_out(document, "/v1/jobs/{job_id}/events")  # it goes on for as long as the job does
        (tmp_path / "document.json").write_text(json.dumps(document))
        (tmp_path / "config.toml").write_text(CONFIG)
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "config.toml", "run"]
        command += ["document.json", "--url", site.url, "--checks", "all", "--seed", "1"]
        command += ["--max-examples", "3", "--phases", "examples,fuzzing,stateful", "--max-time", "30"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert site.http.get("/readyz").status_code == 200
