"""Settling: one fenced write for what becomes of a job, with its event, its attempt and its result."""

import pytest

from overnight.clock import SetClock
from overnight.errors import Fenced
from overnight.jobs import Kind, Reason, State
from overnight.outcome import (
    HARD_CRASH_LIMIT,
    Cancelled,
    Crashed,
    Interrupted,
    Lost,
    OutOfMemory,
    Snoozed,
    TimedOut,
)
from overnight.store import Store, events, jobs, open_store, reading, saves
from tests.store.given import claim, error, failed, running, succeeded


def test_success_keeps_the_result_and_forgets_what_was_saved(store: Store, clock: SetClock) -> None:
    claimed = running(store)
    store.write(saves.write, claimed.job, 1, 1, b"{}")
    clock.advance(5)
    change = store.write(
        jobs.settle, claimed.job, 1, succeeded(b'{"n":1640}'), cpu_seconds=4.2, peak_memory=9
    )
    assert change.state is State.SUCCEEDED
    job = store.read(reading.find, claimed.job, with_payload=True)
    assert (job.state, job.result, job.error, job.worker) == (State.SUCCEEDED, {"n": 1640}, None, None)
    assert job.finished_at == clock.now()
    assert store.read(reading.payload, job.id, "result") == b'{"n":1640}'
    assert store.read(saves.read, job.id) is None
    [attempt] = store.read(reading.attempts, job.id)
    assert (attempt.outcome, attempt.ended_at) == ("Succeeded", clock.now())
    assert (attempt.cpu_seconds, attempt.peak_memory) == (4.2, 9)


