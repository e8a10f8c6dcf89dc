"""300 jobs while children, zygotes, guards and workers are killed at random: each ends, exactly once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from overnight.jobs import State
from overnight.store.verify import verify
from tests.faults import chaos_tasks
from tests.waiting import until
from tests.workers import RunningWorker, app_on, nothing_is_left

TASKS = chaos_tasks.__name__
SEED = int(os.environ.get("OVERNIGHT_CHAOS_SEED", "20261124"))
VICTIMS = ["child"] * 6 + ["zygote"] * 2 + ["guard"] * 2 + ["worker"] * 2


@pytest.mark.timeout(180)
def test_every_job_ends_exactly_once(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    home, ledger = tmp_path / "home", tmp_path / "ledger"
    app = app_on(home, crash_limit=1000)
    kinds = (
        [chaos_tasks.short] * 5 + [chaos_tasks.looping] * 2 + [chaos_tasks.with_program, chaos_tasks.failing]
    )
    handles = []
    for n in range(300):
        kind = chance.choice(kinds).with_options(app=app)
        handles.append((kind.name, n, kind.submit(ledger, n)))
    worker = RunningWorker(home, TASKS, OVERNIGHT_CRASH_LIMIT="1000")
    kills: Counter[str] = Counter()
    try:
        until(lambda: app.jobs(state=State.SUCCEEDED), within=20, what="the first job")
        ends = time.monotonic() + 45
        while time.monotonic() < ends and not all(handle.state.is_final for *_, handle in handles[-5:]):
            time.sleep(chance.uniform(0.1, 0.9))  # the rhythm of the kills, not a wait for anything
            victim = chance.choice(VICTIMS)
            if victim == "worker":
                worker.process.kill()
                worker.process.wait(5)
                worker = RunningWorker(home, TASKS, OVERNIGHT_CRASH_LIMIT="1000")
            elif pids := worker.children()[victim]:
                try:
                    os.kill(chance.choice(pids), signal.SIGKILL)
                except ProcessLookupError:
                    continue
            else:
                continue
            kills[victim] += 1
        until(
            lambda: all(handle.state.is_final for *_, handle in handles),
            within=60,
            what=f"the end of all jobs after {kills} (seed {SEED})",
        )
    finally:
        worker.__exit__(None, None, None)
    assert min(kills["child"] - 5, kills["worker"] - 1) > 0, f"too few kills to mean anything: {kills}"
    _check_results(handles)
    _check_witness(ledger)
    assert verify(app.store) == []
    nothing_is_left(home)


def _check_results(handles: list[tuple[str, int, object]]) -> None:
    for name, n, handle in handles:
        job = handle.snapshot()  # type: ignore[attr-defined]
        assert job.state is State.SUCCEEDED, (name, n, job.error)
        expected = {"short": n * n, "looping": sum(range(40))}.get(name.rpartition(".")[2], n)
        assert job.result == expected


def _check_witness(ledger: Path) -> None:
    """No two attempts of a job ran at the same time, and none ran twice under one number."""
    spans: dict[str, list[tuple[int, str, float]]] = defaultdict(list)
    for line in ledger.read_text().splitlines():
        job, attempt, word, _, at = line.split()
        spans[job].append((int(attempt), word, float(at)))
    for job, seen in spans.items():
        starts = [attempt for attempt, word, _ in seen if word == "start"]
        assert len(starts) == len(set(starts)), f"job {job} began an attempt twice"
        in_time = [attempt for attempt, _, _ in sorted(seen, key=lambda entry: entry[2])]
        assert in_time == sorted(in_time), f"attempts of job {job} overlapped"
