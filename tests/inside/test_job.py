"""The `job` that a function sees, in a job and outside of one."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from overnight.errors import Stopped
from overnight.inside import context
from overnight.inside.context import Inside, here
from overnight.inside.job import job
from overnight.inside.tracking import track
from tests.inside.child_program import run_as_child
from tests.inside.peer import Peer, attempt, start_message


@pytest.fixture
def whole_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    """Let this process be one that runs an attempt and nothing else."""
    peer = Peer()
    monkeypatch.setattr(context, "_process", None)
    context.enter_process(Inside.of(start_message(tmp_path / "job"), "ada", peer.link))
    yield peer
    peer.close()


# -- in a job --


def test_a_function_knows_its_job(tmp_path: Path) -> None:
    with attempt(directory=tmp_path / "jobs" / "a-job"):
        assert (job.id, job.attempt, job.owner) == ("a-job", 1, "ada")
        assert not (tmp_path / "jobs").exists()
        assert job.directory == tmp_path / "jobs" / "a-job"
        assert job.directory.is_dir()
        assert repr(job) == "<job a-job, attempt 1>"


def test_the_idempotency_key_is_the_same_at_every_attempt() -> None:
    keys = set()
    for _ in range(2):
        with attempt():
            keys.add(job.idempotency_key)
    assert len(keys) == 1
    assert None not in keys


def test_a_job_ends_with_its_block() -> None:
    with attempt():
        pass
    assert here() is None


def test_progress_goes_up_as_it_is_said() -> None:
    with attempt() as peer:
        job.progress(1, 4, "one of four")
    assert peer.progress == [(1, 4, "one of four")]


@pytest.mark.parametrize("number", [-1, float("nan"), float("inf")])
def test_a_progress_that_is_no_count_is_refused(number: float) -> None:
    with attempt(), pytest.raises(ValueError, match="not negative"):
        job.progress(number)


def test_a_stop_comes_at_a_progress() -> None:
    with attempt() as peer:
        peer.link.stop.ask("timeout")
        with pytest.raises(Stopped, match="timeout"):
            job.progress(1)


@pytest.mark.parametrize("why", ["cancel", "timeout", "deadline", "memory"])
def test_who_asks_whether_he_is_cancelled_has_been_told(why: str) -> None:
    with attempt() as peer:
        assert job.cancelled is False
        peer.link.stop.ask(why)
        assert job.cancelled is True
        job.progress(1)
        assert list(track(range(2))) == [0, 1]
        assert job.cancelled is True
        assert peer.link.stop.raised == why
    assert peer.stopping == ["asked"]


def test_a_handover_is_no_cancel() -> None:
    with attempt() as peer:
        peer.link.stop.ask("handover")
        assert job.cancelled is False
    assert peer.stopping == []


def test_every_thread_of_a_child_sees_its_job(whole_process: Peer) -> None:
    seen: list[str | None] = []
    thread = threading.Thread(target=lambda: seen.append(job.id))
    thread.start()
    thread.join()
    assert seen == ["a-job"]


def test_a_job_that_runs_inline_in_a_job_is_the_inner_one(whole_process: Peer) -> None:
    with attempt(), context.enter(Inside.of(start_message(Path("x"), job="inner"), None, whole_process.link)):
        assert job.id == "inner"
    assert job.id == "a-job"


# -- forks of the function's --


def test_a_forked_process_keeps_the_facts_but_not_the_line(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        import multiprocessing
        ours, theirs = multiprocessing.Pipe()
        job.progress(1, 2)
        if os.fork() == 0:
            value = job.restore({"n": 1})
            job.progress(3, 4)
            job.save()
            items = [*track(range(3)), *track(range(3), resume=True)]
            theirs.send([value, items, job.id, job.attempt, str(job.directory), job.cancelled])
            os._exit(0)
        os.wait()
        answer = ours.recv()
        job.progress(2, 2)
        """)  # fmt: skip
    assert told.answer == [{"n": 1}, [0, 1, 2, 0, 1, 2], "a-job", 1, str(tmp_path / "job"), False]
    assert told.progress[-1] == [2, 2, None]
    assert [3, 4, None] not in told.progress
    assert told.saves == 0
    assert told.err == ""


def test_a_loop_that_a_fork_goes_on_with_saves_nothing_there(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        answer = []
        for n in track(range(4), resume=True, save_every=0):
            answer.append(n)
            if n == 2 and os.fork() == 0:
                inside.link.attention = True
                continue
            if n == 2:
                os.wait()
        if len(answer) == 4 and context.here() is None:
            os._exit(0)
        """)  # fmt: skip
    assert told.answer == [0, 1, 2, 3]
    assert told.progress[-1] == [4, 4, None]
    assert told.err == ""


def test_a_pool_of_the_functions_works_in_a_job(tmp_path: Path) -> None:
    told = run_as_child(tmp_path, """
        import multiprocessing
        with multiprocessing.get_context("fork").Pool(2) as pool:
            answer = [*track(pool.imap(abs, [-1, -2, -3]), total=3)]
        """)  # fmt: skip
    assert told.answer == [1, 2, 3]
    assert told.progress[-1] == [3, 3, None]


# -- outside of a job --


def test_outside_of_a_job_there_is_none() -> None:
    assert (job.id, job.attempt, job.owner, job.idempotency_key) == (None, None, None, None)
    assert job.cancelled is False
    assert repr(job) == "<job: none runs here>"


def test_outside_of_a_job_nothing_is_kept() -> None:
    default = {"n": 1}
    assert job.restore(default) is default
    job.save()
    job.progress(1, 2, "somewhere")


def test_outside_of_a_job_the_directory_lives_as_long_as_the_process() -> None:
    program = """
import os, sys
from overnight.inside.job import job
(job.directory / "file").write_text("x")
if os.fork() == 0:
    sys.exit()
os.wait()
assert (job.directory / "file").exists()
print(job.directory)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert Path(done.stdout.strip()).name.startswith("overnight-")
    assert not Path(done.stdout.strip()).exists()


def test_outside_of_a_job_the_log_is_logging(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        job.log.info("hello %s", "ada")
    assert caplog.record_tuples == [("overnight.job", logging.INFO, "hello ada")]
