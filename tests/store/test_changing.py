"""What happens to a job besides its attempts: cancel, revive, expire, sleep, progress."""

import pytest

from overnight.clock import SetClock
from overnight.errors import Conflict, NotFound
from overnight.jobs import Kind, Reason, State
from overnight.outcome import Cancelled, Crashed
from overnight.progress import Progress
from overnight.store import Store, events, jobs, reading, saves, workers
from overnight.store.changing import ProcessNote, note
from overnight.store.jobs import ProgressNote
from tests.store.given import claim, error, failed, register, running, submit, succeeded


def kinds(store: Store, job: str) -> list[Kind]:
    return [event.kind for event in store.read(events.of, job)]


# -- cancel ------------------------------------------------------------------------------------------


def test_a_job_that_waits_is_cancelled_at_once(store: Store, clock: SetClock) -> None:
    job = submit(store, delay=60.0)
    cancelled = store.write(jobs.cancel, job, "not needed")
    assert (cancelled.state, cancelled.finished_at) == (State.CANCELLED, clock.now())
    assert cancelled.cancel_reason == "not needed"
    assert kinds(store, job) == [Kind.SUBMITTED, Kind.CANCELLED]


def test_a_job_that_runs_is_asked_to_stop_and_its_worker_is_told(store: Store, clock: SetClock) -> None:
    claimed = running(store)
    cancelled = store.write(jobs.cancel, claimed.job)
    assert (cancelled.state, cancelled.cancel_requested_at) == (State.RUNNING, clock.now())
    assert cancelled.status_text(clock.now()) == "cancelling"
    assert store.read(workers.cancels, "w1") == [claimed.job]
    store.write(jobs.settle, claimed.job, 1, Cancelled())
    assert store.read(workers.cancels, "w1") == []


def test_cancelling_again_answers_the_same_and_records_nothing(store: Store, clock: SetClock) -> None:
    waiting, claimed = submit(store, delay=60.0), running(store)
    for job in (waiting, claimed.job):
        first = store.write(jobs.cancel, job, "once")
        clock.advance(1)
        assert store.write(jobs.cancel, job, "twice") == first
        assert len(store.read(events.of, job)) == first.n_event


@pytest.mark.parametrize("outcome", [succeeded(), failed()], ids=["succeeded", "failed"])
def test_what_has_ended_cannot_be_cancelled(store: Store, outcome: object) -> None:
    claimed = running(store)
    store.write(jobs.settle, claimed.job, 1, outcome)  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="nothing left to cancel"):
        store.write(jobs.cancel, claimed.job)


def test_there_is_nothing_to_cancel_or_revive_in_a_job_that_is_not_there(store: Store) -> None:
    for verb in (jobs.cancel, jobs.revive):
        with pytest.raises(NotFound):
            store.write(verb, "01890000-0000-7000-8000-000000000000")


# -- revive ------------------------------------------------------------------------------------------


def test_a_failed_job_goes_back_with_its_budgets_and_its_saved_state(store: Store, clock: SetClock) -> None:
    claimed = running(store, expires=60.0, deadline=600.0)
    store.write(saves.write, claimed.job, 1, 4, b"{}")
    store.write(jobs.settle, claimed.job, 1, failed())
    clock.advance(10_000)
    revived = store.write(jobs.revive, claimed.job)
    assert (revived.state, revived.reason, revived.due_at) == ("queued", Reason.REVIVED, clock.now())
    assert (revived.failures, revived.error, revived.finished_at, revived.started_at) == (0, None, None, None)
    assert (revived.expires_at, revived.deadline_at) == (clock.now() + 60, clock.now() + 600)
    again = claim(store)
    assert (again.attempt, again.saved_n, again.deadline_at) == (2, 4, clock.now() + 600)


def test_a_revived_job_expires_anew(store: Store, clock: SetClock) -> None:
    claimed = running(store, expires=60.0)
    store.write(jobs.settle, claimed.job, 1, failed())
    store.write(jobs.revive, claimed.job)
    clock.advance(60)
    assert store.write(jobs.expire) == 1


def test_a_cancelled_job_goes_back_and_is_not_cancelled_any_more(store: Store) -> None:
    claimed = running(store)
    store.write(jobs.cancel, claimed.job, "by mistake")
    store.write(jobs.settle, claimed.job, 1, Cancelled())
    revived = store.write(jobs.revive, claimed.job)
    assert (revived.cancel_requested_at, revived.cancel_reason) == (None, None)
    claim(store)
    assert store.read(workers.cancels, "w1") == []


def test_the_crashes_of_a_revived_job_are_forgiven(store: Store, clock: SetClock) -> None:
    claimed = running(store)
    for n in (1, 2, 3):
        store.write(jobs.settle, claimed.job, n, Crashed(error("Crashed")))
        clock.advance(60)
        if n < 3:
            claim(store)
    store.write(jobs.revive, claimed.job)
    claim(store)
    store.write(jobs.settle, claimed.job, 4, Crashed(error("Crashed")))
    job = store.read(reading.find, claimed.job)
    assert (job.state, job.crashes) == (State.QUEUED, 1)


