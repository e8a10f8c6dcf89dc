"""Several processes on one store, and processes that are killed in the middle of everything."""

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from overnight.jobs import State
from overnight.store import checkpoint, jobs, open_store, reading, sqlite
from overnight.store import store as store_module
from overnight.store.verify import verify
from tests.store.given import call, register, submit
from tests.waiting import until

BEGIN = """
import sys
from pathlib import Path
from overnight.store import jobs, open_store, workers
from tests.store.given import ask, call, register, submit, succeeded
store = open_store(Path(sys.argv[1]))
"""

SUBMIT = BEGIN + "while True: print(submit(store), flush=True)"

WORK = (
    BEGIN
    + """
worker = register(store, sys.argv[2])
done = 0
while claims := store.write(jobs.claim, ask(worker, slots=2)):
    for ending in [store.send(jobs.settle, it.job, it.attempt, succeeded()) for it in claims]:
        ending.result(30)
        done += 1
print(done)
"""
)


def start(code: str, *args: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_no_job_is_lost_that_was_acknowledged_before_a_kill(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = open_store(home)
    chance = random.Random(7)
    acknowledged: set[str] = set()
    programs = [start(SUBMIT, home) for _ in range(2)]
    for program in programs:
        told: list[str] = []
        assert program.stdout is not None
        reader = threading.Thread(target=lambda to, it: to.extend(it.stdout), args=(told, program))
        reader.start()
        wanted = chance.randrange(20, 200)
        until(lambda told=told, wanted=wanted: len(told) >= wanted, within=30)  # type: ignore[misc]
        program.send_signal(signal.SIGKILL)
        program.communicate()
        reader.join()
        acknowledged |= {line.strip() for line in told if line.endswith("\n")}
    kept = {job.id for job in store.read(reading.jobs, limit=100_000)}
    assert acknowledged <= kept
    assert len(kept) <= len(acknowledged) + 2  # one each may have been written and not told any more
    assert verify(store) == []
    assert submit(store)
    store.close()


def test_workers_in_several_processes_share_the_jobs_without_getting_in_each_others_way(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path / "home")
    store.write(jobs.add, [call() for _ in range(600)])
    programs = [start(WORK, store.home, f"w{n}") for n in range(3)]
    outputs = [program.communicate(timeout=50) for program in programs]
    assert [error for _, error in outputs] == [""] * 3
    assert sum(int(output) for output, _ in outputs) == 600
    assert store.read(reading.counts)[State.SUCCEEDED] == 600
    assert verify(store) == []
    store.close()


def test_a_store_whose_last_process_was_killed_is_whole_when_it_is_opened(tmp_path: Path) -> None:
    home = tmp_path / "home"
    open_store(home).close()
    program = start(SUBMIT, home)
    assert program.stdout is not None
    told = [program.stdout.readline().strip() for _ in range(50)]
    program.send_signal(signal.SIGKILL)
    program.communicate()
    assert (home / "overnight.db-wal").stat().st_size > 0
    store = open_store(home)
    assert all(store.read(reading.find, job).id == job for job in told)
    register(store)
    store.close()


def test_a_library_that_may_corrupt_a_wal_checkpoints_only_by_the_verb(tmp_path: Path) -> None:
    """With the interpreter's own SQLite, whichever it is, in a process of its own."""
    code = (
        "import sys; sys.modules['pysqlite3'] = None\n"
        + BEGIN
        + "from overnight.store import checkpoint, sqlite; from overnight.store import store as module\n"
        "sqlite.CHECKPOINTS_ITSELF = False; module._WAL_SIZE = 100_000\n"
        "assert sqlite.DRIVER_NAME == 'sqlite3'\n"
        "wal = store.home / 'overnight.db-wal'\n"
        "for _ in range(3): store.write(jobs.add, [call() for _ in range(5000)])\n"
        "print(wal.stat().st_size > 9_000_000)\n"  # by itself it would begin anew after 4 MB
        "checkpoint(store); print(wal.stat().st_size)\n"
        "submit(store); small = wal.stat().st_size; checkpoint(store); print(wal.stat().st_size == small > 0)"
    )
    program = start(code, tmp_path / "home")
    assert program.communicate(timeout=50) == ("True\n0\nTrue\n", "")


def test_a_safe_library_is_left_to_checkpoint_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINTS_ITSELF", True)
    monkeypatch.setattr(store_module, "_WAL_SIZE", 0)
    store = open_store(tmp_path / "home")
    submit(store)
    checkpoint(store)
    assert store.path.with_name("overnight.db-wal").stat().st_size > 0
    store.close()


def test_versions_that_may_corrupt_a_wal_are_known() -> None:
    safe = {
        (3, 40, 1): False,
        (3, 44, 5): False,
        (3, 44, 6): True,
        (3, 45, 0): False,
        (3, 50, 6): False,
        (3, 50, 7): True,
        (3, 51, 2): False,
        (3, 51, 3): True,
        (3, 53, 4): True,
    }
    assert {version: sqlite._is_safe(version) for version in safe} == safe
