"""Whatever a function is doing, it can be ended: in time, to the last of its processes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from overnight.jobs import Job, State
from tests.runner import output_tasks, simple_tasks, stopping_tasks
from tests.runner.conftest import PATIENCE, Bench, are_gone, is_running, pids_in, seconds_until_ended
from tests.waiting import until

TASKS = (output_tasks, stopping_tasks)

#: As many as there are cases that do not keep a processor.
SLOTS = 14


class Case(NamedTuple):
    """What a function does when it is stopped.

    Attributes:
        task: the task.
        processes: how many processes it has, itself included.
        stopped_by: what it takes to end it.
        within: seconds in which it must have ended, from the moment at which that is asked for.
    """

    task: Any
    processes: int
    stopped_by: str
    within: float


#: A process that sleeps or loops in Python ends within a second; one in C gets its grace, which is 1 s here.
CASES = {
    "tracking": Case(stopping_tasks.track_slowly, 1, "asked", 1),
    "sleeping": Case(stopping_tasks.sleep, 1, "terminated", 1),
    "looping": Case(stopping_tasks.loop, 1, "terminated", 1),
    "asynchronous": Case(stopping_tasks.sleep_later, 1, "asked", 1),
    "blocking its loop": Case(stopping_tasks.block_the_loop, 1, "terminated", 1.5),
    "waiting for a thread": Case(stopping_tasks.wait_for_thread, 1, "terminated", 1),
    "waiting for a program": Case(stopping_tasks.run_program, 2, "terminated", 1),
    "with scattered processes": Case(stopping_tasks.scatter, 3, "terminated", 1),
    "with a pool of processes": Case(stopping_tasks.use_pool, 3, "terminated", 2),
    "cleaning up slowly": Case(stopping_tasks.clean_up_slowly, 1, "terminated", 2),
    "swallowing the first stop": Case(stopping_tasks.swallow_once, 1, "terminated", 1),
    "flooding its log": Case(output_tasks.flood_for_ever, 1, "terminated", 1.5),
    "ignoring signals": Case(stopping_tasks.ignore_signals, 1, "killed", 2),
    "failing while cleaning up": Case(stopping_tasks.raise_after_stop, 1, "terminated", 1),
    "looping in C": Case(stopping_tasks.loop_in_c, 1, "killed", 2),
    "matching": Case(stopping_tasks.match_for_ever, 1, "terminated", 1),
    "hashing in C": Case(stopping_tasks.hash_for_ever, 1, "killed", 2),
    "deaf": Case(stopping_tasks.swallow, 1, "killed", 2),
}


def nothing_is_left(bench: Bench, job: Job, pids: list[int]) -> None:
    """The outcome is written after the last process is dead, so there is nothing to wait for."""
    assert are_gone(pids)
    assert bench.left_of(job) == []


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_cancel_ends_it(bench: Bench, tmp_path: Path, case: Case) -> None:
    handle = bench.submit(case.task, tmp_path / "ledger")
    pids = pids_in(tmp_path / "ledger", case.processes)
    took = seconds_until_ended(handle, lambda: handle.cancel("enough"))
    job = handle.snapshot()
    assert (job.state, job.cancel_reason, job.error) == (State.CANCELLED, "enough", None)
    attempt = bench.last_attempt(job)
    assert (attempt.outcome, attempt.detail["stopped_by"]) == ("Cancelled", case.stopped_by)
    nothing_is_left(bench, job, pids)
    assert took <= case.within


class Started(NamedTuple):
    """A job that was given little time."""

    handle: Any
    ledger: Path
    case: Case


#: Long enough for all of them to begin, in seconds, though they begin together.
LITTLE_TIME = 1.5


@pytest.fixture(scope="module", params=["timeout", "deadline"])
def hurried(
    request: pytest.FixtureRequest, bench: Bench, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Started]]:
    """All cases with little time, at once: they end on their own."""
    folder = tmp_path_factory.mktemp(request.param)
    started = {}
    for number, (name, case) in enumerate(CASES.items()):
        if name not in BUSY:
            options = {request.param: LITTLE_TIME}
            ledger = folder / str(number)
            started[name] = Started(bench.submit(case.task, ledger, **options), ledger, case)
    return request.param, started


#: These keep a processor each.
BUSY = ("looping", "flooding its log", "looping in C", "matching", "hashing in C")


@pytest.mark.parametrize("name", [name for name in CASES if name not in BUSY])
def test_the_end_of_its_time_ends_it(
    bench: Bench, hurried: tuple[str, dict[str, Started]], name: str
) -> None:
    why, started = hurried
    handle, ledger, case = started[name]
    job = bench.ended(handle)
    check_time_was_over(bench, job, why, case)
    nothing_is_left(bench, job, pids_in(ledger, case.processes))


def check_time_was_over(bench: Bench, job: Job, why: str, case: Case) -> None:
    assert (job.state, job.error.kind, job.failures) == (State.FAILED, "TimedOut", 1)
    assert job.reason == ("deadline" if why == "deadline" else None)
    words = "time for the whole job was over" if why == "deadline" else "timeout of 1.5s"
    how = {
        "asked": "stopped when it was asked",
        "terminated": "stopped when it was told",
        "killed": "was killed after 1s",
    }
    assert words in job.error.message
    assert how[case.stopped_by] in job.error.message
    assert job.error.detail == {"stopped_by": case.stopped_by}
    attempt = bench.last_attempt(job)
    begun = job.created_at if why == "deadline" else attempt.started_at
    assert attempt.ended_at - begun <= LITTLE_TIME + case.within


@pytest.mark.parametrize(
    ("why", "name"), [("timeout", "looping"), ("timeout", "looping in C"), ("deadline", "looping in C")]
)
def test_the_end_of_its_time_ends_what_keeps_a_processor(
    bench: Bench, tmp_path: Path, why: str, name: str
) -> None:
    case = CASES[name]
    job = bench.run(case.task, tmp_path / "ledger", **{why: LITTLE_TIME})
    check_time_was_over(bench, job, why, case)
    nothing_is_left(bench, job, pids_in(tmp_path / "ledger"))


def test_the_time_that_a_function_needs_to_clean_up_is_its_own(bench: Bench, tmp_path: Path) -> None:
    handle = bench.submit(stopping_tasks.clean_up_slowly, tmp_path / "ledger")
    pids_in(tmp_path / "ledger")
    handle.cancel()
    job = bench.ended(handle)
    assert bench.lines(job, "stdout") == ["cleaned up"], "its `finally` ran to the end, undisturbed"


def test_a_value_returned_after_a_swallowed_stop_comes_too_late(bench: Bench, tmp_path: Path) -> None:
    cancelled = bench.submit(stopping_tasks.return_after_stop, tmp_path / "cancelled")
    pids_in(tmp_path / "cancelled")
    timed = bench.submit(stopping_tasks.return_after_stop, tmp_path / "timed", timeout="0.5s")
    cancelled.cancel()
    job = bench.ended(cancelled)
    assert (job.state, job.result, job.error) == (State.CANCELLED, None, None)
    assert bench.lines(job, "stdout") == ["swallowed Stopped"]
    job = bench.ended(timed)
    assert (job.state, job.result, job.error.kind) == (State.FAILED, None, "TimedOut")


@pytest.mark.parametrize("how", ["return", "exit"])
def test_a_function_that_takes_the_signal_itself_was_stopped_all_the_same(
    bench: Bench, tmp_path: Path, how: str
) -> None:
    timed = bench.submit(stopping_tasks.handle_signals, tmp_path / "timed", how, timeout="0.3s")
    cancelled = bench.submit(stopping_tasks.handle_signals, tmp_path / "cancelled", how)
    pids_in(tmp_path / "cancelled")
    assert seconds_until_ended(cancelled, cancelled.cancel) <= 1
    job = cancelled.snapshot()
    assert (job.state, job.result, job.error) == (State.CANCELLED, None, None)
    job = bench.ended(timed)
    assert (job.state, job.result, job.error.kind) == (State.FAILED, None, "TimedOut")
    assert job.error.detail == {"stopped_by": "terminated"}


def test_what_a_function_raises_while_it_is_stopped_is_kept_beside_the_stop(
    bench: Bench, tmp_path: Path
) -> None:
    job = bench.run(stopping_tasks.raise_after_stop, tmp_path / "ledger", timeout="0.3s")
    assert (job.error.kind, job.error.type) == ("TimedOut", "ValueError")
    assert "failed while cleaning up" in job.error.traceback
    assert "Stopped" in job.error.traceback


def test_a_result_that_is_returned_before_the_stop_was_raised_wins(bench: Bench, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    handle = bench.submit(stopping_tasks.return_in_time, tmp_path / "ledger", gate)
    pids_in(tmp_path / "ledger")
    handle.cancel()
    gate.touch()  # within the half second in which the function is only asked
    job = bench.ended(handle)
    assert (job.state, job.result, job.error) == (State.SUCCEEDED, "in time", None)
    assert bench.last_attempt(job).outcome == "Succeeded"


def test_a_job_that_was_claimed_and_not_started_is_cancelled(bench: Bench) -> None:
    handles = [bench.submit(simple_tasks.give, number) for number in range(40)]
    for handle in handles[20:]:
        try_to_cancel(handle)
    jobs = [bench.ended(handle) for handle in handles]
    assert all(job.state is State.SUCCEEDED for job in jobs[:20])
    for job in jobs[20:]:
        assert job.state in (State.SUCCEEDED, State.CANCELLED)
        assert (job.result is None) == (job.state is State.CANCELLED)


def try_to_cancel(handle: Any) -> None:
    from overnight.errors import Conflict  # noqa: PLC0415

    try:
        handle.cancel()
    except Conflict:  # it was faster
        assert handle.state is State.SUCCEEDED


def test_a_cancelled_job_goes_on_when_it_is_put_back(bench: Bench, tmp_path: Path) -> None:
    handle = bench.submit(stopping_tasks.sleep, tmp_path / "ledger")
    pids_in(tmp_path / "ledger")
    handle.cancel()
    bench.ended(handle)
    handle.retry()
    until(lambda: is_running(handle), within=PATIENCE)
    pids_in(tmp_path / "ledger", 2)
    handle.cancel()
    assert bench.ended(handle).attempt == 2


def test_the_worker_has_taken_no_harm(bench: Bench) -> None:
    began = time.monotonic()
    bench.works_on()
    assert time.monotonic() - began < 2
