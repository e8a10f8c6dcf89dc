"""Where the inline engine differs, it does as its documentation says."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from overnight import task
from overnight.jobs import Call, State
from overnight.options import Options
from overnight.sources import Source
from tests.engines import contract_tasks as tasks
from tests.engines.conftest import Engine


def test_a_job_has_ended_when_submit_returns(inline: Engine) -> None:
    assert inline.submit(tasks.add, 1).state is State.SUCCEEDED
    assert inline.submit(tasks.give_up).state is State.FAILED


def test_backoff_is_not_waited_for(inline: Engine) -> None:
    began = time.monotonic()
    handle = tasks.fail_until.with_options(app=inline.app, backoff="1h").submit(3)
    assert (handle.result(0), handle.snapshot().failures) == (3, 2)
    assert time.monotonic() - began < 5


def test_a_delay_and_a_snooze_are_left_to_a_worker(inline: Engine) -> None:
    delayed = tasks.add.with_options(app=inline.app, delay="1h").submit(1)
    snoozed = inline.submit(tasks.snooze_until, 2, "1h")
    assert (delayed.state, delayed.snapshot().attempt) == (State.QUEUED, 0)
    assert (snoozed.state, snoozed.snapshot().reason) == (State.QUEUED, "snooze")


def test_what_is_printed_goes_where_the_program_prints(
    inline: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = inline.submit(tasks.speak, "hello")
    assert capsys.readouterr() == ("hello\n", "HELLO\n")
    assert list(handle.logs()) == []


def test_a_coroutine_function_is_run_though_a_loop_runs_already(inline: Engine) -> None:
    async def use() -> int:
        result: int = inline.submit(tasks.add_later, 2).result(0)
        return result

    assert asyncio.run(use()) == 3


def test_ctrl_c_cancels_the_job_and_reaches_the_program(inline: Engine) -> None:
    with pytest.raises(KeyboardInterrupt):
        inline.submit(press_ctrl_c)
    job = inline.app.jobs(limit=1)[0]
    assert (job.task.rpartition(".")[2], job.state, job.attempt) == ("press_ctrl_c", State.CANCELLED, 1)


def test_a_task_that_cannot_be_found_any_more_fails_its_job(inline: Engine, tmp_path: Path) -> None:
    file = tmp_path / "gone.py"
    file.write_text("def work() -> int:\n    return 1\n")
    source = Source.named(str(file), tmp_path)
    call = Call(task="gone.vanished", source=source.key, options=Options(), input=b"{}")
    (lost,) = inline.app.submit([call])
    job = inline.app.get(lost).snapshot()
    assert (job.state, job.error.kind, job.error.type) == (
        State.FAILED,
        "Failed",
        "overnight.errors.NotFound",
    )
    assert "vanished" in job.error.message


def test_a_job_may_run_another(inline: Engine, tmp_path: Path) -> None:
    home = inline.app.store.home
    assert inline.submit(submit_another, home).result(0) == [os.getpid(), 3]


@task
def press_ctrl_c() -> None:
    raise KeyboardInterrupt


@task
def submit_another(home: Path) -> list[int]:
    from overnight import App  # noqa: PLC0415 -- as a program of its own would
    from overnight.settings import load_settings  # noqa: PLC0415

    app = App(engine="inline", settings=load_settings(flags={"home": home}))
    result = tasks.add.with_options(app=app).submit(2).result(0)
    app.close()
    return [os.getpid(), result]
