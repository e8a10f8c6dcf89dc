"""A call becomes a job: durable, in order, with its event."""

import uuid

import pytest

from overnight.clock import SetClock
from overnight.errors import NotFound
from overnight.events import fold
from overnight.jobs import Kind, State
from overnight.store import Store, events, jobs, reading
from tests.store.given import SOURCE, TASK, call, submit


def test_a_new_job_waits_and_is_due_at_once(store: Store, clock: SetClock) -> None:
    job = store.read(reading.find, submit(store, priority=3, tags=("night",), owner="ada"), with_payload=True)
    assert (job.task, job.source, job.state) == (TASK, SOURCE, State.QUEUED)
    assert job.created_at == job.due_at == clock.now()
    assert (job.attempt, job.failures, job.crashes, job.interruptions, job.n_event) == (0, 0, 0, 0, 1)
    assert (job.options.priority, job.options.tags, job.options.owner) == (3, ("night",), "ada")
    assert job.input == {"folder": "/talks"}
    assert job.result is None


def test_ids_are_uuids_of_version_7_that_grow_in_the_order_of_the_calls(store: Store) -> None:
    ids = store.write(jobs.add, [call(f"talks.t{n}") for n in range(200)])
    assert ids == sorted(ids)
    assert len(set(ids)) == 200
    assert {uuid.UUID(job).version for job in ids} == {7}
    assert [store.read(reading.find, job).task for job in ids] == [f"talks.t{n}" for n in range(200)]


def test_the_first_event_says_all_that_the_life_of_a_new_job_holds(store: Store, clock: SetClock) -> None:
    job = submit(store, delay=5.0, expires=60.0, deadline=90.0)
    [event] = store.read(events.of, job)
    assert (event.n, event.attempt, event.kind, event.at) == (1, 0, Kind.SUBMITTED, clock.now())
    life = fold([event])
    assert life["state"] == State.QUEUED
    assert life["due_at"] == clock.now() + 5
    assert life["expires_at"] == clock.now() + 60
    assert life["deadline_at"] == clock.now() + 90


def test_a_moment_wins_over_a_delay(store: Store, clock: SetClock) -> None:
    job = store.read(reading.find, submit(store, at=clock.now() + 100, delay=5.0))
    assert job.due_at == clock.now() + 100


def test_arguments_come_back_byte_for_byte(store: Store) -> None:
    data = '{"title":"Ωmega 🎙  \\u0000"}'.encode()
    [job] = store.write(jobs.add, [call(data=data)])
    assert store.read(reading.payload, job, "input") == data


def test_nothing_is_added_when_one_of_many_cannot_be(store: Store) -> None:
    broken = call(data=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="NOT NULL"):
        store.write(jobs.add, [call(), broken])
    assert store.read(reading.jobs) == []
    assert len(store.write(jobs.add, [call()])) == 1


def test_an_unknown_job_is_said_to_be_missing_from_this_store(store: Store) -> None:
    with pytest.raises(NotFound, match=str(store.home)):
        store.read(reading.find, str(uuid.uuid4()))
