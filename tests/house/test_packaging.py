"""What is shipped is what is here, and the commands that the pages name are real."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "overnight"


def test_the_version_is_said_once_and_the_installed_package_tells_it() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert version("overnight") == declared
    assert not [path for path in PACKAGE.rglob("*.py") if declared in path.read_text(encoding="utf-8")]


def test_the_wheel_holds_every_file_of_the_package_and_the_mark_that_it_is_typed(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=50,
    )
    (wheel,) = tmp_path.glob("overnight-*.whl")
    shipped = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    here = {path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert shipped == {path.relative_to(PACKAGE.parent).as_posix() for path in here}
    assert "overnight/py.typed" in shipped


def test_the_command_starts_a_function() -> None:
    (command,) = entry_points(group="console_scripts", name="overnight")
    assert callable(command.load())


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert re.search(r"\bmake test\b", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert re.search(r"^make test$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_make_command_of_the_pages_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.compile(r"[`$] ?(?:PYTHON=\S+ )?make ((?:[a-z]+ ?)+)")
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    asked = {
        target
        for page in pages
        for words in named.findall(page.read_text(encoding="utf-8"))
        for target in words.split()
    }
    assert "test" in asked
    assert asked <= targets
