"""What the docs say is what there is: commands, options, settings, error codes, warnings, styles, files."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from clipmill.commands import app
from clipmill.editing.styles import STYLES
from clipmill.settings import Settings
from clipmill.warnings import WARNINGS
from clipmill.web.problems import HTTP_PROBLEMS
from web_kit import serving

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "clipmill"
REFERENCE = ROOT / "docs" / "reference"


def codes() -> Iterator[str]:
    """Every literal that is given as the ``code`` of an error."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "code" and isinstance(node.value, ast.Constant):
                yield str(node.value.value)


def test_every_error_code_is_explained() -> None:
    text = "".join((REFERENCE / name).read_text(encoding="utf-8") for name in ("errors.md", "api.md"))
    assert sorted({code for code in codes() if f"`{code}`" not in text}) == []


def test_every_call_and_problem_of_the_api_is_explained(tmp_path: Path) -> None:
    text = (REFERENCE / "api.md").read_text(encoding="utf-8")
    with serving(tmp_path / "home") as site:
        document = site.http.get("/openapi.json").json()
    calls = [
        f"`{method.upper()} {path}`"
        for path, methods in document["paths"].items()
        for method in methods
        if method != "head"
    ]
    assert [call for call in calls if call not in text] == []
    codes = [f"| {status} | `{code}` |" for code, (status, _) in HTTP_PROBLEMS.items()]
    assert [code for code in codes if code not in text] == []
    shapes = (
        "JobTaken",
        "JobOptions",
        "JobShape",
        "TaskShape",
        "ClipShape",
        "ClipChangeTaken",
        "PlannedClip",
        "SourceShape",
        "UploadShape",
    )
    fields = {field for shape in shapes for field in document["components"]["schemas"][shape]["properties"]}
    assert sorted(field for field in fields if f"`{field}`" not in text) == []


def test_every_warning_is_explained() -> None:
    text = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    assert [code for code in WARNINGS if f"`{code}`" not in text] == []


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_explained(name: str) -> None:
    assert f"`CLIPMILL_{name.upper()}`" in (REFERENCE / "settings.md").read_text(encoding="utf-8")


def test_every_command_and_option_is_explained() -> None:
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    commands = [name for name in app if not name.startswith("-")]
    assert [name for name in commands if f"clipmill {name}" not in text] == []
    source = "".join(
        (SOURCE / f"{name}.py").read_text() for name in ("options", "commands", "service_commands")
    )
    options = set(re.findall(r'"(--[a-z-]+)"', source)) - {"--version"}
    assert sorted(option for option in options if option not in text) == []


@pytest.mark.parametrize("style", list(STYLES))
def test_every_style_is_explained(style: str) -> None:
    assert f"`{style}`" in (ROOT / "docs" / "explain" / "captions.md").read_text(encoding="utf-8")


def test_the_architecture_names_every_module_and_no_other() -> None:
    text = (ROOT / "docs" / "explain" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z0-9_/]+\.py)`", text))
    there = {
        path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if not path.name.startswith("__")
    }
    assert sorted(there - named) == []
    assert sorted(named - there) == []


@pytest.mark.parametrize(
    "page", [path for path in ROOT.rglob("*.md") if "docs" in path.parts or path.parent == ROOT]
)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 400


def test_the_lock_files_pin_with_hashes_and_name_no_index() -> None:
    for lock in (*ROOT.glob("requirements*.lock"), *ROOT.glob("demo/*.lock")):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        assert text.count("--hash=sha256:") >= len(re.findall(r"^[a-z0-9].*==", text, re.MULTILINE))
