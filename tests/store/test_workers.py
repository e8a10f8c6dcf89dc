"""Workers: rows, beats, orders, leaving, and the locks that tell whether they live."""

import os
import signal
import subprocess
import sys

from overnight.clock import SetClock
from overnight.outcome import Interrupted
from overnight.store import Store, jobs, reading, serving, workers
from overnight.store.workers import Served
from tests.store.given import SOURCE, TASK, ask, claim, register, running, submit, succeeded


def test_a_row_comes_back_as_it_was_written(store: Store, clock: SetClock) -> None:
    register(store, queues=("a", "b"), lease=30.0, slots=7)
    [row] = store.read(workers.all_workers)
    assert (row.id, row.pid, row.host, row.slots, row.queues) == ("w1", os.getpid(), "here", 7, ("a", "b"))
    assert row.sources == {SOURCE: Served(tasks={TASK: {"schema": {}}})}
    assert (row.beat_at, row.lease_until, row.leaving) == (clock.steady(), clock.steady() + 30, False)


def test_a_beat_extends_the_lease_and_brings_orders(store: Store, clock: SetClock) -> None:
    claimed = running(store)
    orders = store.write(workers.beat, "w1", lease_until=clock.steady() + 30)
    assert (orders.cancels, orders.is_known) == ([], True)
    store.write(jobs.cancel, claimed.job)
    clock.advance(10)
    orders = store.write(workers.beat, "w1", lease_until=clock.steady() + 30, leaving=True)
    assert orders.cancels == [claimed.job]
    [row] = store.read(workers.all_workers)
    assert (row.beat_at, row.lease_until, row.leaving) == (clock.steady(), clock.steady() + 30, True)


def test_a_beat_may_tell_what_is_served_now(store: Store) -> None:
    register(store)
    served = {"/srv::app": Served(tasks={}, broken="SyntaxError: '('"), SOURCE: Served(fresh="it uses torch")}
    store.write(workers.beat, "w1", lease_until=9e9, sources=served)
    store.write(workers.beat, "w1", lease_until=9e9)
    assert store.read(workers.all_workers)[0].sources == served


def test_a_worker_whose_row_was_taken_away_learns_it_from_its_beat(store: Store) -> None:
    register(store)
    store.write(workers.leave, "w1")
    assert not store.write(workers.beat, "w1", lease_until=9e9).is_known


def test_what_a_worker_runs_is_known_by_its_fences(store: Store) -> None:
    first, second = running(store), running(store)
    register(store, "w2")
    elsewhere = running(store, "w2")
    assert sorted(store.read(workers.running_of, "w1")) == [(first.job, 1), (second.job, 1)]
    assert store.read(workers.running_of, "w2") == [(elsewhere.job, 1)]


def test_a_row_stays_for_as_long_as_something_runs_on_it(store: Store) -> None:
    """By the row it is found when it has to be rescued."""
    claimed = running(store)
    store.write(workers.leave, "w1")
    assert [row.id for row in store.read(workers.all_workers)] == ["w1"]
    store.write(jobs.settle, claimed.job, 1, succeeded())
    store.write(workers.leave, "w1")
    assert store.read(workers.all_workers) == []


# -- leaving when idle -------------------------------------------------------------------------------


def leaves(store: Store) -> bool:
    left = store.write(workers.leave_if_idle, "w1")
    assert left == (not store.read(workers.all_workers))
    return left


def test_an_idle_worker_leaves(store: Store) -> None:
    register(store)
    assert leaves(store)


def test_a_worker_stays_for_a_job_that_waits_even_until_tomorrow(store: Store) -> None:
    register(store)
    job = submit(store, delay=86400.0)
    assert not leaves(store)
    store.write(jobs.cancel, job)
    assert leaves(store)


def test_a_worker_does_not_stay_for_what_it_does_not_serve(store: Store) -> None:
    register(store, queues=("default",))
    submit(store, "talks.other")
    submit(store, source="/home/ada/other.py")
    submit(store, queue="gpu")
    assert leaves(store)


def test_a_worker_stays_for_a_broken_source_that_somebody_will_repair(store: Store) -> None:
    register(store, broken="SyntaxError: invalid syntax")
    submit(store)
    assert not leaves(store)


def test_a_worker_stays_while_a_job_that_it_serves_runs_elsewhere(store: Store) -> None:
    register(store)
    claimed = running(store, "w2")
    assert not store.write(workers.leave_if_idle, "w1")
    store.write(jobs.settle, claimed.job, 1, Interrupted())
    claim(store, "w2")
    store.write(jobs.settle, claimed.job, 2, succeeded())
    assert store.write(workers.leave_if_idle, "w1")


def test_a_worker_that_serves_all_files_stays_for_every_job_of_its_queues(store: Store) -> None:
    register(store, queues=("default",), all_files=True)
    elsewhere = submit(store, source="/home/ada/other.py")
    assert store.read(serving.attendants, "/home/ada/other.py")
    assert store.read(reading.find, elsewhere, with_payload=True).unserved == "its worker is importing it"
    assert not leaves(store)
    store.write(jobs.cancel, elsewhere)
    submit(store, queue="gpu")
    assert leaves(store)


# -- leases that ran out -----------------------------------------------------------------------------


def test_a_worker_whose_lease_was_voided_can_neither_claim_nor_beat(store: Store) -> None:
    claimed = running(store)
    [row] = store.read(workers.all_workers)
    assert store.write(workers.condemn, row)
    submit(store)
    assert store.write(jobs.claim, ask()) == []
    assert not store.write(workers.beat, "w1", lease_until=9e9).is_known
    assert store.read(workers.running_of, "w1") == [(claimed.job, 1)], "by its row it is still rescued"
    assert not store.write(workers.condemn, row), "somebody else did"


def test_a_lease_that_was_renewed_meanwhile_is_not_voided(store: Store, clock: SetClock) -> None:
    register(store)
    [row] = store.read(workers.all_workers)
    store.write(workers.beat, "w1", lease_until=clock.steady() + 60)
    assert not store.write(workers.condemn, row)
    assert store.write(workers.beat, "w1", lease_until=clock.steady() + 60).is_known


# -- locks -------------------------------------------------------------------------------------------


def test_a_lock_is_held_until_it_is_released(store: Store) -> None:
    descriptor = workers.take_lock(store.home, "w1")
    assert not workers.is_lock_free(store.home, "w1")
    workers.release_lock(store.home, "w1", descriptor)
    assert list((store.home / "workers").iterdir()) == []


def test_a_lock_that_is_not_there_proves_nothing(store: Store) -> None:
    assert not workers.is_lock_free(store.home, "w1")


def test_looking_at_a_lock_does_not_take_it(store: Store) -> None:
    descriptor = workers.take_lock(store.home, "w1")
    os.close(descriptor)
    assert workers.is_lock_free(store.home, "w1")
    assert workers.is_lock_free(store.home, "w1")
    workers.remove_lock(store.home, "w1")


def test_a_lock_is_held_by_every_process_that_inherited_it(store: Store) -> None:
    descriptor = workers.take_lock(store.home, "w1")
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=[descriptor]
    ) as heir:
        os.close(descriptor)
        assert not workers.is_lock_free(store.home, "w1")
        heir.send_signal(signal.SIGKILL)
        heir.wait(timeout=10)
    assert workers.is_lock_free(store.home, "w1")


def test_a_row_of_a_worker_that_died_is_still_read(store: Store) -> None:
    register(store, "w1", lease=30.0)
    assert store.read(serving.attendants, SOURCE)
    assert [row.id for row in store.read(workers.all_workers)] == ["w1"]
