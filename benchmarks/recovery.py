"""A process is killed with SIGKILL: how long until its job runs again.

The child of an attempt is killed, and the clock stops when the function of the next attempt starts. Or the
whole worker is killed and another started at once; the clock then begins with that start.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import serving
from benchmarks.conditions import Conditions
from benchmarks.measuring import take_turns
from benchmarks.tables import Figure, Table
from benchmarks.workload import linger

CHILD = Figure("child killed → runs again", "s")
WORKER = Figure("worker killed, started again → runs again", "s")


def measure(conditions: Conditions) -> Table:
    """Measure it."""
    table = take_turns(
        {"overnight": lambda: recover(conditions.home / "starts")},
        rounds=conditions.pick(5, 1),
        disk=conditions.home,
    )
    table.remarks.append(
        "Celery + Redis with its defaults never runs such a job again: it is acknowledged before it starts"
    )
    return table


def recover(note: Path) -> Mapping[Figure, float]:
    """Kill the one, then the other."""
    note.unlink(missing_ok=True)
    process = serving.start()
    try:
        handle = linger.submit(note)
        child = _wait_for_start(note, 1)[0]
        killed_at = time.monotonic()
        os.kill(child, signal.SIGKILL)
        after_child = _wait_for_start(note, 2)[1] - killed_at

        process.kill()
        process.wait()
        restarted_at = time.monotonic()
        process = serving.start()
        after_worker = _wait_for_start(note, 3)[1] - restarted_at
        handle.cancel()
        handle.wait(timeout=60)
    finally:
        _end(process)
    return {CHILD: after_child, WORKER: after_worker}


def _wait_for_start(note: Path, number: int) -> tuple[int, float]:
    """Return the process and the steady time of a start, counted from 1."""

    def has_started() -> bool:
        return note.exists() and note.read_text().count("\n") >= number

    serving.wait_for(has_started)
    pid, nanoseconds = note.read_text().splitlines()[number - 1].split()
    return int(pid), int(nanoseconds) / 1e9


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        serving.end(process)
