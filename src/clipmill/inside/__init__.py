"""Programs that run inside a sandboxed child, each started as ``python -m clipmill.inside.NAME REQUEST``.

Only these modules import the libraries that open untrusted media, run models (av, onnxruntime,
faster_whisper, pocketsphinx) or fetch from other sites (yt_dlp). They speak one line of JSON at a time on
stdout: ``{"share": 0.3}`` as they go, then ``{"result": ...}`` or ``{"error": {"kind", "code", "message"}}``.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clipmill.errors import ClipmillError


def tell(share: float) -> None:
    """Report the share done, 0 to 1."""
    print(json.dumps({"share": round(share, 4)}), flush=True)


def serve(answer: Callable[[dict[str, Any]], Any]) -> None:
    """Answer the request on the command line and end; a typed error is an answer too."""
    request = _request(sys.argv[1])
    _keep_stdout_clean()
    try:
        line = {"result": answer(request)}
    except ClipmillError as error:
        line = {"error": {"kind": type(error).__name__, "code": error.code, "message": error.message}}
    print(json.dumps(line), flush=True)


def _request(argument: str) -> dict[str, Any]:
    text = Path(argument[1:]).read_text() if argument.startswith("@") else argument
    request: dict[str, Any] = json.loads(text)
    return request


def _keep_stdout_clean() -> None:
    """Keep the answer's line for ourselves: what native libraries print goes to stderr."""
    sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
