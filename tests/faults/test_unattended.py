"""The worker that `run` brings: it outlives the terminal, is one only, serves all, and leaves when idle."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from overnight.store import jobs, open_store, serving, workers
from tests.faults.places import Place
from tests.store import given
from tests.waiting import until
from tests.workers import command_of, processes_of_home

TASKS = """
import time
from pathlib import Path

def waits(gate: Path) -> int:
    gate.with_name("started").touch()
    while not gate.exists():
        time.sleep(0.01)
    return 42

def answer() -> int:
    return 42
"""


@pytest.fixture
def run(place: Place) -> Iterator[list[str]]:
    """The words of `overnight run` in this place; the worker that it brings is ended with the test."""
    (place.folder / "talks.py").write_text(TASKS)
    yield [sys.executable, "-m", "overnight", "--home", str(place.home), "run"]
    for row in place.app.workers():
        os.kill(row.pid, signal.SIGTERM)
    until(lambda: not place.app.workers(), within=10, what="the end of the worker")


def brought(place: Place) -> list[int]:
    """The workers that live and were brought by a command."""
    return [pid for pid in processes_of_home(place.home) if "--all-files" in command_of(pid)]


def test_it_outlives_the_terminal(place: Place, run: list[str]) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(run[0], [*run, f"{place.folder}/talks.py:waits", "--gate", str(place.folder / "gate")])
    until((place.folder / "started").exists, within=20, what="the start of the job")
    os.close(terminal)  # the window is closed: a hang-up for all that belongs to it
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 143
    [job] = [place.app.get(it.id) for it in place.app.jobs()]
    assert job.state == "running"
    place.open_gate()
    assert job.result(10) == 42
    assert place.outcomes(job) == ["Succeeded"]


def test_many_at_once_bring_one_only(place: Place, run: list[str]) -> None:
    command = [*run, "--detach", f"{place.folder}/talks.py:answer"]
    commands = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    ids = [command.communicate(timeout=30)[0].strip() for command in commands]
    assert [place.app.get(id).result(10) for id in ids] == [42] * 4
    assert len(brought(place)) == 1
    assert len(place.app.workers()) == 1


def test_it_serves_what_comes_later_from_wherever(place: Place, run: list[str]) -> None:
    subprocess.run([*run, f"{place.folder}/talks.py:answer"], check=True, timeout=30, capture_output=True)
    package = place.folder / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    for file in package / "tasks.py", place.folder / "others.py":
        file.write_text(TASKS)
        job = place.submit_file(file, "answer")
        assert not job.snapshot().unserved or "importing" in job.snapshot().unserved
        assert job.result(5) == 42
    assert len(brought(place)) == 1


def test_it_leaves_when_it_is_idle_and_the_next_brings_another(place: Place, run: list[str]) -> None:
    command = [*run, f"{place.folder}/talks.py:answer"]
    seen: set[str] = set()
    for _ in range(2):
        env = {**os.environ, "OVERNIGHT_IDLE": "0.2s"}
        subprocess.run(command, check=True, timeout=30, env=env, capture_output=True)
        seen |= {attempt.worker for job in place.app.jobs() for attempt in place.app.attempts(job.id)}
        until(lambda: not place.app.workers() and not brought(place), within=10, what="its leaving")
    assert len(seen) == 2


def test_no_job_slips_in_while_it_leaves(place: Place) -> None:
    """Either it sees the job and stays, or who submitted sees it gone and brings another."""
    ours, theirs = place.app.store, open_store(place.home)
    ends: list[bool] = []
    for n in range(1000):
        if n >= 100 and len(set(ends)) == 2:
            break
        given.register(ours, f"w{n}", all_files=True)
        both = threading.Barrier(2)
        left: list[bool] = []

        def leave(name: str = f"w{n}", both: threading.Barrier = both, left: list[bool] = left) -> None:
            both.wait()
            left.append(theirs.write(workers.leave_if_idle, name))

        leaver = threading.Thread(target=leave)
        leaver.start()
        both.wait()
        spin_until = time.monotonic() + (n % 20) * 0.0001  # now one side comes first, now the other
        while time.monotonic() < spin_until:
            continue
        [job] = ours.write(jobs.add, [given.call()])
        sees_it = bool(ours.read(serving.attendants, given.SOURCE))
        leaver.join()
        assert not (left[0] and sees_it), "the job waits for a worker that has left"
        ends.append(left[0])
        ours.write(jobs.cancel, job)
        ours.write(workers.leave, f"w{n}")
    theirs.close()
    assert len(set(ends)) == 2, "one side always won: nothing was tested"
