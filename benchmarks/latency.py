"""An idle worker gets a job: when its function starts, and when its result is read back.

Submitted with a pause before each. Both clocks are the machine's steady one: the function returns its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from benchmarks import serving
from benchmarks.conditions import Conditions
from benchmarks.measuring import percentile, take_turns
from benchmarks.peers import Celery
from benchmarks.tables import Figure, Table
from benchmarks.workload import stamp

START_P50 = Figure("submit → function starts, p50", "ms")
START_P99 = Figure("submit → function starts, p99", "ms")
ANSWER_P50 = Figure("submit → result read, p50", "ms")
ANSWER_P99 = Figure("submit → result read, p99", "ms")

_PAUSE = 0.02


def measure(conditions: Conditions) -> Table:
    """Measure it."""
    count = conditions.pick(150, 10)
    contestants = {"overnight": lambda: answer(count)}
    if (celery := conditions.celery) is not None:
        contestants[celery.name] = lambda: answer_celery(celery, count)
    table = take_turns(contestants, rounds=conditions.pick(5, 1), disk=conditions.home)
    table.compare("overnight", Celery.name, START_P50)
    table.compare("overnight", Celery.name, ANSWER_P50)
    table.remarks.append(f"{count} jobs a round, {_PAUSE * 1000:.0f} ms apart")
    return table


def answer(count: int) -> Mapping[Figure, float]:
    """Submit to a worker of ours."""
    starts, answers = [], []
    with serving.worker():
        serving.wait_ready()
        for _ in range(5):
            stamp.submit().result(timeout=60)
        for _ in range(count):
            time.sleep(_PAUSE)
            began = time.monotonic_ns()
            started = stamp.submit().result(timeout=60)
            answers.append((time.monotonic_ns() - began) / 1e6)
            starts.append((started - began) / 1e6)
    return _figures(starts, answers)


def answer_celery(celery: Celery, count: int) -> Mapping[Figure, float]:
    """Submit to a worker of Celery."""
    with celery.worker():
        found = celery.call("latency", count, _PAUSE)
    return _figures(found["starts"], found["answers"])


def _figures(starts: list[float], answers: list[float]) -> Mapping[Figure, float]:
    return {
        START_P50: percentile(starts, 0.50),
        START_P99: percentile(starts, 0.99),
        ANSWER_P50: percentile(answers, 0.50),
        ANSWER_P99: percentile(answers, 0.99),
    }
