"""However an attempt ends, its outcome says what happened and what to do about it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from overnight import JobFailed
from overnight.jobs import State
from tests.runner import ending_tasks
from tests.runner.conftest import PATIENCE, Bench, pids_in
from tests.waiting import until

TASKS = (ending_tasks,)

# -- processes that end without a word ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "message", "detail"),
    [
        ("SIGKILL", "process killed by SIGKILL", {"signal": "SIGKILL"}),
        ("SIGABRT", "process killed by SIGABRT", {"signal": "SIGABRT"}),
        ("SIGILL", "process killed by SIGILL", {"signal": "SIGILL"}),
        ("SIGHUP", "process killed by SIGHUP", {"signal": "SIGHUP"}),
        ("segfault", "process killed by SIGSEGV", {"signal": "SIGSEGV"}),
        ("abort", "process killed by SIGABRT", {"signal": "SIGABRT"}),
        ("exit 0", "the process ended by itself with exit code 0", {"exit_code": 0}),
        ("exit 3", "the process ended by itself with exit code 3", {"exit_code": 3}),
        ("thread", "the process ended by itself with exit code 4", {"exit_code": 4}),
    ],
)
def test_a_process_that_dies_without_a_word_has_crashed(
    bench: Bench, how: str, message: str, detail: dict[str, object]
) -> None:
    job = bench.run(ending_tasks.die, how)
    assert (job.state, job.reason, job.crashes, job.failures) == (State.FAILED, "at_most_once", 1, 0)
    assert job.error.kind == "Crashed"
    assert job.error.message.startswith(message)
    assert job.error.detail == detail
    assert (job.error.type, job.error.traceback) == (None, None)
    attempt = bench.last_attempt(job)
    assert attempt.outcome == "Crashed"
    assert attempt.detail.items() >= detail.items()


@pytest.mark.parametrize(
    ("how", "word"), [("SIGKILL", "memory"), ("segfault", "native library"), ("exit 3", "return")]
)
def test_a_crash_says_what_to_do(bench: Bench, how: str, word: str) -> None:
    assert word in bench.run(ending_tasks.die, how).error.hint


def test_what_was_printed_before_a_crash_is_kept(bench: Bench) -> None:
    job = bench.run(ending_tasks.speak_and_die)
    assert bench.lines(job, "stdout") == ["the last line", "and a half"]
    assert bench.lines(bench.run(ending_tasks.die, "exit 3 with words"), "stdout") == ["last words"]


@pytest.mark.parametrize("how", ["SIGTERM", "zygote"])
def test_an_interrupted_job_that_may_start_once_only_fails(bench: Bench, how: str) -> None:
    job = bench.run(ending_tasks.die, how)
    assert (job.state, job.reason, job.interruptions) == (State.FAILED, "at_most_once", 1)
    assert job.error.kind == "Interrupted"
    assert "may not be started again" in job.error.message


def test_three_crashes_are_poison(bench: Bench, tmp_path: Path) -> None:
    began = time.monotonic()
    job = bench.run(ending_tasks.crash, tmp_path / "ledger")
    assert (job.state, job.reason, job.crashes, job.attempt) == (State.FAILED, "poison", 3, 3)
    assert (job.error.kind, job.error.message) == ("Crashed", "process killed by SIGKILL")
    assert len(pids_in(tmp_path / "ledger")) == 3
    assert time.monotonic() - began < 1 + 2, "the second start is made at once, the third after a second"


def test_a_job_that_saves_between_its_crashes_is_no_poison(bench: Bench, tmp_path: Path) -> None:
    job = bench.run(ending_tasks.crash_after_saving, tmp_path / "ledger", 5)
    assert (job.state, job.result, job.attempt) == (State.SUCCEEDED, 6, 6)


def test_a_job_that_always_interrupts_itself_is_started_less_and_less(bench: Bench, tmp_path: Path) -> None:
    handle = bench.submit(ending_tasks.terminate_itself, tmp_path / "ledger")
    until(lambda: handle.snapshot().due_at > time.time() + 0.5, within=PATIENCE, what="a pause")
    job = handle.cancel()
    assert (job.interruptions, job.crashes, job.failures) == (7, 0, 0)
    attempt = bench.app.attempts(handle.id)[0]
    assert (attempt.outcome, attempt.detail["stopped_by"]) == ("Interrupted", "terminated")


# -- functions that raise ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "type", "message"),
    [
        ("unpicklable", "tests.runner.ending_tasks.Unpicklable", "holds a lock"),
        (
            "str raises",
            "tests.runner.ending_tasks.Unspeakable",
            "<Unspeakable whose str() raised ValueError>",
        ),
        (
            "str exits",
            "tests.runner.ending_tasks.Unspeakable",
            "<Unspeakable whose str() raised SystemExit>",
        ),
        ("no words", "ValueError", "ValueError"),
        ("hint", "tests.runner.ending_tasks.Hinting", "has a number as hint"),
        ("hiding hint", "tests.runner.ending_tasks.HidingHint", "has no hint to give"),
        ("group", "ExceptionGroup", "two at once (2 sub-exceptions)"),
        ("chained", "ValueError", "the effect"),
        ("recursion", "RecursionError", "maximum recursion depth exceeded"),
        ("surrogates", "ValueError", "half \\ud800 a sign and \x00"),
        ("local class", "tests.runner.ending_tasks.fail.<locals>.Local", "made here"),
        ("interrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("generator exit", "GeneratorExit", "GeneratorExit"),
        ("sys.exit", "SystemExit", "the task called sys.exit('bye')"),
        ("sys.exit 0", "SystemExit", "the task called sys.exit(0)"),
    ],
)
def test_an_exception_keeps_its_type_and_words(bench: Bench, how: str, type: str, message: str) -> None:
    job = bench.run(ending_tasks.fail, how, attempts=1)
    assert (job.state, job.reason, job.failures, job.crashes) == (State.FAILED, None, 1, 0)
    error = job.error
    assert (error.kind, error.type, error.message) == ("Failed", type, message)
    assert error.traceback.startswith(("Traceback", "  + Exception Group"))
    assert "ending_tasks.py" in error.traceback
    assert "runner/child.py" not in error.traceback


def test_a_traceback_tells_of_all_that_took_part(bench: Bench) -> None:
    chained = bench.run(ending_tasks.fail, "chained", attempts=1).error.traceback
    assert chained.index("KeyError: 'the cause'") < chained.index("ValueError: the effect")
    group = bench.run(ending_tasks.fail, "group", attempts=1).error.traceback
    assert "ValueError: one" in group
    assert "KeyError: 'two'" in group
    recursion = bench.run(ending_tasks.fail, "recursion", attempts=1).error.traceback
    assert len(recursion) < 70_000
    assert "repeated" in recursion


def test_a_message_of_ten_megabytes_is_cut_and_keeps_both_ends(bench: Bench) -> None:
    job = bench.run(ending_tasks.fail, "long", attempts=1)
    assert job.error.type == "ValueError"
    assert len(job.error.message) < 10_000
    assert "characters left out" in job.error.message
    assert len(job.error.traceback) < 70_000
    with pytest.raises(JobFailed) as failed:
        bench.app.get(job.id).result(PATIENCE)
    assert len(str(failed.value)) < 80_000


@pytest.mark.parametrize("how", ["sys.exit", "interrupt", "generator exit"])
def test_what_is_no_exception_is_not_tried_again(bench: Bench, how: str) -> None:
    assert bench.run(ending_tasks.fail, how).attempt == 1


# -- results that cannot be kept ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "words", "left"),
    [
        ("huge", "takes 17.0 MiB as JSON", "result.json"),
        ("object", "object", "result.pickle"),
        ("lock", "at deep[0]", "result.txt"),
        ("nan", "at rows[1]", "result.json"),
        ("infinity", "inf", "result.json"),
        ("surrogates", "half a character", "result.json"),
        ("cycle", "nested more than 100 levels", "result.pickle"),
        ("deep", "deep", None),
        ("generator", "iterator", None),
        ("function", "function", "result.pickle"),
    ],
)
def test_a_result_that_cannot_be_kept_is_refused_and_left_in_a_file(
    bench: Bench, kind: str, words: str, left: str | None
) -> None:
    job = bench.run(ending_tasks.return_what, kind, attempts=3)
    assert (job.state, job.attempt, job.failures) == (State.FAILED, 1, 1), "another attempt would not help"
    error = job.error
    assert (error.kind, error.type) == ("Failed", "overnight.errors.ResultRefused")
    assert error.message.startswith("tests.runner.ending_tasks.return_what: its result")
    assert words in error.message
    assert error.traceback is None, "it would show our frames only"
    folder = bench.app.store.home / "jobs" / job.id
    if left is None:
        assert "left in" not in error.hint
    else:
        assert str(folder / left) in error.hint
        assert (folder / left).stat().st_size > 0
    assert bench.app.result(job.id) is None


# -- all the rest ------------------------------------------------------------------------------------


def test_arguments_results_and_saved_state_may_be_large(bench: Bench) -> None:
    assert bench.run(ending_tasks.measure, "x" * 1_000_000).result == 1_000_000
    assert len(bench.run(ending_tasks.give_text, 15 << 20).result) == 15 << 20
    job = bench.run(ending_tasks.crash_with_much_saved, 20 << 20)
    assert (job.state, job.result, job.crashes) == (State.SUCCEEDED, [2, 20 << 20], 1)


@pytest.mark.parametrize("then", ["return", "raise", "exit"])
def test_a_copy_of_the_process_cannot_speak_for_the_job(bench: Bench, then: str) -> None:
    job = bench.run(ending_tasks.fork_and_forget, then)
    assert (job.state, job.result) == (State.SUCCEEDED, "from the job")


@pytest.mark.parametrize("how", ["none", "odd", "text"])
def test_a_function_may_leave_streams_behind_that_are_none(bench: Bench, how: str) -> None:
    job = bench.run(ending_tasks.replace_streams, how)
    assert (job.state, job.result) == (State.SUCCEEDED, "went on")


@pytest.mark.parametrize(("how", "words"), [("segfault", "Segmentation fault"), ("abort", "Aborted")])
def test_the_log_shows_what_ran_when_a_native_library_failed(bench: Bench, how: str, words: str) -> None:
    job = bench.run(ending_tasks.die, how)
    said = "\n".join(bench.lines(job, "stderr"))
    assert f"Fatal Python error: {words}" in said
    assert "ending_tasks.py" in said
    assert "log" in job.error.hint


def test_the_worker_has_taken_no_harm(bench: Bench) -> None:
    bench.works_on()
