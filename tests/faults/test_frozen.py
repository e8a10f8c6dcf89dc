"""A worker that is frozen for longer than its lease, alone and beside another one."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.places import Place
from tests.waiting import until
from tests.workers import is_dead, one

LEASE = "2s"


def test_a_frozen_worker_takes_its_own_jobs_back_when_it_wakes(place: Place) -> None:
    job, quick = place.submit(), place.submit("lasts", 1.0)
    with place.worker(lease=LEASE) as worker:
        first = place.lived(job, 0.2)
        place.started(quick)
        os.kill(worker.pid, signal.SIGSTOP)
        until(lambda: is_dead(first.pid), within=10, what="the guard's deed")
        assert place.lines(job.id)[-1].at - first.at < 2.5, "it lived on behind the deadline"
        os.kill(worker.pid, signal.SIGCONT)
        place.started(job, 2)
        place.open_gate()
        assert job.result(10) == 2
        assert quick.result(10) >= 1.0
    assert place.outcomes(job) == ["Lost", "Succeeded"]
    assert place.outcomes(quick) == ["Succeeded"], "what it said before the deadline counts"


@pytest.mark.parametrize("with_guard", [False, True])
def test_another_worker_goes_on_and_the_frozen_one_begins_anew(place: Place, with_guard: bool) -> None:
    job = place.submit()
    with place.worker(lease=LEASE, slots=1) as frozen:
        place.started(job)
        old = place.app.workers()[0].id
        for pid in [*([one(frozen, "guard")] if with_guard else []), frozen.pid]:
            os.kill(pid, signal.SIGSTOP)
        with place.worker(lease=LEASE, slots=1):
            second = place.started(job, 2)
            assert second.at - place.lines(job.id)[0].at < 7
            for pid in [*([one(frozen, "guard")] if with_guard else []), frozen.pid]:
                os.kill(pid, signal.SIGCONT)
            until(
                lambda: frozen.pid in [row.pid for row in place.app.workers()], within=10, what="its return"
            )
            until(lambda: len(place.app.workers()) == 2, within=10, what="two workers")
            assert old not in [row.id for row in place.app.workers()]
            other = place.submit()  # one slot is taken, so that this is work for the one that woke
            place.started(other)
            assert frozen.pid in [
                row.pid
                for row in place.app.workers()
                if row.id in {attempt.worker for attempt in place.app.attempts(other.id)}
            ]
            place.open_gate()
            assert (job.result(10), other.result(10)) == (2, 1)
    assert place.outcomes(job) == ["Lost", "Succeeded"]


def test_a_job_that_is_frozen_is_not_lost(place: Place) -> None:
    """Its worker beats for it: that a job lives says nothing of how fast it is."""
    job = place.submit()
    with place.worker(lease="1s"):
        first = place.started(job)
        os.kill(first.pid, signal.SIGSTOP)
        [before] = place.app.workers()
        until(lambda: place.app.workers()[0].beat_at - before.beat_at > 1.5, within=10, what="some beats")
        os.kill(first.pid, signal.SIGCONT)
        place.open_gate()
        assert job.result(10) == 1
