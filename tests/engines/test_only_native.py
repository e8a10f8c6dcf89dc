"""What takes a worker: order, times, a cancel that arrives while the function runs, and what is printed."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from overnight import JobFailed
from overnight.errors import JobCancelled
from overnight.jobs import State
from overnight.sources import Source
from overnight.tasks import find_task
from tests.engines import contract_tasks as tasks
from tests.engines.conftest import PATIENCE, Engine
from tests.waiting import until


def noted(ledger: Path) -> list[str]:
    return [line.split()[0] for line in ledger.read_text().splitlines()]


def test_higher_priority_goes_first_then_who_came_first(native: Engine, tmp_path: Path) -> None:
    gate, ledger = tmp_path / "gate", tmp_path / "ledger"
    holding = native.submit(tasks.hold, gate)
    until(lambda: holding.state is State.RUNNING, within=PATIENCE)
    handles = [
        tasks.note.with_options(app=native.app, priority=priority).submit(ledger, word)
        for word, priority in [("low", -1), ("first", 0), ("high", 5), ("second", 0), ("higher", 6)]
    ]
    gate.touch()
    for handle in handles:
        native.ended(handle)
    assert noted(ledger) == ["higher", "high", "first", "second", "low"]


def test_every_queue_is_served_and_priority_counts_across_them(native: Engine, tmp_path: Path) -> None:
    gate, ledger = tmp_path / "gate", tmp_path / "ledger"
    holding = native.submit(tasks.hold, gate)
    until(lambda: holding.state is State.RUNNING, within=PATIENCE)
    handles = [
        tasks.note.with_options(app=native.app, queue=queue, priority=priority).submit(ledger, queue)
        for queue, priority in [("mail", 0), ("reports", 3), ("default", 1)]
    ]
    gate.touch()
    for handle in handles:
        native.ended(handle)
    assert noted(ledger) == ["reports", "default", "mail"]


def test_a_delayed_job_starts_when_it_is_due(native: Engine, tmp_path: Path) -> None:
    delayed = tasks.note.with_options(app=native.app, delay="0.3s").submit(tmp_path / "a", "x")
    at = datetime.now(UTC) + timedelta(seconds=0.4)
    timed = tasks.note.with_options(app=native.app, at=at).submit(tmp_path / "b", "x")
    assert delayed.state is State.QUEUED
    assert delayed.snapshot().status_text(time.time()).startswith("scheduled for")
    due = {delayed: delayed.snapshot().created_at + 0.3, timed: at.timestamp()}
    for handle, file in ((delayed, tmp_path / "a"), (timed, tmp_path / "b")):
        native.ended(handle)
        started = float(file.read_text().split()[1])
        assert 0 <= started - due[handle] < 1


def test_a_retry_waits_for_its_backoff_and_a_snooze_for_its_wait(native: Engine) -> None:
    backoff = tasks.fail_until.with_options(app=native.app, backoff="0.4s").submit(2)
    asked = native.submit(tasks.ask_for_another, 2, "0.3s")
    snoozed = native.submit(tasks.snooze_until, 3, "0.3s")
    for handle, wait, failures in ((backoff, 0.3, 1), (asked, 0.3, 1), (snoozed, 0.3, 0)):
        job = native.ended(handle)
        assert (job.state, job.failures) == (State.SUCCEEDED, failures)
        attempts = native.app.attempts(handle.id)
        gaps = [later.started_at - earlier.ended_at for earlier, later in pairwise(attempts)]
        assert all(wait <= gap < wait + 1 for gap in gaps), gaps
    assert native.app.attempts(snoozed.id)[0].outcome == "Snoozed"


def test_a_snoozed_job_says_when_it_goes_on(native: Engine) -> None:
    handle = native.submit(tasks.snooze_until, 2, "1h")
    until(lambda: handle.snapshot().reason == "snooze", within=PATIENCE)
    job = handle.snapshot()
    assert job.state is State.QUEUED
    assert 3500 < job.due_at - time.time() <= 3600
    assert job.status_text(time.time()).startswith("scheduled for")
    handle.cancel()


def test_a_job_that_is_not_started_in_time_expires(native: Engine) -> None:
    handle = tasks.add.with_options(app=native.app, delay="1h", expires="0.2s").submit(1)
    with pytest.raises(JobFailed) as failed:
        handle.result(PATIENCE)
    assert failed.value.kind == "Expired"
    job = handle.snapshot()
    assert (job.state, job.reason, job.attempt) == (State.FAILED, "expired", 0)


def test_a_deadline_counts_while_a_job_waits(native: Engine) -> None:
    waiting = tasks.add.with_options(app=native.app, delay="1h", deadline="0.2s").submit(1)
    retried = tasks.fail_until.with_options(app=native.app, backoff="1h", deadline="1m").submit(2)
    job = native.ended(waiting)
    assert (job.state, job.reason, job.attempt) == (State.FAILED, "deadline", 0)
    job = native.ended(
        retried
    )  # another attempt would begin after the deadline, so it need not be waited for
    assert (job.state, job.reason, job.attempt, job.error.type) == (State.FAILED, "deadline", 1, "OSError")


@pytest.mark.parametrize("task", [tasks.linger, tasks.linger_later], ids=["plain", "async"])
def test_a_running_job_is_cancelled_and_cleans_up(native: Engine, tmp_path: Path, task: object) -> None:
    handle = native.submit(task, tmp_path / "ledger")
    until(lambda: handle.state is State.RUNNING, within=PATIENCE)
    asked_at = time.monotonic()
    assert handle.cancel("changed my mind").state is State.RUNNING
    with pytest.raises(JobCancelled, match="changed my mind"):
        handle.result(PATIENCE)
    assert time.monotonic() - asked_at < 1
    # A function that had not begun has nothing to clean up.
    attempts = native.app.attempts(handle.id)
    assert attempts[-1].outcome == "Cancelled"


def test_progress_is_seen_while_the_function_runs(native: Engine) -> None:
    handle = native.submit(tasks.count_up, 90)
    seen = until(lambda: handle.progress.done and handle.snapshot(), within=PATIENCE)
    assert (seen.state, seen.progress.total) == (State.RUNNING, 90)
    assert seen.progress.message.startswith("item ")
    assert handle.result(PATIENCE) == 90


def test_a_function_sees_that_it_was_cancelled(native: Engine, tmp_path: Path) -> None:
    handle = native.submit(tasks.ask_whether_to_end, tmp_path / "ledger")
    until(lambda: handle.state is State.RUNNING, within=PATIENCE)
    handle.cancel()
    job = native.ended(handle)
    assert job.state is State.CANCELLED
    assert job.result is None


def test_a_failed_job_that_waits_for_its_backoff_is_cancelled_at_once(native: Engine) -> None:
    handle = tasks.fail_until.with_options(app=native.app, backoff="1h").submit(2)
    until(lambda: handle.snapshot().reason == "retry", within=PATIENCE)
    assert handle.snapshot().status_text(time.time()).startswith("retrying at")
    assert handle.cancel().state is State.CANCELLED


def test_what_is_printed_is_kept_line_by_line(native: Engine) -> None:
    handle = native.submit(tasks.speak, "größe")
    native.ended(handle)
    assert {(line.stream, line.text) for line in handle.logs()} == {("stdout", "größe"), ("stderr", "GRÖSSE")}


def test_a_plain_function_of_a_file_is_run_without_a_decorator(native: Engine) -> None:
    source = Source.of(tasks.undeclared)
    assert native.submit(find_task(source, "undeclared"), 4).result(PATIENCE) == 8
    assert native.submit(find_task(source, "counted"), ["a", "b", "a"]).result(PATIENCE) == {"a": 2, "b": 1}


def test_jobs_that_nobody_serves_say_so_and_wait(native: Engine, tmp_path: Path) -> None:
    file = tmp_path / "other.py"
    file.write_text("from overnight import task\n\n@task\ndef unserved() -> int:\n    return 1\n")
    task = find_task(Source.named(str(file), tmp_path), "unserved")
    handle = native.submit(task)
    assert handle.snapshot().unserved
    assert "overnight worker" in handle.snapshot().status_text(time.time())
    assert not handle.wait(0.2)
    handle.cancel()
