"""Tasks that print and log, in every way there is."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

from overnight import job, task, track
from tests.runner.simple_tasks import note_pid


@task(attempts=2, backoff="0.01s")
def talk(times: int = 3) -> None:
    """Print to both streams at each attempt, and fail at the first."""
    for number in range(times):
        print(f"out {job.attempt} {number}")
        print(f"err {job.attempt} {number}", file=sys.stderr)
        time.sleep(0.05)
    print("no newline at the end", end="")
    if job.attempt == 1:
        raise OSError("once more")


@task
def flood(lines: int) -> None:
    for number in range(lines):
        print(f"line {number:06}")


@task(grace="1s")
def flood_for_ever(ledger: Path) -> None:
    """Keep everybody busy."""
    note_pid(ledger)
    while True:
        print("x" * 200)


@task
def write_strangely(ledger: Path) -> None:
    """Print past Python's streams, and what is no text."""
    os.write(1, b"from C\n")
    os.write(1, bytes(range(1, 10)) + bytes(range(11, 256)) + b"\n")
    os.write(1, b"x" * 1_000_000 + b"\n")
    subprocess.run([sys.executable, "-c", "print('from a program')"], check=True)
    subprocess.run(["sh", "-c", "echo to stderr >&2"], check=True)
    print("half \ud800 a sign")
    os.write(1, b"windows\r\n\n")
    os.write(1, b"\xc3")  # half of a letter, and the rest in a later write
    time.sleep(0.05)
    os.write(1, b"\xa4\n")


@task
def close_streams() -> str:
    """Close what it prints to, and go on."""
    print("before")
    sys.stdout.close()
    os.close(2)
    return "went on"


@task
def log_strangely() -> str:
    """Log and report what is hard to carry."""
    job.log.info("half \ud800 a sign")
    job.progress(1, 10**30, "half \ud800 a sign")
    job.log.warning("x" * 1_000_000)
    logging.getLogger("half \ud800 a name").warning("said")
    for _ in track(range(3), "half \ud800 a name", total=Fraction(6, 2)):
        pass
    return "went on"
