"""Tasks that use much, and tasks that change their process."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from overnight import task
from tests.runner.simple_tasks import HOUR, note_pid

MIB = 1 << 20


@task(memory="96MiB", grace="1s")
def hoard(ledger: Path) -> None:
    """Take memory until there is none."""
    hoarded = []
    try:
        while True:
            hoarded.append(bytearray(4 * MIB))
            time.sleep(0.005)
    finally:
        with ledger.open("a") as lines:
            lines.write(f"finally with {len(hoarded) * 4} MiB\n")


@task(memory="96MiB", grace="1s")
def hoard_in_programs(ledger: Path) -> None:
    """Have several programs take memory, each less than the limit."""
    note_pid(ledger)
    script = f"import time; taken = bytearray({60 * MIB}); time.sleep({HOUR})"
    programs = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    for program in programs:
        note_pid(ledger, program.pid)
    for program in programs:
        program.wait()


@task(memory="96MiB", grace="1s")
def hoard_shared(ledger: Path) -> None:
    """Take memory that counts as nobody's data."""
    import mmap  # noqa: PLC0415 -- as a task may

    note_pid(ledger)
    shared = mmap.mmap(-1, 200 * MIB)
    for _ in range(199):
        shared.write(b"x" * MIB)
    time.sleep(HOUR)


@task(memory="256MiB")
def use_some(size: int) -> int:
    """Take memory below the limit, and give it back."""
    taken = bytearray(size)
    time.sleep(0.6)
    return len(taken)


@task
def wait_for(gate: Path) -> str:
    until = time.monotonic() + 20
    while not gate.exists() and time.monotonic() < until:
        time.sleep(0.01)
    return "untouched"


@task
def threads_allowed() -> dict[str, str | None]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {name: os.environ.get(name) for name in names}


@task
def draw() -> list[float]:
    return [random.random(), random.Random().random()]


@task
def note_time(ledger: Path, seconds: float) -> None:
    """Note when it ran."""
    began = time.monotonic()
    time.sleep(seconds)
    with ledger.open("a") as lines:
        lines.write(f"{began} {time.monotonic()}\n")


@task
def make_a_mess() -> None:
    """Change everything in the process that can be changed."""
    os.environ["LEFT_BEHIND"] = "1"
    os.chdir("/")
    os.umask(0)
    sys.path.insert(0, "/left/behind")
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    globals()["HOUR"] = 1
    sys.setrecursionlimit(5000)


@task
def describe_process() -> dict[str, Any]:
    umask = os.umask(0o22)
    os.umask(umask)
    return {
        "environment": "LEFT_BEHIND" in os.environ,
        "cwd": str(Path.cwd()),
        "umask": umask,
        "path": "/left/behind" in sys.path,
        "SIGUSR1": signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL,
        "SIGTERM": callable(signal.getsignal(signal.SIGTERM)),
        "hour": HOUR,
        "recursion": sys.getrecursionlimit(),
        "session": os.getsid(0) == os.getpid(),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "pid": os.getpid(),
    }
