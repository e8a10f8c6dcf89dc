"""Imports go down only, and never round in a ring."""

import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]


def test_imports_go_down_only() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_imports_itself_by_a_detour() -> None:
    """Beside the contract, which compares folders: here the `__init__` of a folder is a module among others.

    Imports under TYPE_CHECKING and inside functions count too.
    """
    graph = grimp.build_graph("overnight", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail("ring: " + " <- ".join(error.args[1]))
