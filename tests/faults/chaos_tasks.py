"""The tasks of the chaos runs. Each start and each end is witnessed in a file that no crash can take back."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

from overnight import job, task, track


def witness(word: str, ledger: Path) -> None:
    line = f"{job.id} {job.attempt} {word} {os.getpid()} {time.monotonic():.6f}\n"
    handle = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, line.encode())
    os.close(handle)


@task(attempts=50, backoff="0.05s", grace="1s")
def short(ledger: Path, n: int) -> int:
    witness("start", ledger)
    time.sleep(0.01 * (n % 5))
    witness("end", ledger)
    return n * n


@task(attempts=50, backoff="0.05s", grace="1s")
def looping(ledger: Path, n: int) -> int:
    witness("start", ledger)
    total = job.restore({"sum": 0})
    for item in track(range(40), resume=True, save_every="0.1s"):
        total["sum"] += item
        time.sleep(0.005)
    witness("end", ledger)
    return total["sum"]


@task(attempts=50, backoff="0.05s", grace="1s")
def with_program(ledger: Path, n: int) -> int:
    witness("start", ledger)
    subprocess.run([sys.executable, "-c", "import time; time.sleep(0.1)"], check=True)
    witness("end", ledger)
    return n


@task(attempts=50, backoff="0.05s", grace="1s")
def failing(ledger: Path, n: int) -> int:
    witness("start", ledger)
    if job.attempt % 2:
        raise OSError("not this time")
    witness("end", ledger)
    return n


#: Of so many lines one is noted in the trace.
NOTED = 100


@task
def digest_lines(file: Path, trace: Path) -> str:
    """Chain a digest over every line: a line lost, doubled or out of order changes the result."""
    state = job.restore({"digest": ""})
    lines = list(enumerate(file.read_text(errors="replace").splitlines()))
    with trace.open("a") as seen:
        for number, line in track(lines, resume=True, save_every="0.2s"):
            state["digest"] = hashlib.sha256((state["digest"] + line).encode()).hexdigest()
            if number % NOTED == 0:
                print(job.attempt, number, time.monotonic(), os.getpid(), file=seen, flush=True)
                time.sleep(0.005)
    return state["digest"]
