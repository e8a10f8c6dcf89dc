"""A file is one thought, small enough for one sitting, and named for what it holds."""

import re
from pathlib import Path
from statistics import median

PACKAGE = Path(__file__).parents[2] / "src" / "overnight"
SOURCES = sorted(PACKAGE.rglob("*.py"))

NAMES_THAT_SAY_NOTHING = {"utils", "util", "common", "helpers", "helper", "manager", "base", "misc"}


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_is_longer_than_350_lines() -> None:
    too_long = {str(path.relative_to(PACKAGE)): lines(path) for path in SOURCES if lines(path) > 350}
    assert not too_long, "split these by thought"


def test_half_of_the_files_are_no_longer_than_150_lines() -> None:
    assert median(lines(path) for path in SOURCES) <= 150


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    paths = [path.relative_to(PACKAGE).with_suffix("") for path in SOURCES]
    assert not [path for path in paths if NAMES_THAT_SAY_NOTHING & {part.strip("_") for part in path.parts}]


def test_no_class_is_named_for_its_place_in_a_tree_of_classes() -> None:
    named = re.compile(r"^\s*class\s+_*(?:Base|Abstract)[A-Z]\w*", re.MULTILINE)
    assert not [name for path in SOURCES for name in named.findall(path.read_text(encoding="utf-8"))]
