"""Jobs that do nothing, submitted beforehand: how fast a worker with two slots gets through them.

Counted from the start of the first function (which it returns) to the end of the last job (the time that each
system keeps with it), so neither a worker's start nor our own reading counts. Ours runs every job in a fresh
process; Celery reuses two, unless it is told to do the same. Processor time is that of all of the worker's
processes, their start and end included.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping

from benchmarks import serving
from benchmarks.conditions import Conditions
from benchmarks.measuring import take_turns
from benchmarks.peers import Celery
from benchmarks.tables import Figure, Table
from benchmarks.workload import stamp

DRAIN = Figure("drain", "jobs/s")
COST = Figure("processor time of the worker", "ms/job")

#: Celery told to do what ours does always: a fresh process for every job. Slow, so it gets fewer jobs.
_ALIKE = "Celery, a process each"

_PATIENCE = 60.0


def measure(conditions: Conditions) -> Table:
    """Measure it."""
    count = conditions.pick(1500, 40)
    contestants = {"overnight": lambda: drain(count)}
    if (celery := conditions.celery) is not None:
        contestants[celery.name] = lambda: drain_celery(celery, count)
        contestants[_ALIKE] = lambda: drain_celery(celery, count // 50, "--max-tasks-per-child=1")
    table = take_turns(contestants, rounds=conditions.pick(3, 1), disk=conditions.home)
    table.compare("overnight", Celery.name, DRAIN)
    table.compare("overnight", _ALIKE, DRAIN)
    table.remarks.append(f"{count} jobs; ours in a fresh process each; Celery's prefork, 2, results in Redis")
    return table


def drain(count: int) -> Mapping[Figure, float]:
    """Drain once, through a worker that starts with all the jobs before it."""
    steady = time.time() - time.monotonic()
    handles = stamp.submit_many({} for _ in range(count))
    before = _seconds_of_children()
    with serving.worker():
        handles[-1].wait(timeout=_PATIENCE)
        starts = [steady + handle.result(timeout=_PATIENCE) / 1e9 for handle in handles]
        ends = [handle.snapshot().finished_at or 0.0 for handle in handles]
    spent = _seconds_of_children() - before
    return {DRAIN: count / (max(ends) - min(starts)), COST: spent / count * 1000}


def drain_celery(celery: Celery, count: int, *options: str) -> Mapping[Figure, float]:
    """Drain once, in the same way."""
    ids = celery.call("submit", count)["ids"]
    before = _seconds_of_children()
    with celery.worker(*options):
        reading = _seconds_of_children()
        found = celery.call("read", ids)
        reading = _seconds_of_children() - reading
    spent = _seconds_of_children() - before - reading
    return {DRAIN: count / (found["last_finish"] - found["first_start"]), COST: spent / count * 1000}


def _seconds_of_children() -> float:
    """Processor time of all processes that this one, and those it waited for, have waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
