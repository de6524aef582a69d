"""A tool that knows nothing but the document finds no fault in the server."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from web_kit import serving

CONFIG = """
[checks.positive_data_acceptance]
# What the document's schemas cannot say: fields that must fit one another, what a plan was before, what is in
# the headers of an upload, how long its body may be, and that it was removed.
expected-statuses = [
  "2xx", "3xx", "400", "403", "404", "409", "410", "412", "413", "422", "428", "429", "5xx",
]

[checks.negative_data_rejection]
# What tus answers to another version of itself, and to more bytes than there may be.
expected-statuses = ["400", "403", "404", "405", "409", "412", "413", "415", "422", "428", "429", "5xx"]
"""


HOOKS = """
import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
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
        upload = site.floor.uploads.create("", "talk.mp4", 1000).id
        text = site.http.get("/openapi.json").text
        text = text.replace("upload2lkmfrggzdfmztwq2l", upload)
        document = json.loads(text.replace("/videos/talk.mp4", str(site.video())))
        leave_out(document, "/v1/jobs/{job_id}/events")  # it goes on for as long as the job does
        (tmp_path / "document.json").write_text(json.dumps(document))
        (tmp_path / "config.toml").write_text(CONFIG)
        (tmp_path / "hooks.py").write_text(HOOKS)
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "config.toml", "run"]
        command += ["document.json", "--url", site.url, "--checks", "all", "--seed", "1"]
        command += ["--max-examples", "3", "--phases", "examples,fuzzing,stateful", "--max-time", "30"]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks"},
        )
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert site.http.get("/readyz").status_code == 200
