"""The contract, third part: what is seen of a job, and how it is stopped."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from overnight import JobFailed
from overnight.errors import JobCancelled
from overnight.jobs import State
from tests.engines import contract_tasks as tasks
from tests.engines.conftest import PATIENCE, Engine


def test_progress_has_a_rate_and_says_what_it_is_based_on(engine: Engine) -> None:
    handle = engine.submit(tasks.count_up, 30)
    assert handle.result(PATIENCE) == 30
    progress = handle.progress
    assert (progress.done, progress.total, progress.message) == (30, 30, "item 29")
    assert (progress.fraction, progress.eta) == (1.0, 0.0)
    assert 5 < progress.rate < 40
    assert progress.basis.startswith("last ")


def test_lines_of_the_log_have_level_logger_and_time(engine: Engine) -> None:
    before = time.time()
    handle = engine.submit(tasks.write_log, 3)
    engine.ended(handle)
    lines = list(handle.logs())
    assert [line.text for line in lines] == ["item 0", "item 1", "item 2", "careful: größe"]
    assert [line.level for line in lines] == [20, 20, 20, 30]
    assert {(line.stream, line.logger, line.attempt) for line in lines} == {("log", "overnight.job", 1)}
    assert all(before - 1 <= line.at <= time.time() for line in lines)
    assert list(handle.logs(attempt=2)) == []


# -- waiting -----------------------------------------------------------------------------------------


def test_waiting_for_a_time_only(engine: Engine) -> None:
    handle = tasks.add.with_options(app=engine.app, delay="1h").submit(1)
    began = time.monotonic()
    assert handle.wait(0.1) is False
    assert handle.wait(0) is False
    with pytest.raises(TimeoutError, match=r"still queued after 0\.1 s"):
        handle.result(0.1)
    assert 0.2 <= time.monotonic() - began < 2
    handle.cancel()
    assert handle.wait() is True


def test_a_job_that_waits_is_cancelled_at_once(engine: Engine) -> None:
    handle = tasks.add.with_options(app=engine.app, delay="1h").submit(1)
    assert handle.snapshot().status_text(time.time()).startswith("scheduled for")
    job = handle.cancel("not needed")
    assert (job.state, job.attempt, job.cancel_reason) == (State.CANCELLED, 0, "not needed")
    assert handle.cancel("again").cancel_reason == "not needed"
    with pytest.raises(JobCancelled, match="cancelled: not needed") as cancelled:
        handle.result(PATIENCE)
    assert isinstance(cancelled.value, JobFailed)
    assert (cancelled.value.job_id, cancelled.value.kind) == (handle.id, "Cancelled")


@pytest.mark.parametrize("task", [tasks.linger, tasks.linger_later], ids=["plain", "async"])
def test_a_timeout_ends_an_attempt_and_lets_it_clean_up(engine: Engine, tmp_path: Path, task: object) -> None:
    handle = task.with_options(app=engine.app, timeout="0.2s").submit(tmp_path / "ledger")  # type: ignore[attr-defined]
    began = time.monotonic()
    job = engine.ended(handle)
    assert time.monotonic() - began < 2
    assert (job.state, job.error.kind, job.failures, job.reason) == (State.FAILED, "TimedOut", 1, None)
    assert "timeout of 0.2s" in job.error.message
    assert job.error.detail == {"stopped_by": "asked"}
    assert (tmp_path / "ledger").read_text().strip() == "cleaned up"


def test_a_timeout_is_tried_again(engine: Engine, tmp_path: Path) -> None:
    task = tasks.linger.with_options(app=engine.app, timeout="0.1s", attempts=2, backoff="0.01s")
    job = engine.ended(task.submit(tmp_path / "ledger"))
    assert (job.attempt, job.failures, job.error.kind) == (2, 2, "TimedOut")


def test_a_deadline_ends_the_whole_job(engine: Engine, tmp_path: Path) -> None:
    task = tasks.linger.with_options(app=engine.app, deadline="0.5s", attempts=5, backoff="0.01s")
    job = engine.ended(task.submit(tmp_path / "ledger"))
    assert (job.state, job.reason, job.attempt) == (State.FAILED, "deadline", 1)
    assert job.error.kind == "TimedOut"


def test_a_function_may_look_whether_it_should_end(engine: Engine, tmp_path: Path) -> None:
    task = tasks.ask_whether_to_end.with_options(app=engine.app, timeout="0.2s")
    job = engine.ended(task.submit(tmp_path / "ledger"))
    # What it returned came after the stop it had seen: the time was over.
    assert (job.state, job.error.kind) == (State.FAILED, "TimedOut")
    assert (tmp_path / "ledger").read_text() == "saw it"


# -- the asynchronous doors --------------------------------------------------------------------------


def test_a_handle_can_be_awaited(engine: Engine) -> None:
    async def use() -> None:
        task = tasks.add.with_options(app=engine.app)
        handle = await task.submit_async(2, b=3)
        assert await handle == 5
        assert await handle.result_async(PATIENCE) == 5
        assert await handle.wait_async(PATIENCE)
        failing = await tasks.give_up.with_options(app=engine.app).submit_async()
        with pytest.raises(JobFailed, match="the file is empty"):
            await failing

    asyncio.run(use())


def test_waiting_asynchronously_for_a_time_only(engine: Engine) -> None:
    async def use() -> None:
        handle = await tasks.add.with_options(app=engine.app, delay="1h").submit_async(1)
        assert not await handle.wait_async(0.05)
        with pytest.raises(TimeoutError, match="still queued"):
            await handle.result_async(0.05)
        assert (await handle.cancel_async("enough")).state is State.CANCELLED
        with pytest.raises(JobCancelled):
            await handle

    asyncio.run(use())


def test_a_job_is_watched_to_its_end(engine: Engine) -> None:
    handle = engine.submit(tasks.count_up, 10)
    seen = list(handle.watch())
    assert seen[-1].state is State.SUCCEEDED

    async def use() -> list[State]:
        later = await tasks.count_up.with_options(app=engine.app).submit_async(10)
        return [job.state async for job in later.watch()]

    assert asyncio.run(use())[-1] is State.SUCCEEDED
