"""Rounds in turn, and the state of the machine beside them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import psutil

from benchmarks.tables import Figure, Series, Table

#: Before each round the machine is watched for so long, to say what others use of it.
_WATCHING = 0.3

#: One round of one contestant: it measures, and returns a value for each of its figures.
Round = Callable[[], Mapping[Figure, float]]


def take_turns(contestants: Mapping[str, Round], *, rounds: int, disk: Path) -> Table:
    """Measure all contestants in turn, round after round, so that the machine's moods meet them all.

    Args:
        contestants: what is measured, by name.
        rounds: how often each has its turn; every other round goes backwards.
        disk: a folder on the disk whose fsync is timed beside them.
    """
    found: dict[tuple[str, Figure], list[float]] = {}
    fsync, others = [], []
    order = list(contestants)
    for _ in range(rounds):
        others.append(psutil.cpu_percent(_WATCHING))
        fsync.append(fsync_p50(disk))
        for name in order:
            for figure, value in contestants[name]().items():
                found.setdefault((name, figure), []).append(value)
        order.reverse()
    names = list(contestants)
    series = [Series(name, figure, values) for (name, figure), values in found.items()]
    return Table(sorted(series, key=lambda one: names.index(one.contestant)), fsync, others)


def fsync_p50(folder: Path, *, times: int = 50) -> float:
    """Return how long this disk takes to keep 4 KiB for good: the median, in µs."""
    path = folder / "fsync"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        return median(_sync_once(descriptor) for _ in range(times))
    finally:
        os.close(descriptor)
        path.unlink()


def _sync_once(descriptor: int) -> float:
    began = time.perf_counter()
    os.pwrite(descriptor, bytes(4096), 0)
    os.fdatasync(descriptor)
    return (time.perf_counter() - began) * 1e6


def percentile(values: list[float], part: float) -> float:
    """Return the value below which so large a part of the values lies."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]
