"""What is large arrives whole: arguments, saved state, results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from overnight import App
from tests.runner import large_tasks
from tests.workers import RunningWorker, app_on


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home: Path = tmp_path_factory.mktemp("large") / "home"
    with RunningWorker(home, large_tasks.__name__):
        found = app_on(home)
        yield found
        found.close()


@pytest.mark.parametrize("size", [200_000, 300_000, 1_000_000])
def test_arguments_up_to_the_limit_reach_the_function(app: App, size: int) -> None:
    handle = large_tasks.measure.with_options(app=app).submit("x" * size)
    assert handle.result(20) == size
    assert handle.snapshot().attempt == 1


@pytest.mark.parametrize("size", [300_000, 20_000_000])
def test_a_large_state_is_what_the_next_attempt_begins_with(app: App, size: int) -> None:
    handle = large_tasks.gather.with_options(app=app).submit(size, 4)
    # The item at which it died is done again, and counts twice: it was saved before the kill.
    assert handle.result(40) == size + 5
    job = handle.snapshot()
    assert (job.attempt, job.crashes) == (2, 1)
