"""`run` brings a worker with it, which outlives it, and which is replaced when it is killed."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from overnight.store.workers import WorkerRow
from tests.cli.commands import Commands
from tests.waiting import until
from tests.workers import app_on


@pytest.fixture
def overnight(tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(tmp_path)
    yield commands
    (tmp_path / "gate").touch()
    commands.end_workers()


def the_worker(overnight: Commands) -> WorkerRow:
    """The newest worker of the home."""
    app = app_on(overnight.home)
    try:
        return app.workers()[-1]
    finally:
        app.close()


def test_run_starts_a_worker_in_a_session_of_its_own(overnight: Commands) -> None:
    assert overnight.program("run", "jobs.py:count", "--top", "2").out == "2\n"
    worker = the_worker(overnight)
    assert os.getsid(worker.pid) == worker.pid
    assert overnight.program("run", "jobs.py:count", "--top", "3").out == "3\n"
    assert the_worker(overnight).id == worker.id


def test_ctrl_c_leaves_the_job_and_its_worker_running(overnight: Commands) -> None:
    gate = str(overnight.folder / "gate")
    terminal = overnight.on_terminal("run", "jobs.py:wait_for", "--file", gate)
    terminal.expect("60/100 ")
    terminal.type("\x03")
    assert terminal.end() == 130
    job = overnight.json("ls", "--json")[0]
    (overnight.folder / "gate").touch()
    assert overnight("wait", job["id"]).code == 0
    assert overnight.json("show", "--json", job["id"])["attempt"] == 1


def test_a_killed_worker_is_replaced_while_somebody_watches(overnight: Commands) -> None:
    gate = overnight.folder / "gate"
    with overnight.started("run", "jobs.py:wait_for", "--file", str(gate), "--items", "200") as watching:
        until(lambda: overnight.home.exists() and overnight.json("ls", "--json"), within=20)
        until(lambda: (overnight.json("ls", "--json")[0]["progress"]["done"] or 0) >= 60, within=20)
        first = the_worker(overnight)
        os.kill(first.pid, signal.SIGKILL)
        gate.touch()
        assert watching.wait(30) == 0
        assert watching.stderr is not None
        assert "↻" in watching.stderr.read()
    assert the_worker(overnight).id != first.id


def test_a_killed_worker_is_replaced_by_the_next_who_waits(overnight: Commands) -> None:
    gate = overnight.folder / "gate"
    job = overnight.program("run", "--detach", "jobs.py:wait_for", "--file", str(gate)).out.strip()
    until(lambda: overnight.json("show", "--json", job)["state"] == "running", within=20)
    worker = psutil.Process(the_worker(overnight).pid)
    worker.kill()
    gate.touch()
    assert overnight.program("wait", job).code == 0
    assert overnight.ok("result", job) == "100\n"


def test_a_job_that_nobody_serves_says_so_and_how_to_change_that(overnight: Commands) -> None:
    job = overnight.submit_only("count", top=1)
    late = overnight("wait", "--timeout", "1.5", job)
    assert late.code == 124
    command = f"overnight worker {overnight.folder / 'jobs.py'}"
    assert command in late.err
    listed = overnight("ls")
    assert f"1 of them waits: no worker serves it; start one: {command}" in listed.err


def test_tasks_of_one_name_are_told_apart_by_their_files(overnight: Commands) -> None:
    for name in ("one", "two"):
        (overnight.folder / name).mkdir()
        (overnight.folder / name / "same.py").write_text(f"def speak() -> str:\n    return {name!r}\n")
    overnight.env["OVERNIGHT_TASKS"] = os.pathsep.join(["one/same.py", "two/same.py", "jobs.py"])
    answer = overnight("run", "speak")
    assert answer.code == 2
    assert "2 tasks are called 'speak'" in answer.err
    names = [word for word in answer.err.split() if word.startswith("same.speak~")]
    said = {overnight.program("run", name).out for name in names}
    assert said == {'"one"\n', '"two"\n'}
    assert overnight.program("run", "plain", "--a", "1").out == '{"a":1,"b":"x"}\n'


def test_a_store_that_breaks_its_word_is_found_out(overnight: Commands) -> None:
    job = overnight.program("run", "--json", "jobs.py:count").out
    assert '"succeeded"' in job
    overnight.end_workers()
    assert "every invariant holds" in overnight.ok("doctor", "--verify")
    overnight.in_store("update job set failures = 3")
    answer = overnight("doctor", "--verify")
    assert answer.code == 1
    assert "✘" in answer.out
    violations = json.loads(overnight("doctor", "--verify", "--json").out)
    assert violations
    assert all(violation["message"] for violation in violations)
