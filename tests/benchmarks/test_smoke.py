"""The benchmarks run: each measures something, and keeps what it measured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import NAMES
from benchmarks.tables import Figure, Series, Table

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", NAMES)
def test_each_benchmark_measures_and_keeps_every_value(name: str, tmp_path: Path) -> None:
    kept = tmp_path / "found.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--quick", "--no-peers", "--json", kept],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(kept.read_text(encoding="utf-8"))
    assert found["machine"]["overnight"]
    series = found["tables"][name]["series"]
    assert series
    assert all(one["values"] and one["median"] >= 0 for one in series)
    assert {one["figure"] for one in series if one["median"] == 0} <= {"processor"}, "nothing takes no time"


def test_two_contestants_are_compared_round_by_round() -> None:
    figure = Figure("drain", "jobs/s")
    table = Table(
        [Series("one", figure, [10, 30]), Series("other", figure, [20, 20])], [1.0, 1.0], [0.0, 0.0]
    )
    table.compare("one", "other", figure)
    (ratio,) = [series for series in table.series if series.contestant == "one / other"]
    assert ratio.values == [0.5, 1.5]


def test_who_was_not_measured_is_compared_with_nobody() -> None:
    figure = Figure("drain", "jobs/s")
    table = Table([Series("one", figure, [10])], [1.0], [0.0])
    table.compare("one", "other", figure)
    assert len(table.series) == 1
