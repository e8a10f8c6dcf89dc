"""Tasks of a source that starts a thread when it is imported: it cannot be forked from."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

from overnight import job, task, track

_lock = threading.Lock()


def _hold_now_and_then() -> None:
    while True:
        with _lock:
            time.sleep(0.01)


threading.Thread(target=_hold_now_and_then, daemon=True).start()

#: As long as an import of a large library takes.
time.sleep(0.7)


@task
def use_lock() -> Any:
    """Take the lock that the thread holds nearly always: in a fork it would stay locked for ever."""
    with _lock:
        print("größe")
    return {"threads": threading.active_count(), "pid": os.getpid(), "mark": os.environ["OVERNIGHT_MARK"]}


@task(grace="1s")
def sleep(ledger: Path) -> None:
    with ledger.open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(3600)


@task(at_most_once=True)
def leave(code: int) -> None:
    os._exit(code)


@task(timeout="0.6s")
def be_quick() -> str:
    """Take less time than the import of this file."""
    for _ in track(range(5)):
        time.sleep(0.01)
    return "in time"


@task
def walk_and_die(ledger: Path) -> dict[str, int]:
    """Die once in the middle of a loop, and go on."""
    seen = job.restore({"count": 0})
    for item in track(range(10), resume=True):
        job.save()
        if item == 5 and job.attempt == 1:
            os._exit(1)
        seen["count"] += 1
    return seen
