"""Whoever is killed, the job goes on: child, worker, zygote, guard."""

from __future__ import annotations

import os
import signal
import time

from tests.faults.places import Place
from tests.waiting import until
from tests.workers import is_dead, one


def test_a_killed_child_runs_again_within_a_second(place: Place) -> None:
    job = place.submit()
    with place.worker():
        first = place.started(job)
        killed = time.monotonic()
        os.kill(first.pid, signal.SIGKILL)
        second = place.started(job, 2)
        assert second.at - killed <= 1.0
        place.open_gate()
        assert job.result(10) == 2
    assert place.outcomes(job) == ["Crashed", "Succeeded"]
    print(f"killed child: {second.at - killed:.3f}")


def test_after_a_killed_worker_the_next_goes_on_within_two_seconds(place: Place) -> None:
    job = place.submit("starts_programs", ["session", "clean", "both"])
    worker = place.worker()
    first = place.lived(job, 0.6)  # the guard has seen what it started
    programs = place.programs(job)
    assert len(programs) == 3
    assert not any(map(is_dead, programs))
    old = place.app.workers()[0].id
    worker.process.kill()
    started = time.monotonic()
    with place.worker():
        second = place.started(job, 2)
        assert second.at - started <= 2.0
        assert all(map(is_dead, [first.pid, *programs]))
        assert old not in [row.id for row in place.app.workers()]
        assert not list(place.home.glob(f"workers/{old}*"))
        place.open_gate()
        assert job.result(10) == 2
    worker.process.wait(5)
    assert place.outcomes(job) == ["Lost", "Succeeded"]
    print(f"killed worker: {second.at - started:.3f}")


def test_a_killed_zygote_costs_nobody_anything(place: Place) -> None:
    jobs = [place.submit() for _ in range(2)]
    with place.worker() as worker:
        for job in jobs:
            place.started(job)
        os.kill(one(worker, "zygote"), signal.SIGKILL)
        for job in jobs:
            place.started(job, 2)
        place.open_gate()
        assert [job.result(10) for job in jobs] == [2, 2]
    for job in jobs:
        assert place.outcomes(job) == ["Interrupted", "Succeeded"]
        found = job.snapshot()
        assert (found.failures, found.crashes, found.interruptions) == (0, 0, 1)


def test_a_killed_guard_is_replaced_and_the_job_runs_on(place: Place) -> None:
    job = place.submit()
    with place.worker() as worker:
        place.started(job)
        guard = one(worker, "guard")
        os.kill(guard, signal.SIGKILL)
        until(lambda: one(worker, "guard") != guard, what="another guard")
        place.open_gate()
        assert job.result(10) == 1


def test_guard_and_worker_killed_together_leave_nothing_that_the_next_would_not_end(place: Place) -> None:
    job = place.submit("starts_programs", ["session"])
    worker = place.worker()
    first = place.started(job)
    for pid in one(worker, "guard"), worker.pid:
        os.kill(pid, signal.SIGKILL)
    worker.process.wait(5)
    with place.worker():
        place.started(job, 2)
        assert all(map(is_dead, [first.pid, *place.programs(job)[:1]]))
        place.open_gate()
        assert job.result(10) == 2
    assert place.outcomes(job) == ["Lost", "Succeeded"]
