"""What an attempt prints is kept, however it is printed."""

from __future__ import annotations

import time
from pathlib import Path

from overnight.jobs import State
from tests.runner import output_tasks, simple_tasks
from tests.runner.conftest import Bench, pids_in

TASKS = (output_tasks,)


def test_each_attempt_keeps_its_own_lines_in_order_with_their_time(bench: Bench) -> None:
    before = time.time()
    job = bench.run(output_tasks.talk)
    assert (job.state, job.attempt) == (State.SUCCEEDED, 2)
    lines = list(bench.app.get(job.id).logs())
    for attempt in (1, 2):
        mine = [line for line in lines if line.attempt == attempt]
        out = [line.text for line in mine if line.stream == "stdout"]
        err = [line.text for line in mine if line.stream == "stderr"]
        assert out == [*(f"out {attempt} {n}" for n in range(3)), "no newline at the end"]
        assert err == [f"err {attempt} {n}" for n in range(3)]
        times = [line.at for line in mine]
        assert times == sorted(times)
        assert times[-1] - times[0] >= 0.05, "each line has the time at which it was printed"
    assert list(bench.app.get(job.id).logs(attempt=2)) == [line for line in lines if line.attempt == 2]
    assert before - 0.1 <= lines[0].at <= time.time()
    assert {(line.level, line.logger) for line in lines} == {(None, None)}


def test_a_flood_of_lines_is_kept_to_the_last(bench: Bench) -> None:
    began = time.monotonic()
    job = bench.run(output_tasks.flood, 20_000)
    assert time.monotonic() - began < 10
    assert bench.lines(job, "stdout") == [f"line {number:06}" for number in range(20_000)]


def test_a_flood_holds_nobody_up(bench: Bench, tmp_path: Path) -> None:
    flood = bench.submit(output_tasks.flood_for_ever, tmp_path / "ledger")
    pids_in(tmp_path / "ledger")
    began = time.monotonic()
    for number in range(5):
        assert bench.run(simple_tasks.give, number).result == number
    assert time.monotonic() - began < 2
    flood.cancel()
    assert bench.ended(flood).state is State.CANCELLED


def test_whatever_comes_out_of_the_process_is_a_line(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(output_tasks.write_strangely, tmp_path / "ledger")
    assert job.state is State.SUCCEEDED
    lines = bench.lines(job, "stdout")
    assert lines[0] == "from C"
    assert lines[1].startswith("\x01\x02\x03")
    assert lines[1].endswith("\ufffd" * 10), "bytes that are no text are marked as such"
    long = lines[2:-5]
    assert "".join(long) == "x" * 1_000_000
    assert {len(piece) for piece in long[:-1]} == {65536}
    assert lines[-5:] == ["from a program", "half \\ud800 a sign", "windows\r", "", "ä"]
    assert bench.lines(job, "stderr") == ["to stderr"]


def test_a_function_may_close_what_it_prints_to(bench: Bench) -> None:
    job = bench.run(output_tasks.close_streams)
    assert (job.state, job.result) == (State.SUCCEEDED, "went on")
    assert bench.lines(job, "stdout") == ["before"]


def test_records_and_progress_that_are_hard_to_carry_harm_nobody(bench: Bench) -> None:
    job = bench.run(output_tasks.log_strangely)
    assert (job.state, job.result) == (State.SUCCEEDED, "went on")
    first, second, third = bench.app.get(job.id).logs()
    assert first.text == "half \\ud800 a sign"
    assert second.text.startswith("xxx")
    assert second.text.endswith("more characters)")
    assert (third.logger, third.text) == ("half \\ud800 a name", "said")
    assert (job.progress.done, job.progress.total) == (1, 1e30)
    assert job.progress.message == "half \\ud800 a sign"


def test_the_worker_has_taken_no_harm(bench: Bench) -> None:
    bench.works_on()
