"""The contract, first part: a call becomes a job, and its result comes back as what it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from overnight import App, JobFailed
from overnight.errors import BadInput, BadOption, Conflict, NotFound
from overnight.jobs import State
from overnight.settings import load_settings
from tests.engines import contract_tasks as tasks
from tests.engines.conftest import PATIENCE, Engine


def test_a_call_becomes_a_job_and_returns_its_result(engine: Engine) -> None:
    handle = engine.submit(tasks.add, 2, b=3)
    assert handle.result(PATIENCE) == 5
    job = handle.snapshot()
    assert (job.state, job.attempt, job.failures) == (State.SUCCEEDED, 1, 0)
    assert (job.input, job.result, job.error, job.reason) == ({"a": 2, "b": 3}, 5, None, None)
    assert job.task == "tests.engines.contract_tasks.add"
    assert job.created_at <= job.started_at <= job.finished_at


def test_defaults_are_kept_with_the_job(engine: Engine) -> None:
    handle = engine.submit(tasks.add, 2)
    assert handle.result(PATIENCE) == 3
    assert handle.snapshot().input == {"a": 2, "b": 1}


def test_a_coroutine_function_is_run_in_a_loop(engine: Engine) -> None:
    assert engine.submit(tasks.add_later, 2, b=3).result(PATIENCE) == 5


def test_a_direct_call_is_still_a_call() -> None:
    assert tasks.add(2, b=3) == 5


def test_arguments_arrive_as_the_signature_says(engine: Engine) -> None:
    handle = engine.submit(
        tasks.describe,
        path=Path("a/b"),
        at=datetime(2026, 1, 2, tzinfo=UTC),
        colour=tasks.Colour.RED,
        mode="fast",
        point=tasks.Point(1),
        order=tasks.Order(item="tea", count=1),
        price=Decimal("1.10"),
        key=UUID(int=7),
        data=b"\x00\xff",
        count=1,
        rows=[{"a": [1, 2]}],
    )
    assert handle.result(PATIENCE) == [
        "PosixPath", "datetime", "Colour", "str", "Point", "Order", "Decimal", "UUID", "bytes", "int",
        "list", "NoneType",
    ]  # fmt: skip
    assert handle.snapshot().input["path"] == str(Path("a/b").absolute())


@pytest.mark.parametrize(
    ("task", "args", "expected"),
    [
        (tasks.give_path, ("/a/b",), Path("/a/b")),
        (tasks.give_moment, (), datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)),
        (tasks.give_span, (), timedelta(days=1, microseconds=5)),
        (tasks.give_point, (), tasks.Point(1, 2.5)),
        (tasks.give_points, (), {"a": [tasks.Point(1), tasks.Point(2)]}),
        (tasks.give_order, (), tasks.Order(item="tea", count=2)),
        (tasks.give_set, (), {1, 2, 3}),
        (tasks.give_decimal, (), Decimal("1.10")),
        (tasks.give_bytes, (), b"\x00\xff"),
        (tasks.give_tuple, (), (1, "one")),
        (tasks.give_colour, (), tasks.Colour.BLUE),
        (tasks.give_big, (), 2**200),
        (tasks.give_nothing, (), None),
        (
            tasks.give_plain,
            (),
            {"text": "größe 💤", "list": [1, 2.5, None, True], "deep": {"a": {"b": []}}},
        ),
    ],
    ids=lambda value: value.name.rpartition(".")[2] if hasattr(value, "name") else "",
)
def test_results_come_back_as_what_they_were(
    engine: Engine, task: Any, args: tuple[Any, ...], expected: Any
) -> None:
    result = engine.submit(task, *args).result(PATIENCE)
    assert (type(result), result) == (type(expected), expected)


def test_a_result_is_read_by_any_handle_of_the_job(engine: Engine) -> None:
    handle = engine.submit(tasks.give_points)
    handle.wait(PATIENCE)
    assert engine.app.get(handle.id[-8:]).result(PATIENCE) == {"a": [{"x": 1, "y": 0.5}, {"x": 2, "y": 0.5}]}
    with pytest.raises(NotFound):
        engine.app.get("ffffffff")


def test_arguments_that_do_not_fit_are_refused_and_leave_nothing(engine: Engine) -> None:
    newest = engine.app.jobs(limit=1)
    with pytest.raises(BadInput) as refused:
        engine.submit(tasks.add, "two")
    assert refused.value.field == "a"
    with pytest.raises(BadInput):
        engine.submit(tasks.add)
    with pytest.raises(BadInput):
        engine.submit(tasks.add, 1, c=2)
    assert engine.app.jobs(limit=1) == newest


def test_many_calls_are_all_taken_or_none(engine: Engine) -> None:
    many = tasks.add.with_options(app=engine.app)
    newest = engine.app.jobs(limit=1)
    with pytest.raises(BadInput, match="call 2") as refused:
        many.submit_many([{"a": 1}, {"a": 2}, {"a": "three"}, {"a": 4}])
    assert refused.value.field == "a"
    assert engine.app.jobs(limit=1) == newest
    handles = many.submit_many({"a": number, "b": 0} for number in range(20))
    assert [handle.result(PATIENCE) for handle in handles] == list(range(20))
    assert many.submit_many([]) == []


def test_a_call_is_submitted_again_with_some_arguments_changed(engine: Engine) -> None:
    first = engine.submit(tasks.add, 2, b=3)
    again = first.rerun(b=10)
    assert again.id != first.id
    assert (first.result(PATIENCE), again.result(PATIENCE)) == (5, 12)
    with pytest.raises(BadInput):
        first.rerun(b="ten")
    with pytest.raises(BadInput):
        first.rerun(c=1)


def test_a_job_that_succeeded_is_not_put_back(engine: Engine) -> None:
    handle = engine.submit(tasks.add, 1)
    handle.wait(PATIENCE)
    with pytest.raises(Conflict, match="succeeded") as refused:
        handle.retry()
    assert "rerun" in str(refused.value)
    with pytest.raises(Conflict):
        handle.cancel()


def test_options_of_a_call_win_over_those_of_the_task(engine: Engine) -> None:
    changed = tasks.fail_until.with_options(app=engine.app, attempts=1, owner="ada", tags=["x"])
    handle = changed.submit(2)
    job = engine.ended(handle)
    assert (job.state, job.options.attempts) == (State.FAILED, 1)
    assert (job.options.owner, job.options.tags) == ("ada", ("x",))
    assert tasks.fail_until.options.attempts == 3
    with pytest.raises(BadOption):
        tasks.add.with_options(app=engine.app, at_most_once=True)


def test_the_application_of_a_call_decides_where_its_job_is(engine: Engine, tmp_path: Path) -> None:
    other = App(engine="inline", settings=load_settings(flags={"home": tmp_path / "other"}))
    there = tasks.add.with_options(app=other).submit(1)
    assert there.result(PATIENCE) == 2
    assert other.get(there.id).state is State.SUCCEEDED
    with pytest.raises(NotFound):
        engine.app.get(there.id)
    other.close()


def test_a_failure_says_what_was_raised_and_where(engine: Engine) -> None:
    handle = engine.submit(tasks.look_up, "ada")
    with pytest.raises(JobFailed) as failed:
        handle.result(PATIENCE)
    error = failed.value
    assert (error.job_id, error.kind) == (handle.id, "Failed")
    assert error.type == "tests.engines.contract_tasks.NoSuchUser"
    assert "no user 'ada'" in str(error)
    assert handle.id[-8:] in str(error)
    assert "The above exception was the direct cause" in error.traceback
    assert "runner/calling.py" not in error.traceback, "our own frames are of no use to anybody"
    kept = handle.error
    assert (kept.kind, kept.type, kept.message) == ("Failed", error.type, "no user 'ada'")
    assert handle.snapshot().to_json(0)["error"]["type"] == error.type