def test_a_failure_with_attempts_left_puts_the_job_back_with_its_error(store: Store, clock: SetClock) -> None:
    claimed = running(store, attempts=2)
    raised = error(type="ValueError", traceback="Traceback …", detail={"exit_code": 3})
    change = store.write(jobs.settle, claimed.job, 1, failed(type="ValueError"), jitter=0.5)
    assert change.columns["due_at"] == clock.now() + 10
    job = store.read(reading.find, claimed.job)
    assert (job.state, job.reason, job.failures, job.due_at) == ("queued", "retry", 1, clock.now() + 10)
    clock.advance(10)
    claim(store)
    store.write(jobs.settle, claimed.job, 2, type(failed())(raised))
    job = store.read(reading.find, claimed.job)
    assert (job.state, job.failures, job.error) == (State.FAILED, 2, raised)
    attempts = store.read(reading.attempts, claimed.job)
    assert [attempt.outcome for attempt in attempts] == ["Failed", "Failed"]
    assert attempts[1].detail == {"message": "no such file", "type": "ValueError", "exit_code": 3}


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (failed(), State.FAILED, None),
        (TimedOut(error("TimedOut")), State.FAILED, None),
        (TimedOut(error("TimedOut"), deadline=True), State.FAILED, Reason.DEADLINE),
        (OutOfMemory(error("OutOfMemory", detail={"peak": 5, "limit": 4})), State.FAILED, None),
        (Crashed(error("Crashed")), State.QUEUED, Reason.CRASHED),
        (Lost(error("Lost")), State.QUEUED, Reason.LOST),
        (Interrupted("terminated"), State.QUEUED, Reason.INTERRUPTED),
        (Snoozed(600.0), State.QUEUED, Reason.SNOOZE),
        (Cancelled("killed"), State.CANCELLED, None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_outcome_is_written_as_it_was_decided(
    store: Store, outcome: object, state: State, reason: str | None
) -> None:
    claimed = running(store)
    change = store.write(jobs.settle, claimed.job, 1, outcome)  # type: ignore[arg-type]
    job = store.read(reading.find, claimed.job)
    assert (job.state, job.reason) == (state, reason) == (change.state, change.columns["reason"])
    assert job.error == change.columns.get("error")
    settled = store.read(events.of, job.id)[-1]
    assert (settled.kind, settled.attempt) == (Kind.SETTLED, 1)
    assert settled.detail["outcome"] == type(outcome).__name__


def test_facts_for_people_stand_in_the_event_and_with_the_attempt(store: Store) -> None:
    claimed = running(store)
    store.write(jobs.settle, claimed.job, 1, Cancelled("killed"), detail={"by": "ada"})
    assert store.read(events.of, claimed.job)[-1].detail == {
        "outcome": "Cancelled",
        "stopped_by": "killed",
        "by": "ada",
    }
    assert store.read(reading.attempts, claimed.job)[0].detail == {"stopped_by": "killed", "by": "ada"}


def test_who_comes_late_is_fenced_and_writes_nothing(store: Store) -> None:
    claimed = running(store)
    store.write(jobs.settle, claimed.job, 1, Lost(error("Lost")))
    claim(store)
    before = store.read(events.of, claimed.job)
    with pytest.raises(Fenced, match="attempt 1"):
        store.write(jobs.settle, claimed.job, 1, succeeded())
    assert store.read(events.of, claimed.job) == before
    assert store.read(reading.payload, claimed.job, "result") is None
    assert store.read(reading.find, claimed.job).attempt == 2


def test_an_attempt_is_settled_once(store: Store) -> None:
    claimed = running(store)
    store.write(jobs.settle, claimed.job, 1, succeeded())
    with pytest.raises(Fenced):
        store.write(jobs.settle, claimed.job, 1, failed())


def test_a_cancel_that_came_before_is_seen_where_the_job_would_go_on(store: Store) -> None:
    claimed = running(store, attempts=5)
    store.write(jobs.cancel, claimed.job, "wrong folder")
    store.write(jobs.settle, claimed.job, 1, failed())
    assert store.read(reading.find, claimed.job).state is State.CANCELLED


def test_a_result_wins_over_a_cancel_that_came_before_it_was_settled(store: Store) -> None:
    claimed = running(store)
    store.write(jobs.cancel, claimed.job)
    store.write(jobs.settle, claimed.job, 1, succeeded())
    assert store.read(reading.find, claimed.job).state is State.SUCCEEDED


def test_crashes_without_new_saved_state_are_poison_at_the_limit(store: Store, clock: SetClock) -> None:
    claimed = running(store)
    for n in (1, 2):
        store.write(jobs.settle, claimed.job, n, Crashed(error("Crashed")))
        assert store.read(reading.find, claimed.job).crashes == n
        clock.advance(3600)
        claim(store)
    store.write(jobs.settle, claimed.job, 3, Crashed(error("Crashed")))
    job = store.read(reading.find, claimed.job)
    assert (job.state, job.reason, job.crashes, job.failures) == (State.FAILED, Reason.POISON, 3, 0)


def test_crashes_count_anew_when_saved_state_moved_on_up_to_a_hard_limit(
    store: Store, clock: SetClock
) -> None:
    claimed = running(store)
    for n in range(1, HARD_CRASH_LIMIT + 1):
        store.write(saves.write, claimed.job, n, n, b"{}")
        store.write(jobs.settle, claimed.job, n, Crashed(error("Crashed")))
        job = store.read(reading.find, claimed.job)
        assert (job.crashes, job.saved_n) == (1, n)
        if n < HARD_CRASH_LIMIT:
            assert job.state is State.QUEUED
            clock.advance(3600)
            claim(store)
    assert (job.state, job.reason) == (State.FAILED, Reason.POISON)


def test_the_crash_limit_is_the_stores(store: Store, clock: SetClock) -> None:
    patient = open_store(store.home, clock=clock, crash_limit=1)
    claimed = running(patient)
    patient.write(jobs.settle, claimed.job, 1, Crashed(error("Crashed")))
    assert patient.read(reading.find, claimed.job).reason == Reason.POISON
    patient.close()


def test_text_that_no_database_takes_is_kept_as_far_as_it_can_be(store: Store) -> None:
    claimed = running(store)
    store.write(jobs.settle, claimed.job, 1, failed(message="no \ud800 such \0 file", traceback="\udfff"))
    kept = store.read(reading.find, claimed.job).error
    assert kept is not None
    assert kept.message == "no ? such \N{REPLACEMENT CHARACTER} file"
    assert store.read(events.of, claimed.job)[-1].changes["error"]["message"] == kept.message
