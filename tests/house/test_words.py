"""The source is finished, and at home on any machine."""

import re
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("src", "examples")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".sql", ".md", ".toml", ".typed", ".mako"}
)

UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|\braise NotImplementedError\b|\bassert False\b")
PLACES_OF_THIS_MACHINE = [str(ROOT), str(Path.home()), tempfile.gettempdir()]


def found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_nothing_is_left_for_later() -> None:
    assert not found(UNFINISHED)


@pytest.mark.parametrize("place", PLACES_OF_THIS_MACHINE)
def test_no_source_names_a_place_of_this_machine(place: str) -> None:
    assert not found(re.compile(rf"(?<![\w.}}]){re.escape(place)}(?!\w)"))
