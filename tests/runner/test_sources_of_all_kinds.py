"""Sources that cannot be forked from, and sources with numeric libraries: their attempts are as others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from overnight.jobs import State
from overnight.runner.processes import marked
from tests.runner import numeric_tasks, threaded_tasks
from tests.runner.conftest import Bench, are_gone, pids_in, seconds_until_ended
from tests.workers import RunningWorker, app_on


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    home = tmp_path_factory.mktemp("home")
    app = app_on(home)
    sources = (threaded_tasks.__name__, numeric_tasks.__name__)
    with RunningWorker(home, *sources, PYTHONIOENCODING="latin-1") as worker:  # what is kept is UTF-8
        yield Bench(app, worker)
    app.close()


def served(place: Bench) -> dict[str, str | None]:
    """Why the attempts of a source are fresh processes, if they are."""
    (worker,) = place.app.workers()
    return {key.rpartition(".")[2]: source.fresh for key, source in worker.sources.items()}


def test_a_source_that_starts_threads_gets_fresh_processes(place: Bench) -> None:
    jobs = [place.run(threaded_tasks.use_lock) for _ in range(3)]
    assert all(job.state is State.SUCCEEDED for job in jobs)
    assert {job.result["threads"] for job in jobs} == {2}, "each has imported the source itself"
    assert len({job.result["pid"] for job in jobs}) == 3
    for job in jobs:
        assert job.result["mark"].startswith(f"{place.last_attempt(job).worker}:{job.id}:1")
    assert place.lines(jobs[0], "stdout") == ["größe"]
    why = served(place)["threaded_tasks"]
    assert why is not None
    assert "starts threads" in why


def test_a_fresh_process_is_stopped_as_others_are(place: Bench, tmp_path: Path) -> None:
    handle = place.submit(threaded_tasks.sleep, tmp_path / "ledger")
    pids = pids_in(tmp_path / "ledger")
    assert marked(f"{place.app.workers()[0].id}:{handle.id}") == pids
    assert seconds_until_ended(handle, handle.cancel) <= 1
    assert handle.state is State.CANCELLED
    assert are_gone(pids)


def test_the_time_of_an_import_is_not_the_time_of_the_attempt(place: Bench) -> None:
    handles = [place.submit(threaded_tasks.be_quick) for _ in range(5)]
    assert [place.ended(handle).result for handle in handles] == ["in time"] * 5


def test_a_fresh_process_crashes_as_others_do(place: Bench, tmp_path: Path) -> None:
    job = place.run(threaded_tasks.leave, 3)
    assert (job.error.kind, job.error.detail) == ("Crashed", {"exit_code": 3})
    job = place.run(threaded_tasks.walk_and_die, tmp_path / "ledger")
    assert (job.result, job.attempt, job.crashes) == ({"count": 10}, 2, 1)


def test_numeric_libraries_are_forked_and_draw_other_numbers(place: Bench) -> None:
    handles = [place.submit(numeric_tasks.draw) for _ in range(6)]
    drawn = [number for handle in handles for number in place.ended(handle).result]
    assert len(set(drawn)) == len(drawn)
    assert served(place)["numeric_tasks"] is None, "importing numpy leaves one thread"


def test_numeric_libraries_have_as_many_threads_as_the_job_has_processors(place: Bench) -> None:
    one = place.run(numeric_tasks.multiply, 300)
    two = place.run(numeric_tasks.multiply, 300, cpus=2)
    assert (one.result["product"], two.result["product"]) == (300.0, 300.0)
    assert set(one.result["threads"]) == {1}
    assert set(two.result["threads"]) == {2}
