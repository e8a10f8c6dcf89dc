"""Tasks that sign in a ledger while they live. Each is given a folder: the ledger is in it, and the gate."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from overnight import job, task, track

#: Between two signs of life, in seconds.
BEAT = 0.01


def sign(place: Path, word: str) -> None:
    """Add a line that no crash can take back."""
    line = f"{job.id} {job.attempt} {word} {os.getpid()} {time.monotonic():.6f}\n"
    handle = os.open(place / "ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, line.encode())
    os.close(handle)


@task(grace="1s")
def waits(place: Path) -> int:
    """Live until the gate is there; return the number of the attempt."""
    sign(place, "start")
    while not (place / "gate").exists():
        time.sleep(BEAT)
        sign(place, "lives")
    sign(place, "end")
    return job.attempt


WAYS: dict[str, dict[str, Any]] = {
    "session": {"start_new_session": True},
    "clean": {"env": {}},
    "both": {"start_new_session": True, "env": {}},
}


@task(grace="1s")
def starts_programs(place: Path, ways: list[str]) -> int:
    """Start programs, in a session of their own or with a clean environment, and wait."""
    for way in ways:
        program = subprocess.Popen(["/bin/sleep", "1000"], **WAYS[way])
        sign(place, f"program-{program.pid}")
    return waits(place)


@task(grace="1s")
def counts(place: Path, items: int) -> list[int]:
    """Count in a resumable loop, slowly until the gate is there; return all that was counted."""
    counted: list[int] = job.restore([])
    sign(place, "start")
    for item in track(range(items), resume=True, save_every="0.1s"):
        counted.append(item)
        if not (place / "gate").exists():
            time.sleep(BEAT)
            sign(place, f"item-{item}")
    sign(place, "end")
    return counted


@task
def notes(place: Path, n: int) -> int:
    """Sign once, and return the number that was given."""
    sign(place, "start")
    return n


@task
def lasts(place: Path, seconds: float) -> float:
    """Last so many seconds; return how long that was."""
    sign(place, "start")
    began = time.monotonic()
    time.sleep(seconds)
    sign(place, "end")
    return time.monotonic() - began


@task
def saves(place: Path) -> float:
    """Wait for the gate, save by hand, and return how long the save took."""
    state = job.restore({"n": 0})
    sign(place, "start")
    while not (place / "gate").exists():
        time.sleep(BEAT)
    began = time.monotonic()
    state["n"] += 1
    job.save()
    sign(place, "end")
    return time.monotonic() - began
