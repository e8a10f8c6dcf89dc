"""A worker that is told to leave hands its jobs over, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.faults.places import Place
from tests.waiting import until
from tests.workers import is_dead, one


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_resumable_job_goes_on_elsewhere_where_it_stood(place: Place, number: signal.Signals) -> None:
    job, other = place.submit("counts", 3000), place.submit("lasts", 0.6)
    with place.worker() as first:
        place.lived(job, 0.3)
        place.started(other)
        with place.worker() as second:
            until(lambda: len(place.app.workers()) == 2, within=20, what="the second worker")
            told = time.monotonic()
            assert first.stop(number, within=10) == 0
            assert place.started(job, 2).at - told <= 2.0
            place.open_gate()
            assert job.result(20) == list(range(3000)), "nothing is counted twice, nothing is left out"
            assert other.result(10) >= 0.6
            assert [row.pid for row in place.app.workers()] == [second.pid]
    assert place.outcomes(job) == ["Interrupted", "Succeeded"]
    assert place.outcomes(other) == ["Succeeded"], "it ended in time"
    found = job.snapshot()
    assert (found.failures, found.crashes, found.interruptions) == (0, 0, 1)


def test_what_does_not_end_in_time_is_killed_and_costs_nothing(place: Place) -> None:
    job = place.submit("starts_programs", ["both"])
    with place.worker(OVERNIGHT_HANDOVER="0.5s") as worker:
        first = place.started(job)
        told = time.monotonic()
        assert worker.stop(within=10) == 0
        assert 0.5 <= time.monotonic() - told <= 4.0
        assert all(map(is_dead, [first.pid, *place.programs(job)]))
    found = job.snapshot()
    assert (found.state, found.failures, found.crashes, found.interruptions) == ("queued", 0, 0, 1)


def test_told_twice_a_worker_leaves_at_once(place: Place) -> None:
    job = place.submit()
    with place.worker() as worker:
        first = place.started(job)
        os.kill(worker.pid, signal.SIGTERM)
        until(lambda: place.app.workers()[0].leaving, what="its leaving")
        assert not is_dead(first.pid)
        told = time.monotonic()
        assert worker.stop(within=10) == 0
        assert time.monotonic() - told <= 2.0
        assert is_dead(first.pid)
    assert place.outcomes(job) == ["Interrupted"]


def test_a_worker_that_leaves_claims_nothing_more(place: Place) -> None:
    job = place.submit()
    with place.worker() as worker:
        place.started(job)
        os.kill(worker.pid, signal.SIGTERM)
        until(lambda: place.app.workers()[0].leaving, what="its leaving")
        waiting = place.submit("notes", 1)
        assert "no worker serves it" in (waiting.snapshot().unserved or "")
        place.open_gate()
        assert job.result(10) == 1
        assert worker.process.wait(10) == 0
    assert waiting.snapshot().attempt == 0


def test_a_guard_that_is_frozen_keeps_nobody_from_leaving(place: Place) -> None:
    job = place.submit("notes", 1)
    with place.worker() as worker:
        assert job.result(20) == 1
        os.kill(one(worker, "guard"), signal.SIGSTOP)
        assert worker.stop(within=10) == 0
