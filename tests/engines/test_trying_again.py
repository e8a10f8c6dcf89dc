"""The contract, second part: what is tried again, how often, and what ends a job for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from overnight import JobFailed
from overnight.errors import Conflict
from overnight.jobs import State
from tests.engines import contract_tasks as tasks
from tests.engines.conftest import PATIENCE, Engine


@pytest.mark.parametrize("task", [tasks.fail_until, tasks.fail_until_later], ids=["plain", "async"])
def test_a_failure_is_tried_again_and_counted(engine: Engine, task: object) -> None:
    handle = engine.submit(task, 3)
    assert handle.result(PATIENCE) == 3
    job = handle.snapshot()
    assert (job.attempt, job.failures, job.crashes, job.interruptions, job.error) == (3, 2, 0, 0, None)
    assert [attempt.outcome for attempt in engine.app.attempts(handle.id)] == [
        "Failed",
        "Failed",
        "Succeeded",
    ]


def test_after_the_last_attempt_the_last_error_stays(engine: Engine) -> None:
    job = engine.ended(engine.submit(tasks.fail_until, 4))
    assert (job.state, job.attempt, job.failures, job.reason) == (State.FAILED, 3, 3, None)
    assert (job.error.type, job.error.message) == ("OSError", "attempt 3")


@pytest.mark.parametrize(
    "error", ["TypeError", "NameError", "AttributeError", "ImportError", "SyntaxError", "NotImplementedError"]
)
def test_an_error_of_the_program_is_not_tried_again(engine: Engine, error: str) -> None:
    job = engine.ended(engine.submit(tasks.fail_until, 3, error))
    assert (job.state, job.attempt, job.error.type) == (State.FAILED, 1, error)


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        ("TypeError", 3),  # a programming error, but named
        ("ConnectionError", 3),
        ("ConnectionResetError", 3),  # a child of a named one
        ("OSError", 1),  # not named
        ("NameError", 1),
    ],
)
def test_only_what_is_named_is_tried_again(engine: Engine, error: str, attempts: int) -> None:
    job = engine.ended(engine.submit(tasks.fail_until_naming, 3, error))
    assert job.attempt == attempts
    assert job.state is (State.SUCCEEDED if attempts == 3 else State.FAILED)


def test_a_task_says_itself_when_to_try_again(engine: Engine) -> None:
    handle = engine.submit(tasks.ask_for_another, 3, "0.02s")  # its backoff alone would be an hour
    assert handle.result(PATIENCE) == 3
    assert handle.snapshot().failures == 2


def test_asking_for_another_attempt_costs_one(engine: Engine) -> None:
    handle = engine.submit(tasks.always_ask)
    with pytest.raises(JobFailed, match="still busy") as failed:
        handle.result(PATIENCE)
    assert failed.value.type == "overnight.errors.Retry"
    assert handle.snapshot().failures == 2


def test_giving_up_ends_the_job_at_once(engine: Engine) -> None:
    handle = engine.submit(tasks.give_up)
    with pytest.raises(JobFailed, match="the file is empty"):
        handle.result(PATIENCE)
    assert handle.snapshot().attempt == 1


def test_one_start_is_all_that_at_most_once_allows(engine: Engine, tmp_path: Path) -> None:
    handle = engine.submit(tasks.once, tmp_path / "ledger")
    job = engine.ended(handle)
    assert (job.state, job.attempt) == (State.FAILED, 1)
    with pytest.raises(Conflict, match="at_most_once"):
        handle.retry()
    assert (tmp_path / "ledger").read_text() == "started\n"


def test_a_snooze_of_the_only_start_is_refused_with_the_cure(engine: Engine, tmp_path: Path) -> None:
    job = engine.ended(engine.submit(tasks.once, tmp_path / "ledger", snooze=True))
    assert (job.state, job.attempt) == (State.FAILED, 1)
    assert "cannot snooze" in job.error.message
    assert "delay=" in job.error.hint


def test_a_failed_job_is_put_back_with_fresh_counters(engine: Engine) -> None:
    handle = engine.submit(tasks.fail_until, 5)
    assert engine.ended(handle).failures == 3
    handle.retry()
    job = engine.ended(handle)
    assert (job.state, job.attempt, job.failures, job.result) == (State.SUCCEEDED, 5, 1, 5)
    assert job.error is None


def test_a_cancelled_job_is_put_back(engine: Engine) -> None:
    handle = tasks.add.with_options(app=engine.app, delay="1h").submit(1)
    handle.cancel("too early")
    assert handle.state is State.CANCELLED
    handle.retry()
    job = engine.ended(handle)
    assert (job.state, job.result, job.cancel_reason, job.cancel_requested_at) == (
        State.SUCCEEDED,
        2,
        None,
        None,
    )


# -- what is kept from one attempt to the next -------------------------------------------------------


def test_a_loop_goes_on_where_the_last_attempt_stopped(engine: Engine, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    handle = engine.submit(tasks.walk, ledger, [3, 7])
    assert handle.result(PATIENCE) == {"count": 10}
    seen = [line.split() for line in ledger.read_text().splitlines()]
    assert [int(item) for _, item in seen] == list(range(10)), "each item once, in order"
    assert [attempt for attempt, _ in seen] == [*"111", *"2222", *"333"]


def test_a_job_put_back_by_hand_goes_on_from_what_it_saved(engine: Engine, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    handle = engine.submit(tasks.walk, ledger, [2, 4, 6])
    assert engine.ended(handle).state is State.FAILED
    handle.retry()
    assert handle.result(PATIENCE) == {"count": 10}
    assert [int(line.split()[1]) for line in ledger.read_text().splitlines()] == list(range(10))


def test_a_rerun_begins_at_the_beginning(engine: Engine, tmp_path: Path) -> None:
    first = engine.submit(tasks.walk, tmp_path / "first", [])
    first.wait(PATIENCE)
    assert first.rerun(ledger=tmp_path / "second").result(PATIENCE) == {"count": 10}
    assert len((tmp_path / "second").read_text().splitlines()) == 10


def test_facts_and_files_of_a_job_outlive_an_attempt(engine: Engine, tmp_path: Path) -> None:
    task = tasks.keep_facts.with_options(app=engine.app, owner="ada")
    handle = task.submit(tmp_path / "ledger")
    told = handle.result(PATIENCE)
    assert told == {"kept": "1;", "attempt": 2, "id": handle.id, "owner": "ada"}
    first, second = (tmp_path / "ledger").read_text().splitlines()
    assert first == second
    directory = Path(first.split()[2])
    assert directory == engine.app.store.home / "jobs" / handle.id
    assert (directory / "kept.txt").read_text() == "1;2;"
