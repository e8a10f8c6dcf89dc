"""What a bar costs for every item of a loop that does nothing, inside a job."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import serving
from benchmarks.conditions import Conditions
from benchmarks.loops import time_loops
from benchmarks.measuring import take_turns
from benchmarks.tables import Figure, Series, Table

ITEM = Figure("an item", "ns")
_OURS = "in a job"


def measure(conditions: Conditions) -> Table:
    """Measure it: every round is a job that times all the loops in turn."""
    count = conditions.pick(2_000_000, 20_000)
    with serving.worker(serving.HERE / "loops.py"):
        table = take_turns({_OURS: lambda: loops(count)}, rounds=conditions.pick(5, 1), disk=conditions.home)
    table.series = [Series(one.figure.name, ITEM, one.values) for one in table.series]
    table.remarks.append(f"{count:,} items a loop; the bare loop is part of every figure")
    return table


def loops(count: int) -> Mapping[Figure, float]:
    """Time all loops once."""
    found = time_loops.submit(count).result(timeout=60)
    return {Figure(name, "ns"): nanoseconds for name, nanoseconds in found.items()}