def test_only_what_failed_or_was_cancelled_can_be_revived(store: Store) -> None:
    waiting = submit(store, delay=60.0)
    claimed = running(store)
    for job in (waiting, claimed.job):
        with pytest.raises(Conflict, match="only a failed or cancelled job"):
            store.write(jobs.revive, job)
    store.write(jobs.settle, claimed.job, 1, succeeded())
    with pytest.raises(Conflict, match="succeeded") as raised:
        store.write(jobs.revive, claimed.job)
    assert "rerun" in str(raised.value)


def test_a_job_with_one_start_is_not_given_another_by_hand(store: Store) -> None:
    claimed = running(store, at_most_once=True)
    store.write(jobs.settle, claimed.job, 1, failed())
    with pytest.raises(Conflict, match="at_most_once"):
        store.write(jobs.revive, claimed.job)
    never_started = submit(store, at_most_once=True, delay=60.0)
    store.write(jobs.cancel, never_started)
    assert store.write(jobs.revive, never_started).state is State.QUEUED


# -- expire ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "reason", "kind"),
    [
        ({"expires": 60.0}, Reason.EXPIRED, "Expired"),
        ({"deadline": 60.0}, Reason.DEADLINE, "TimedOut"),
        ({"expires": 60.0, "deadline": 61.0}, Reason.EXPIRED, "Expired"),
        ({"expires": 61.0, "deadline": 60.0}, Reason.DEADLINE, "TimedOut"),
    ],
)
def test_a_job_that_waits_for_too_long_fails(
    store: Store, clock: SetClock, ends: dict[str, float], reason: str, kind: str
) -> None:
    job = submit(store, **ends)
    clock.advance(59.9)
    assert not store.read(reading.has_expired)
    assert store.write(jobs.expire) == 0
    clock.advance(5)
    assert store.read(reading.has_expired)
    assert store.write(jobs.expire) == 1
    found = store.read(reading.find, job)
    assert (found.state, found.reason, found.finished_at) == (State.FAILED, reason, clock.now())
    assert found.error is not None
    assert found.error.kind == kind
    assert kinds(store, job)[-1] is Kind.EXPIRED
    assert not store.read(reading.has_expired)


def test_jobs_expire_in_portions(store: Store, clock: SetClock) -> None:
    for _ in range(5):
        submit(store, expires=1.0)
    clock.advance(1)
    assert [store.write(jobs.expire, limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_job_that_runs_or_was_cancelled_does_not_expire(store: Store, clock: SetClock) -> None:
    running(store, expires=1.0, deadline=1.0)
    store.write(jobs.cancel, submit(store, expires=1.0))
    clock.advance(5)
    assert store.write(jobs.expire) == 0


def test_the_deadline_counts_on_while_a_job_waits_for_another_attempt(store: Store, clock: SetClock) -> None:
    claimed = running(store, attempts=9, expires=1.0, deadline=60.0)
    store.write(jobs.settle, claimed.job, 1, failed())
    clock.advance(60)
    assert store.write(jobs.expire) == 1
    assert store.read(reading.find, claimed.job).reason == Reason.DEADLINE


# -- sleep and progress ------------------------------------------------------------------------------


def test_a_sleep_of_the_machine_is_recorded_for_what_ran(store: Store) -> None:
    claimed, waiting = running(store), submit(store)
    register(store, "w2")
    elsewhere = claim(store, "w2")
    store.write(jobs.note_sleep, "w1", 2520.0)
    slept = store.read(events.of, claimed.job)[-1]
    assert (slept.kind, slept.detail, slept.changes) == (Kind.SLEPT, {"seconds": 2520.0}, {})
    assert elsewhere.job == waiting
    assert kinds(store, waiting) == [Kind.SUBMITTED, Kind.CLAIMED]


def test_progress_is_kept_without_an_event_and_the_newest_wins(store: Store) -> None:
    claimed = running(store)
    for done in (1.0, 812.0):
        told = Progress(done=done, total=1640.0, message="talk 812 \ud800", rate=3.1, basis="last 30s")
        store.write(jobs.note_progress, [ProgressNote(claimed.job, 1, told)])
    job = store.read(reading.find, claimed.job)
    assert (job.progress.done, job.progress.total, job.progress.message) == (812.0, 1640.0, "talk 812 ?")
    assert (job.progress.rate, job.progress.basis) == (3.1, "last 30s")
    assert job.n_event == 2


def test_progress_of_an_attempt_that_is_over_is_dropped(store: Store) -> None:
    claimed = running(store, attempts=2)
    store.write(jobs.settle, claimed.job, 1, failed())
    note = ProgressNote(claimed.job, 1, Progress(done=5.0))
    store.write(jobs.note_progress, [note])
    assert store.read(reading.find, claimed.job).progress == Progress()


def test_the_process_of_an_attempt_is_noted_while_it_runs(store: Store) -> None:
    claimed = running(store)
    store.write(note, [ProgressNote(claimed.job, 1, Progress(done=1.0))], [ProcessNote(claimed.job, 1, 4711)])
    assert store.read(reading.attempts, claimed.job)[0].detail == {"pid": 4711}
    assert store.read(reading.find, claimed.job).progress.done == 1.0
    store.write(jobs.settle, claimed.job, 1, succeeded())
    store.write(note, [], [ProcessNote(claimed.job, 1, 4712)])
    assert "4712" not in str(store.read(reading.attempts, claimed.job)[0].detail)
