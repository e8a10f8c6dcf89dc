"""Claims: what is served and fits, best first, each job to one worker."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from overnight.clock import SetClock
from overnight.jobs import Kind, Reason, State
from overnight.outcome import Interrupted, Snoozed
from overnight.store import Store, events, jobs, reading, saves, workers
from overnight.store.lanes import DEPTH, STARVING
from tests.store.given import SOURCE, TASK, ask, call, claim, failed, register, running, submit, succeeded

GIB = 1 << 30


@pytest.fixture(autouse=True)
def worker(store: Store) -> str:
    return register(store)


def test_a_claim_carries_all_that_an_attempt_needs(store: Store, clock: SetClock) -> None:
    job = submit(store, deadline=60.0, memory=GIB)
    claimed = claim(store)
    assert (claimed.job, claimed.attempt, claimed.worker) == (job, 1, "w1")
    assert (claimed.task, claimed.source, claimed.input) == (TASK, SOURCE, b'{"folder":"/talks"}')
    assert (claimed.options.memory, claimed.deadline_at) == (GIB, clock.now() + 60)
    assert (claimed.started_at, claimed.saved, claimed.saved_n) == (clock.now(), None, 0)


def test_a_claimed_job_runs_under_a_higher_fence_and_has_its_event_and_its_attempt(store: Store) -> None:
    claimed = running(store)
    job = store.read(reading.find, claimed.job)
    assert (job.state, job.attempt, job.worker, job.started_at) == ("running", 1, "w1", claimed.started_at)
    assert [event.kind for event in store.read(events.of, job.id)] == [Kind.SUBMITTED, Kind.CLAIMED]
    [attempt] = store.read(reading.attempts, job.id)
    assert (attempt.n, attempt.worker, attempt.outcome, attempt.ended_at) == (1, "w1", None, None)


def test_the_next_attempt_begins_with_what_was_saved(store: Store) -> None:
    first = running(store)
    store.write(saves.write, first.job, 1, 3, b'{"at":812}')
    store.write(jobs.settle, first.job, 1, Interrupted())
    second = claim(store)
    assert (second.attempt, second.saved, second.saved_n) == (2, b'{"at":812}', 3)


def test_a_job_is_claimed_once_however_many_ask_at_once(store: Store) -> None:
    ids = store.write(jobs.add, [call() for _ in range(40)])
    for n in range(8):
        register(store, f"t{n}")

    def take(n: int) -> list[str]:
        taken = []
        while claims := store.write(jobs.claim, ask(f"t{n}", slots=2)):
            taken += [claimed.job for claimed in claims]
        return taken

    with ThreadPoolExecutor(8) as pool:
        taken = [job for some in pool.map(take, range(8)) for job in some]
    assert sorted(taken) == ids


def test_the_higher_priority_goes_first_and_then_the_older(store: Store, clock: SetClock) -> None:
    low_old = submit(store, priority=-1)
    clock.advance(1)
    middle_old = submit(store)
    clock.advance(1)
    middle_young, high = submit(store), submit(store, priority=5)
    assert [claim(store).job for _ in range(4)] == [high, middle_old, middle_young, low_old]


def test_order_holds_across_tasks_queues_and_sources(store: Store, clock: SetClock) -> None:
    other, elsewhere = ("talks.zip", SOURCE), ("app.mail", "/srv::app")
    expected = []
    for task, source, options in [
        (*elsewhere, {"priority": 9}),
        (TASK, SOURCE, {"priority": 8, "queue": "z"}),
        (*other, {"priority": 8}),
        (TASK, SOURCE, {}),
        (*elsewhere, {"queue": "a"}),
    ]:
        expected.append(submit(store, task, source=source, **options))
        clock.advance(1)
    claims = store.write(jobs.claim, ask("w1", (TASK, SOURCE), other, elsewhere, slots=5))
    assert [claimed.job for claimed in claims] == expected


def test_what_is_not_served_is_left_alone(store: Store) -> None:
    submit(store, "talks.other")
    submit(store, source="/home/ada/other.py")
    submit(store, source="/home/ada/a.py")
    mine = submit(store)
    assert [claimed.job for claimed in store.write(jobs.claim, ask(slots=8))] == [mine]


def test_a_worker_takes_from_its_own_queues_only(store: Store) -> None:
    submit(store, queue="gpu")
    mine = submit(store, queue="night")
    claims = store.write(jobs.claim, ask(slots=8, queues=frozenset({"night", "day"})))
    assert [claimed.job for claimed in claims] == [mine]


def test_a_job_that_is_due_later_is_not_claimed_before(store: Store, clock: SetClock) -> None:
    later = submit(store, delay=10.0, priority=9)
    now = submit(store)
    assert [claimed.job for claimed in store.write(jobs.claim, ask(slots=8))] == [now]
    clock.advance(9.9)
    assert store.write(jobs.claim, ask(slots=8)) == []
    clock.advance(0.1)
    assert [claimed.job for claimed in store.write(jobs.claim, ask(slots=8))] == [later]


@pytest.mark.parametrize("ends", [{"expires": 10.0}, {"deadline": 10.0}])
def test_a_job_that_has_waited_too_long_is_never_started(
    store: Store, clock: SetClock, ends: dict[str, float]
) -> None:
    submit(store, **ends)
    clock.advance(10)
    assert store.write(jobs.claim, ask(slots=8)) == []


def test_once_started_a_job_does_not_expire(store: Store, clock: SetClock) -> None:
    claimed = running(store, expires=10.0, attempts=2)
    store.write(jobs.settle, claimed.job, 1, Snoozed(60.0))
    clock.advance(60)
    assert store.write(jobs.expire) == 0
    assert claim(store).job == claimed.job


def test_no_more_is_claimed_than_slots_are_free(store: Store) -> None:
    ids = store.write(jobs.add, [call() for _ in range(5)])
    assert [claimed.job for claimed in store.write(jobs.claim, ask(slots=3))] == ids[:3]
    assert store.write(jobs.claim, ask(slots=0)) == []


def test_a_job_takes_as_many_slots_as_it_wants_cpus(store: Store) -> None:
    wide, narrow = submit(store, cpus=3), submit(store)
    assert [claimed.job for claimed in store.write(jobs.claim, ask(slots=2, all_slots=4))] == [narrow]
    assert [claimed.job for claimed in store.write(jobs.claim, ask(slots=3, all_slots=4))] == [wide]


def test_a_job_that_wants_more_cpus_than_there_are_slots_gets_them_all(store: Store) -> None:
    huge = submit(store, cpus=64)
    assert store.write(jobs.claim, ask(slots=3, all_slots=4)) == []
    assert [claimed.job for claimed in store.write(jobs.claim, ask(slots=4, all_slots=4))] == [huge]


def test_a_job_that_needs_more_memory_than_is_free_is_stepped_over(store: Store) -> None:
    submit(store, memory=4 * GIB)
    small, free = submit(store, memory=GIB), submit(store)
    claims = store.write(jobs.claim, ask(slots=8, memory=2 * GIB))
    assert [claimed.job for claimed in claims] == [small, free]


def test_memory_is_counted_down_within_one_claim(store: Store) -> None:
    first, _, third = (submit(store, memory=size) for size in (2 * GIB, 2 * GIB, GIB))
    claims = store.write(jobs.claim, ask(slots=8, memory=3 * GIB))
    assert [claimed.job for claimed in claims] == [first, third]


def test_behind_jobs_that_do_not_fit_others_are_found_to_a_certain_depth(store: Store) -> None:
    store.write(jobs.add, [call(memory=4 * GIB) for _ in range(DEPTH - 1)])
    fits = submit(store)
    claims = store.write(jobs.claim, ask(slots=1, memory=GIB))
    assert [claimed.job for claimed in claims] == [fits]


def test_a_wide_job_that_has_waited_for_long_is_waited_for(store: Store, clock: SetClock) -> None:
    wide = submit(store, cpus=4)
    clock.advance(STARVING + 1)
    submit(store)
    assert store.write(jobs.claim, ask(slots=2, all_slots=4)) == []
    assert [claimed.job for claimed in store.write(jobs.claim, ask(slots=4, all_slots=4))] == [wide]


def test_a_job_that_no_budget_could_ever_hold_holds_up_nobody(store: Store, clock: SetClock) -> None:
    submit(store, memory=64 * GIB)
    clock.advance(STARVING + 1)
    small = submit(store)
    claims = store.write(jobs.claim, ask(slots=2, memory=GIB, all_memory=2 * GIB))
    assert [claimed.job for claimed in claims] == [small]


def test_a_worker_without_a_lease_gets_nothing(store: Store, clock: SetClock) -> None:
    job = submit(store)
    assert store.write(jobs.claim, ask("stranger")) == []
    register(store, "late", lease=30.0)
    clock.advance(31)
    assert store.write(jobs.claim, ask("late")) == []
    assert store.write(jobs.claim_one, job, "late") is None
    store.write(workers.beat, "late", lease_until=clock.steady() + 30)
    assert [claimed.job for claimed in store.write(jobs.claim, ask("late"))] == [job]


def test_one_very_job_can_be_claimed(store: Store, clock: SetClock) -> None:
    submit(store)
    wanted = submit(store, "talks.unserved")
    claimed = store.write(jobs.claim_one, wanted, "w1")
    assert claimed is not None
    assert (claimed.job, claimed.attempt) == (wanted, 1)
    assert store.write(jobs.claim_one, wanted, "w1") is None
    later = submit(store, delay=10.0)
    assert store.write(jobs.claim_one, later, "w1") is None


def test_one_very_job_is_claimed_before_its_backoff_is_over_but_not_before_its_snooze(store: Store) -> None:
    first = running(store, attempts=2)
    store.write(jobs.settle, first.job, 1, failed())
    assert store.read(reading.find, first.job).reason == Reason.RETRY
    second = store.write(jobs.claim_one, first.job, "w1")
    assert second is not None
    store.write(jobs.settle, first.job, 2, Snoozed(600.0))
    assert store.write(jobs.claim_one, first.job, "w1") is None


def test_what_has_ended_is_not_claimed(store: Store) -> None:
    claimed = running(store)
    store.write(jobs.settle, claimed.job, 1, succeeded())
    assert store.write(jobs.claim, ask()) == []
    assert store.read(reading.find, claimed.job).state is State.SUCCEEDED
