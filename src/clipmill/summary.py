"""What became of some sources, as one JSON document."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from clipmill import __version__
from clipmill.clipfile import SUFFIXES
from clipmill.errors import ClipmillError
from clipmill.made import Made
from clipmill.workspace import Workspace


@dataclass(slots=True)
class Summary:
    """Every clip with its files, best first, and every source with what was said about it."""

    clips: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)

    def add(self, made: Made) -> None:
        """Take note of a source that is done."""
        self.clips += _clips(made)
        self.sources.append(_source(made))

    def add_failure(self, source: str, error: ClipmillError) -> None:
        """Take note of a source that failed."""
        fault = {"code": error.code, "message": error.message}
        self.sources.append({"source": source, "error": fault})

    def document(self) -> dict[str, Any]:
        """All of it."""
        failed = sum("error" in source for source in self.sources)
        counted = {"done": len(self.sources) - failed, "failed": failed}
        return {"clipmill": __version__, **counted, "clips": self.clips, "sources": self.sources}


def counts(done: int, failed: int, faults: Sequence[tuple[str, ClipmillError]]) -> list[str]:
    """How many sources are done and how many failed, and why, in lines for people."""
    lines = [f"{done} done, {failed} failed{':' if faults else '.'}"]
    lines += [f"  {source}: {error.one_line()} ({error.code})" for source, error in faults]
    return lines + ([f"  and {failed - len(faults)} more"] if failed > len(faults) else [])


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
        "words_by": made.plan.transcript.by,
        "warnings": list(made.warnings),
    }
