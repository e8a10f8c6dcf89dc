"""What an attempt may use is bounded, and what it changes in its process stays there."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from overnight.jobs import State
from tests.runner import limit_tasks
from tests.runner.conftest import Bench, are_gone, pids_in
from tests.runner.limit_tasks import MIB

TASKS = (limit_tasks,)

LIMIT = 96 * MIB


def test_an_allocation_beyond_the_limit_ends_that_job_alone(bench: Bench, tmp_path: Path) -> None:
    gate, ledger = tmp_path / "gate", tmp_path / "ledger"
    neighbour = bench.submit(limit_tasks.wait_for, gate)
    job = bench.run(limit_tasks.hoard, ledger)
    assert (job.state, job.failures, job.crashes) == (State.FAILED, 1, 0)
    error = job.error
    assert (error.kind, error.type) == ("OutOfMemory", "MemoryError")
    assert "may use 96.0 MiB of memory" in error.message
    assert error.detail["limit"] == LIMIT
    assert 0.7 * LIMIT < error.detail["peak"] < 1.6 * LIMIT, error.message
    assert "hoarded.append" in error.traceback
    words, size, _ = ledger.read_text().rsplit(maxsplit=2)
    assert words == "finally with"
    assert 0.7 * LIMIT < int(size) * MIB <= LIMIT + 8 * MIB
    gate.touch()
    assert bench.ended(neighbour).result == "untouched"
    assert bench.ended(neighbour).attempt == 1


def test_running_out_of_memory_is_tried_again(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(limit_tasks.hoard, tmp_path / "ledger", attempts=2, backoff="0.01s")
    assert (job.attempt, job.failures, job.error.kind) == (2, 2, "OutOfMemory")


def test_memory_of_all_processes_counts_together(bench: Bench, tmp_path: Path) -> None:
    began = time.monotonic()
    job = bench.run(limit_tasks.hoard_in_programs, tmp_path / "ledger")
    assert (job.state, job.error.kind) == (State.FAILED, "OutOfMemory")
    assert job.error.detail["peak"] > LIMIT
    assert job.error.detail["limit"] == LIMIT
    assert job.error.detail["stopped_by"] == "terminated"
    assert "measured" in job.error.message
    assert time.monotonic() - began < 5
    assert are_gone(pids_in(tmp_path / "ledger", 3))


def test_memory_that_is_nobodys_data_counts_too(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(limit_tasks.hoard_shared, tmp_path / "ledger")
    assert (job.state, job.error.kind) == (State.FAILED, "OutOfMemory")
    assert 1.9 * LIMIT < job.error.detail["peak"] < 3 * LIMIT


def test_what_a_job_used_is_recorded(bench: Bench) -> None:
    size = 100 * MIB
    job = bench.run(limit_tasks.use_some, size)
    assert job.result == size
    attempt = bench.last_attempt(job)
    assert size < attempt.peak_memory < 3 * size
    assert 0 <= attempt.cpu_seconds < 5


def test_a_job_may_have_several_slots_and_as_many_threads(bench: Bench, tmp_path: Path) -> None:
    assert set(bench.run(limit_tasks.threads_allowed).result.values()) == {"1"}
    assert set(bench.run(limit_tasks.threads_allowed, cpus=3).result.values()) == {"3"}
    ledger = tmp_path / "ledger"
    handles = [bench.submit(limit_tasks.note_time, ledger, 0.2, cpus=3) for _ in range(3)]
    for handle in handles:
        bench.ended(handle)
    spans = sorted(tuple(map(float, line.split())) for line in ledger.read_text().splitlines())
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans)), "of four slots two threes"


def test_each_attempt_draws_other_random_numbers(bench: Bench) -> None:
    handles = [bench.submit(limit_tasks.draw) for _ in range(8)]
    drawn = [number for handle in handles for number in bench.ended(handle).result]
    assert len(set(drawn)) == len(drawn)


@pytest.fixture(scope="module")
def fresh(bench: Bench) -> dict[str, object]:
    """A process as it is before anybody made a mess."""
    described: dict[str, object] = bench.run(limit_tasks.describe_process).result
    return described


def test_what_an_attempt_changes_does_not_reach_the_next(bench: Bench, fresh: dict[str, object]) -> None:
    assert (fresh["session"], fresh["SIGUSR1"], fresh["SIGTERM"]) == (True, True, True)
    for _ in range(4):
        assert bench.run(limit_tasks.make_a_mess).state is State.SUCCEEDED
    after = [bench.run(limit_tasks.describe_process).result for _ in range(3)]
    assert [{**described, "pid": 0} for described in after] == [{**fresh, "pid": 0}] * 3
    assert len({described["pid"] for described in after}) == 3


def test_no_descriptor_of_others_reaches_an_attempt(fresh: dict[str, object]) -> None:
    # Its three streams, its socket, its line's bell, the lock and the listing itself.
    assert fresh["descriptors"] <= 8


def test_the_worker_has_taken_no_harm(bench: Bench) -> None:
    bench.works_on()
