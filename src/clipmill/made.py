"""What a finished job left: its clips, and the page that shows them."""

from dataclasses import dataclass
from pathlib import Path

from clipmill import report
from clipmill.clipfile import ClipFile, finished_clip
from clipmill.plan import Plan, read_plan
from clipmill.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Made:
    """What a finished job left."""

    source: str
    folder: Path
    plan: Plan
    clips: tuple[ClipFile, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Codes of what the user should know."""
        degraded = (code for clip in self.clips for code in clip.degraded)
        return tuple(dict.fromkeys((*self.plan.warnings, *degraded)))

    def video(self, clip: ClipFile) -> Path:
        """The file of one of the clips."""
        return Workspace(self.folder).clip(clip.rank, ".mp4")


def gather(source: str, work: Workspace) -> Made:
    """The clips that are there of those that the plan wants; leaves ``report.html``, which shows them."""
    plan = read_plan(work.path("plan.json"))
    numbers = range(1, len(plan.chosen) + 1)
    clips = tuple(clip for number in numbers if (clip := finished_clip(work, number, key=None)))
    made = Made(source, work.folder, plan, clips)
    work.write(work.path("report.html"), report.page(made.plan, made.clips, made.warnings))
    return made
