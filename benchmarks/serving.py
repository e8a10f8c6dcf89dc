"""Our own workers, as programs: started, awaited, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from overnight.app import default_app

HERE = Path(__file__).parent
WORKLOAD = HERE / "workload.py"
SLOTS = 2
_PATIENCE = 60.0


def start(file: Path = WORKLOAD) -> subprocess.Popen[bytes]:
    """Start a worker with two slots for a file; what it says lies in the store's folder."""
    with (default_app().settings.home / "worker.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "overnight", "worker", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=HERE.parent,
            env={**os.environ, "OVERNIGHT_SLOTS": str(SLOTS)},
        )


@contextmanager
def worker(file: Path = WORKLOAD) -> Iterator[subprocess.Popen[bytes]]:
    """Have a worker, and have it leave again."""
    process = start(file)
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Have a worker leave, with all that belongs to it."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def wait_ready() -> None:
    """Return when a worker of this store has imported what it serves, and forked ahead."""
    wait_for(lambda: any(served.tasks for row in default_app().workers() for served in row.sources.values()))


def wait_for(fact: Callable[[], bool]) -> None:
    """Return as soon as something is so.

    Raises:
        TimeoutError: it was not, for a minute.
    """
    until = time.monotonic() + _PATIENCE
    while not fact():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {_PATIENCE:.0f} s in vain for {fact}")
        time.sleep(0.002)


def tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return a process and all that descend from it."""
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]
