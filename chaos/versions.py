"""The next version of clipmill, installed beside this one, as it may be after an update."""

import shutil
import sys
import venv
from pathlib import Path

import clipmill

ADDED = """MIGRATIONS = (*MIGRATIONS, ("ALTER TABLE jobs ADD COLUMN from_the_next_version TEXT",))


"""
_BEFORE = "def migrate("


def next_version(folder: Path) -> Path:
    """Install clipmill with another version number and one more migration; its Python program.

    What it needs is where this Python has it: see ``surroundings``.
    """
    package = folder / "source" / "clipmill"
    shutil.copytree(Path(clipmill.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    major, minor, *_ = clipmill.__version__.split(".")
    said = f'__version__ = "{major}.{int(minor) + 1}.0"'
    _change(package / "__init__.py", f'__version__ = "{clipmill.__version__}"', said)
    _change(package / "jobs" / "tables.py", _BEFORE, ADDED + _BEFORE)
    return install(package.parent, folder / "venv")


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"{file} does not say {old!r} once")
    file.write_text(text.replace(old, new), encoding="utf-8")


def install(source: Path, folder: Path) -> Path:
    """A Python of its own, at ``folder``, that finds clipmill in ``source``."""
    venv.create(folder, system_site_packages=True, symlinks=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    (packages / "clipmill.pth").write_text(f"{source}\n")
    return folder / "bin" / "python"


def surroundings(python: Path) -> dict[str, str]:
    """What such a Python needs in its environment to find this one's packages, as those of its user."""
    return {} if python == Path(sys.executable) else {"PYTHONUSERBASE": sys.prefix}
