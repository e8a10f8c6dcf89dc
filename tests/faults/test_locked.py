"""A stranger who holds the write lock of the store: for longer than a lease, and for less."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from overnight.store import sqlite
from tests.faults.places import Place
from tests.waiting import until
from tests.workers import is_dead


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Hold the write lock, as a person with a database browser does.

    With the library that the store uses: a second one in this process would break the locks of both.
    """
    with closing(sqlite.connect(place.home / "overnight.db")) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        yield
        stranger.execute("ROLLBACK")


def wait_in_vain(since: float) -> None:
    """Let everybody who has waited for the lock since then give up."""
    until(lambda: time.monotonic() - since > sqlite.PATIENCE + 0.7, within=20)


def test_what_cannot_renew_its_lease_is_ended_in_time_and_goes_on_when_it_can(place: Place) -> None:
    job = place.submit()
    with place.worker(lease="2s"):
        first = place.lived(job, 0.2)
        with locked(place):
            began = time.monotonic()
            until(lambda: is_dead(first.pid), within=10, what="the end of the attempt")
            assert place.lines(job.id)[-1].at - began <= 2.0
            wait_in_vain(time.monotonic())
        place.started(job, 2)
        place.open_gate()
        assert job.result(10) == 2
    assert place.outcomes(job) == ["Lost", "Succeeded"]
    assert job.snapshot().crashes == 1


def test_a_lock_that_is_held_for_less_than_a_lease_loses_nothing(place: Place) -> None:
    """But for longer than anybody waits for it: saves, endings and claims come through afterwards."""
    saving, ending = place.submit("saves"), place.submit("lasts", 0.5)
    with place.worker(lease="30s", slots=2):
        place.started(saving)
        place.started(ending)
        with locked(place):
            place.open_gate()
            wait_in_vain(time.monotonic())
            assert saving.state == ending.state == "running"
        assert saving.result(10) >= sqlite.PATIENCE
        assert ending.result(10) >= 0.5
    assert place.outcomes(saving) == place.outcomes(ending) == ["Succeeded"]
