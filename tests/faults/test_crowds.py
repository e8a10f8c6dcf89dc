"""Many workers on one store: each job is run once, and the store keeps its word under load."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack

import pytest

from overnight.store.verify import verify
from tests.faults.places import Place
from tests.waiting import until


def ran_once(place: Place, jobs: list[str]) -> None:
    """See to it that each of these jobs was started once, and succeeded."""
    assert sorted(line.job for line in place.lines() if line.word == "start") == sorted(jobs)
    assert {job.attempt for job in place.app.jobs(limit=1000)} == {1}


def test_two_workers_run_each_of_many_jobs_once_while_the_store_is_verified(place: Place) -> None:
    jobs = [place.submit("notes", n) for n in range(200)]
    found, is_over = [], threading.Event()

    def verify_again_and_again() -> None:
        while not is_over.is_set():
            found.append(verify(place.app.store))

    inspector = threading.Thread(target=verify_again_and_again)
    with place.worker(), place.worker():
        inspector.start()
        assert [job.result(60) for job in jobs] == list(range(200))
        is_over.set()
        inspector.join()
    ran_once(place, [job.id for job in jobs])
    assert len({attempt.worker for job in jobs for attempt in place.app.attempts(job.id)}) == 2
    assert len(found) > 1
    assert not any(found)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("count", [8, pytest.param(20, marks=pytest.mark.slow)])
def test_many_workers_that_start_at_once_get_along(place: Place, count: int) -> None:
    jobs = [place.submit("notes", n) for n in range(40)]
    with ExitStack() as crowd:
        workers = [crowd.enter_context(place.worker(lease="30s", slots=1)) for _ in range(count)]
        assert [job.result(60) for job in jobs] == list(range(40))
        until(lambda: len(place.app.workers()) == count, within=60, what="all of them")
        for worker in workers:
            worker.process.send_signal(signal.SIGTERM)
        assert [worker.process.wait(30) for worker in workers] == [0] * count
    ran_once(place, [job.id for job in jobs])


def test_a_rolling_restart_costs_no_job_anything(place: Place) -> None:
    jobs = [place.submit("notes", n) for n in range(200)]
    worker = place.worker()
    for started in (40, 80):
        until(lambda most=started: len(place.lines()) > most, within=30, every=0.002)
        worker.process.send_signal(signal.SIGTERM)
        following = place.worker()
        assert worker.process.wait(30) == 0
        worker = following
    with worker:
        assert [job.result(60) for job in jobs] == list(range(200))
    outcomes = {outcome for job in jobs for outcome in place.outcomes(job)}
    assert outcomes <= {"Succeeded", "Interrupted"}


def test_a_restart_in_a_hurry_costs_no_job_anything(place: Place) -> None:
    """Told a second time while the first is hardly heard, a worker kills what it has just begun."""
    jobs = [place.submit("notes", n) for n in range(60)]
    for started in (10, 30):
        with place.worker() as worker:
            until(lambda most=started: len(place.lines()) > most, within=30, every=0.002)
            worker.process.send_signal(signal.SIGTERM)
            worker.process.send_signal(signal.SIGTERM)
            assert worker.process.wait(30) == 0
    with place.worker():
        assert [job.result(60) for job in jobs] == list(range(60))
    outcomes = {outcome for job in jobs for outcome in place.outcomes(job)}
    assert outcomes <= {"Succeeded", "Interrupted"}
