"""Loops that are measured inside a job: bare, and under the bars that people use."""

import time
from collections.abc import Callable, Iterable

from rich.progress import track as rich_track
from tqdm import tqdm

from overnight import task, track

BARS: dict[str, Callable[[list[int]], Iterable[int]]] = {
    "bare loop": lambda items: items,
    "track(list)": track,
    "track(generator)": lambda items: track((item for item in items), total=len(items)),
    "track(resume=True)": lambda items: track(items, resume=True),
    "tqdm": tqdm,
    "rich": rich_track,
}


@task
def time_loops(count: int) -> dict[str, float]:
    """Return what an item costs under each bar, in ns."""
    items = list(range(count))
    return {name: _time(bar(items)) / count for name, bar in BARS.items()}


def _time(loop: Iterable[int]) -> int:
    began = time.perf_counter_ns()
    for _ in loop:
        pass
    return time.perf_counter_ns() - began
