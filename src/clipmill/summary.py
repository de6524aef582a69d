"""What became of some jobs, as one JSON document."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from clipmill import __version__
from clipmill.clipfile import SUFFIXES
from clipmill.errors import ClipmillError
from clipmill.made import Made
from clipmill.workspace import Workspace


def summary(done: Sequence[Made], failed: Sequence[tuple[str, ClipmillError]]) -> dict[str, Any]:
    """Every clip with its files, best first, and every source with what was said about it."""
    return {
        "clipmill": __version__,
        "clips": [clip for made in done for clip in _clips(made)],
        "sources": [_source(made) for made in done]
        + [{"source": source, "error": {"code": e.code, "message": e.message}} for source, e in failed],
    }


def _clips(made: Made) -> list[dict[str, Any]]:
    work, rows = Workspace(made.folder.absolute()), []
    for clip in made.clips:
        facts = TypeAdapter(type(clip)).dump_python(clip, mode="json")
        for long in ("words", "crop_path", "scenes", "signals"):
            del facts[long]
        files = {suffix[1:]: work.clip(clip.rank, suffix) for suffix in SUFFIXES}
        paths = {name: str(file) for name, file in files.items() if file.exists()}
        rows.append({"path": paths["mp4"], "source": made.source, **facts, "files": paths})
    return rows


def _source(made: Made) -> dict[str, Any]:
    folder = made.folder.absolute()
    return {
        "source": made.source,
        "folder": str(folder),
        "plan": str(folder / "plan.json"),
        "report": str(folder / "report.html"),
        "clips": len(made.clips),
        "language": made.plan.transcript.language,
        "warnings": list(made.warnings),
    }
