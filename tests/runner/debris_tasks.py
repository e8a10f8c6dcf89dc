"""Tasks that leave something behind, or break what is not theirs."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import stat
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from overnight import job, task
from tests.runner.simple_tasks import HOUR, note_pid


@task
def use_pool_of_kind(kind: str) -> list[Any]:
    """Have processes of every kind do the work, and leave those behind that the library leaves."""
    context = multiprocessing.get_context(kind)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        return [sum(pool.map(abs, range(-10, 0))), sorted(pool.map(recall_job, range(2)))]


def recall_job(_number: int) -> str:
    """Say what a process that the function has started knows of the job."""
    return str(job.id)


@task
def ask() -> str:
    return input("what is your name? ")


@task(grace="1s")
def leave_threads_and_hooks(ledger: Path) -> str:
    note_pid(ledger)
    threading.Thread(target=time.sleep, args=(HOUR,)).start()
    atexit.register(time.sleep, HOUR)
    return "kept"


@task(grace="1s")
def leave_processes(ledger: Path, count: int) -> str:
    """Fork many times, some into sessions of their own, and return."""
    for number in range(count):
        if os.fork() == 0:
            if number % 2:
                os.setsid()
            note_pid(ledger)
            time.sleep(HOUR)
            os._exit(0)
    while len(ledger.read_text().splitlines() if ledger.exists() else []) < count:
        time.sleep(0.01)
    return "kept"


@task(grace="1s")
def leave_a_runner(gate: Path) -> str:
    """Leave a process behind that is another one every moment, until the gate is there."""
    if os.fork() == 0:
        until = time.monotonic() + 30
        while time.monotonic() < until and not gate.exists():
            if os.fork():
                os._exit(0)  # the child goes on
        os._exit(0)
    time.sleep(0.2)
    return "kept"


@task(at_most_once=True)
def write_into_our_socket() -> None:
    for number in range(3, 1000):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                os.write(number, b"GET / HTTP/1.1\r\n\r\n")
        except OSError:
            continue  # nobody has that number
    time.sleep(HOUR)


@task(at_most_once=True)
def write_files_as_a_daemon(folder: Path) -> None:
    """Close all descriptors, open files in their place, and go on as if nothing had been."""
    job.log.info("the line is in use")
    os.closerange(3, 1000)
    files = [(folder / str(number)).open("w") for number in range(20)]
    for _ in range(3):
        try:
            job.progress(1, 2)
            job.log.info("said")
        except OSError as error:
            print(type(error).__name__)
        time.sleep(0.15)
    for file in files:
        file.write("mine\n")
        file.close()


@task(at_most_once=True, grace="1s")
def close_all_descriptors(then: str) -> str:
    """Do as a daemon does at its start."""
    os.closerange(3, 1000)
    if then == "report":
        job.progress(1, 2)
    elif then == "sleep":
        time.sleep(HOUR)
    return "returned"
