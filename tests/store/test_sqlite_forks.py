"""A forked process uses the store by connections of its own, and leaves its parent's alone."""

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from overnight.store import Store, jobs, open_store, reading
from overnight.store.logs import Line
from tests.store.given import call, submit


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def in_a_fork(work: Callable[[], object]) -> int:
    """Do something in a forked process; return its exit code, 0 if it did not raise."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_parent_and_child_both_go_on_with_the_store(home: Path) -> None:
    store = open_store(home)
    before = submit(store)

    def child() -> None:
        assert store.read(reading.find, before).id == before
        store.write(jobs.add, [call("talks.child")])
        store.send(jobs.add, [call("talks.child")]).result(timeout=10)
        store.logs.append(before, 1, [Line(at=1.0, stream="stdout", text="child")])
        store.close()

    store.send(jobs.add, [call()]).result(timeout=10)
    store.logs.append(before, 1, [Line(at=1.0, stream="stdout", text="parent")])
    assert in_a_fork(child) == 0
    submit(store)
    store.logs.flush()
    assert len(store.read(reading.jobs, task="talks.child")) == 2
    assert len(store.read(reading.jobs)) == 5
    assert sorted(line.text for line in store.logs.lines(before)) == ["child", "parent"]
    store.close()


def test_a_child_goes_on_with_the_store_when_its_parent_has_closed_it(home: Path) -> None:
    """With an inherited connection it would hold no lock, and write into a WAL that was taken away."""
    code = (
        "import os, sys; from pathlib import Path; from overnight.store import open_store;"
        "from tests.store.given import submit\n"
        "store = open_store(Path(sys.argv[1])); submit(store); r, w = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.close(w); submit(store); os.read(r, 1); submit(store); store.close(); os._exit(0)\n"
        "store.close(); os.close(w); os._exit(0)"
    )
    done = subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE)
    assert done.stdout is not None
    done.stdout.read()  # until the grandchild has closed its end, too
    assert done.wait(timeout=30) == 0
    done.stdout.close()
    store = open_store(home)
    assert len(store.read(reading.jobs)) == 3
    store.close()


def test_a_fork_in_the_middle_of_many_writes_and_reads_waits_for_them(home: Path) -> None:
    store = open_store(home)
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            submit(store)

    def read() -> None:
        while not is_over.is_set():
            store.read(reading.jobs)

    def send() -> None:
        while not is_over.is_set():
            store.send(jobs.add, [call()]).result(timeout=10)

    threads = [threading.Thread(target=work) for work in (write, read, send)]
    for thread in threads:
        thread.start()
    try:
        codes = [in_a_fork(lambda: submit(store, "talks.child")) for _ in range(10)]
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert codes == [0] * 10
    assert len(store.read(reading.jobs, task="talks.child", limit=99)) == 10
    store.close()


def test_ids_made_after_a_fork_are_not_those_of_the_parent(home: Path) -> None:
    store = open_store(home)
    submit(store)
    assert [in_a_fork(lambda: store.write(jobs.add, [call()] * 50)) for _ in range(4)] == [0] * 4
    store.write(jobs.add, [call()] * 50)
    assert len(store.read(reading.jobs, limit=999)) == 251
    store.close()


def test_what_was_sent_before_a_fork_is_written_once_by_the_parent(home: Path) -> None:
    store = open_store(home)
    submit(store)
    sent = [store.send(jobs.add, [call()]) for _ in range(100)]
    assert in_a_fork(store.close) == 0
    for future in sent:
        future.result(timeout=10)
    assert len(store.read(reading.jobs, limit=999)) == 101
    store.close()


def add_in_a_pool(home: Path, n: int) -> str:
    return submit(open_once(home), f"talks.t{n}")


_opened: dict[Path, Store] = {}


def open_once(home: Path) -> Store:
    return _opened.setdefault(home, open_store(home)) if home not in _opened else _opened[home]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pools_of_processes_may_submit(home: Path, method: str) -> None:
    store = _opened[home] = open_store(home)
    submit(store)
    with multiprocessing.get_context(method).Pool(2) as pool:
        ids = pool.starmap(add_in_a_pool, [(home, n) for n in range(20)])
    assert len(set(ids)) == 20
    assert len(store.read(reading.jobs)) == 21
    store.close()


def test_a_process_that_ends_without_closing_loses_nothing_that_it_said(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from overnight.store import open_store, jobs\n"
        "from overnight.store.logs import Line; from tests.store.given import call, submit\n"
        "store = open_store(Path(sys.argv[1])); job = submit(store); store.send(jobs.add, [call()])\n"
        "store.logs.append(job, 1, [Line(at=1.0, stream='stdout', text='last words')]); print(job)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    store = open_store(home)
    assert len(store.read(reading.jobs)) == 2
    assert [line.text for line in store.logs.lines(done.stdout.strip())] == ["last words"]
    store.close()
