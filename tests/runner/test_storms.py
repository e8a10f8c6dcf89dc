"""Many jobs, stopped at random moments of their lives: each ends once, as it was asked to."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from contextlib import suppress

from overnight.errors import Conflict
from overnight.jobs import State
from overnight.runner.processes import children_of
from overnight.store.verify import verify
from tests.runner import simple_tasks
from tests.runner.conftest import Bench
from tests.waiting import until

SEED = int(os.environ.get("OVERNIGHT_CHAOS_SEED", "20261124"))


def test_a_storm_of_cancels_leaves_everything_in_order(bench: Bench) -> None:
    chance = random.Random(SEED)
    handles, cancelled = [], set()
    for number in range(150):
        seconds = chance.choice([0, 0.001, 0.01, 0.05])
        handles.append(bench.submit(simple_tasks.doze, number, seconds))
        for handle in chance.sample(handles, min(len(handles), chance.randrange(3))):
            with suppress(Conflict):
                handle.cancel()
                cancelled.add(handle.id)
        time.sleep(chance.choice([0, 0, 0.001, 0.01]))  # the rhythm of the storm, not a wait for anything
    ends: Counter[State] = Counter()
    for number, handle in enumerate(handles):
        job = bench.ended(handle)
        ends[job.state] += 1
        assert (job.state, job.attempt) in [
            (State.SUCCEEDED, 1),
            (State.CANCELLED, 0),
            (State.CANCELLED, 1),
        ], (job, SEED)
        assert job.result == (number if job.state is State.SUCCEEDED else None)
        assert job.state is State.SUCCEEDED or job.id in cancelled
    assert min(ends[State.SUCCEEDED], ends[State.CANCELLED]) > 10, ends
    assert verify(bench.app.store) == []


def test_a_storm_of_timeouts_leaves_everything_in_order(bench: Bench) -> None:
    chance = random.Random(SEED)
    handles = [
        bench.submit(simple_tasks.doze, number, chance.uniform(0, 0.06), timeout=0.03, grace="0s")
        for number in range(100)
    ]
    ends = Counter(bench.ended(handle).state for handle in handles)
    assert min(ends[State.SUCCEEDED], ends[State.FAILED]) > 10, ends
    for handle in handles:
        job = handle.snapshot()
        assert job.error is None or job.error.kind == "TimedOut"
    assert verify(bench.app.store) == []


def test_no_process_was_left_by_the_storms(bench: Bench) -> None:
    """Below the worker: its guard, one zygote, and no more children of that than are ahead of their work."""

    def processes() -> bool:
        children = bench.worker.children()
        return len(children_of(bench.worker.pid)) == 2 and len(children["child"]) <= 4

    until(processes, within=5, what="the end of all that was stopped")
    bench.works_on()
