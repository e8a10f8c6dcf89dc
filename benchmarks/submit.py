"""One client submits one job after the other, each durable before the next, while no worker runs.

Ours is on the disk when `submit` returns; Celery's lies in the memory of Redis.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from benchmarks.conditions import Conditions
from benchmarks.measuring import take_turns
from benchmarks.peers import Celery
from benchmarks.tables import Figure, Table
from benchmarks.workload import stamp

ONE_BY_ONE = Figure("one by one", "submits/s")
IN_BULK = Figure("submit_many", "submits/s")


def measure(conditions: Conditions) -> Table:
    """Measure it."""
    count = conditions.pick(3000, 50)
    contestants = {"overnight": lambda: submit(count)}
    if (celery := conditions.celery) is not None:
        contestants[celery.name] = lambda: submit_celery(celery, count)
    stamp.submit()  # the first opens the store
    table = take_turns(contestants, rounds=conditions.pick(5, 1), disk=conditions.home)
    table.compare("overnight", Celery.name, ONE_BY_ONE)
    table.remarks.append(f"{count} jobs; Celery's `delay` returns when Redis has the message in memory")
    return table


def submit(count: int) -> Mapping[Figure, float]:
    """Submit once, both ways."""
    began = time.perf_counter()
    for _ in range(count):
        stamp.submit()
    between = time.perf_counter()
    stamp.submit_many({} for _ in range(count))
    ended = time.perf_counter()
    return {ONE_BY_ONE: count / (between - began), IN_BULK: count / (ended - between)}


def submit_celery(celery: Celery, count: int) -> Mapping[Figure, float]:
    """Submit once, one by one: Celery has nothing else (a group is a loop of the same)."""
    seconds = celery.call("submit", count)["seconds"]
    celery.call("clear")
    return {ONE_BY_ONE: count / seconds}
