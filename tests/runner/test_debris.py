"""Whatever an attempt leaves behind or breaks, its worker goes on, and nothing of it stays."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from overnight.jobs import State
from tests.runner import debris_tasks, simple_tasks
from tests.runner.conftest import Bench, are_gone, pids_in

TASKS = (debris_tasks,)


def test_threads_and_hooks_that_were_left_keep_nobody(bench: Bench, tmp_path: Path) -> None:
    began = time.monotonic()
    job = bench.run(debris_tasks.leave_threads_and_hooks, tmp_path / "ledger")
    assert time.monotonic() - began < 2, "the grace is one second"
    assert (job.state, job.result) == (State.SUCCEEDED, "kept")
    assert are_gone(pids_in(tmp_path / "ledger"))


def test_processes_that_were_left_are_ended(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(debris_tasks.leave_processes, tmp_path / "ledger", 50)
    assert (job.state, job.result) == (State.SUCCEEDED, "kept")
    assert are_gone(pids_in(tmp_path / "ledger", 50))
    assert bench.left_of(job) == []


def test_a_process_that_runs_away_from_its_number_is_caught(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(debris_tasks.leave_a_runner, tmp_path / "gate")
    try:
        assert (job.state, job.result) == (State.SUCCEEDED, "kept")
        assert bench.left_of(job) == []
        assert bench.left_of(job) == []
    finally:
        (tmp_path / "gate").touch()


@pytest.mark.parametrize("kind", ["fork", "spawn", "forkserver"])
def test_pools_of_processes_work_and_end_with_the_job(bench: Bench, kind: str) -> None:
    job = bench.run(debris_tasks.use_pool_of_kind, kind)
    known = {"fork": job.id}.get(kind, "None")  # a process that was not forked knows nothing of the job
    assert (job.state, job.result) == (State.SUCCEEDED, [55, [known] * 2])
    assert bench.left_of(job) == []


def test_nobody_answers_a_question(bench: Bench) -> None:
    job = bench.run(debris_tasks.ask)
    assert (job.state, job.error.type) == (State.FAILED, "EOFError")
    assert bench.lines(job, "stdout") == ["what is your name? "]


def test_whoever_writes_into_our_socket_has_crashed(bench: Bench) -> None:
    began = time.monotonic()
    job = bench.run(debris_tasks.write_into_our_socket)
    assert (job.state, job.error.kind) == (State.FAILED, "Crashed")
    assert "spoke nonsense" in job.error.message
    assert "descriptors that it did not open" in job.error.hint
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("then", ["return", "report", "sleep"])
def test_whoever_closes_all_descriptors_has_crashed(bench: Bench, then: str) -> None:
    began = time.monotonic()
    job = bench.run(debris_tasks.close_all_descriptors, then)
    assert (job.state, job.error.kind) == (State.FAILED, "Crashed")
    assert "closed" in job.error.message
    assert "descriptors" in job.error.hint
    assert time.monotonic() - began < 3


def test_files_that_are_opened_in_place_of_our_descriptors_are_left_alone(
    bench: Bench, tmp_path: Path
) -> None:
    job = bench.run(debris_tasks.write_files_as_a_daemon, tmp_path)
    assert (job.state, job.error.kind) == (State.FAILED, "Crashed")
    written = {file.read_text() for file in tmp_path.iterdir()}
    assert written == {"mine\n"}


def test_slots_are_free_again(bench: Bench) -> None:
    began = time.monotonic()
    handles = [bench.submit(simple_tasks.give, number) for number in range(8)]
    assert [bench.ended(handle).result for handle in handles] == list(range(8))
    assert time.monotonic() - began < 3
    bench.works_on()
