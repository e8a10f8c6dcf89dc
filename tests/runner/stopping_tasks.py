"""Tasks that are busy in every way there is when they are stopped."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from overnight import task, track
from tests.runner.simple_tasks import HOUR, note_pid


@task(grace="1s")
def sleep(ledger: Path) -> None:
    note_pid(ledger)
    time.sleep(HOUR)


@task(grace="1s")
def loop(ledger: Path) -> None:
    note_pid(ledger)
    while True:
        pass


@task(grace="1s")
def loop_in_c(ledger: Path) -> None:
    """Keep the interpreter's lock in C, where no signal is seen."""
    note_pid(ledger)
    sum(range(10**13))


@task(grace="1s")
def match_for_ever(ledger: Path) -> None:
    """Do what people do by mistake."""
    note_pid(ledger)
    re.fullmatch("(a+)+b", "a" * 60)


@task(grace="1s")
def hash_for_ever(ledger: Path) -> None:
    """Work in C without the interpreter's lock."""
    note_pid(ledger)
    hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 2**31 - 1)


@task(grace="1s")
async def sleep_later(ledger: Path) -> None:
    import asyncio  # noqa: PLC0415 -- as a task may

    note_pid(ledger)
    await asyncio.sleep(HOUR)


@task(grace="1s")
async def block_the_loop(ledger: Path) -> None:
    """Hold up the event loop, as a coroutine should not."""
    note_pid(ledger)
    time.sleep(HOUR)


@task(grace="1s")
def wait_for_thread(ledger: Path) -> None:
    """Wait in the main thread for another that never ends."""
    note_pid(ledger)
    thread = threading.Thread(target=time.sleep, args=(HOUR,), daemon=True)
    thread.start()
    thread.join()


@task(grace="1s")
def swallow(ledger: Path) -> None:
    """Be deaf to everything."""
    note_pid(ledger)
    while True:
        try:
            time.sleep(HOUR)
        except BaseException:
            print("swallowed", flush=True)


@task(grace="1s")
def swallow_once(ledger: Path) -> None:
    """Take the first stop for something else."""
    note_pid(ledger)
    try:
        for _ in track(range(10**6)):
            time.sleep(0.01)
    except BaseException:
        print("swallowed")
    time.sleep(HOUR)


@task(grace="1s")
def ignore_signals(ledger: Path) -> None:
    """Have SIGTERM ignored, as some libraries do."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note_pid(ledger)
    time.sleep(HOUR)


@task(grace="2s")
def handle_signals(ledger: Path, how: str) -> str:
    """Take SIGTERM for itself, as libraries do that save their own state."""
    told: list[int] = []

    def note(number: int, _frame: object) -> None:
        told.append(number)

    def leave(_number: int, _frame: object) -> None:
        sys.exit(0)

    signal.signal(signal.SIGTERM, note if how == "return" else leave)
    note_pid(ledger)
    while not told:
        time.sleep(0.01)
    return "half of it"


@task(grace="3s")
def clean_up_slowly(ledger: Path) -> None:
    """Take a while to end decently."""
    note_pid(ledger)
    try:
        time.sleep(HOUR)
    finally:
        time.sleep(0.6)
        print("cleaned up")


@task(grace="2s")
def return_after_stop(ledger: Path) -> str:
    """Swallow the stop, and return as if nothing had been."""
    note_pid(ledger)
    try:
        time.sleep(HOUR)
    except BaseException as stop:
        print(f"swallowed {type(stop).__name__}")
    return "too late"


@task(grace="1s")
def raise_after_stop(ledger: Path) -> None:
    """Fail while cleaning up."""
    note_pid(ledger)
    try:
        time.sleep(HOUR)
    finally:
        raise ValueError("failed while cleaning up")


@task(grace="2s")
def return_in_time(ledger: Path, gate: Path) -> str:
    """Return as soon as somebody lets it; sees no stop before that."""
    note_pid(ledger)
    while not gate.exists():
        pass
    return "in time"


@task(grace="1s")
def run_program(ledger: Path) -> None:
    """Wait for a program."""
    note_pid(ledger)
    script = f"echo $$ >> {ledger}; exec sleep {HOUR}"
    subprocess.run(["sh", "-c", script], check=True)


@task(grace="1s")
def scatter(ledger: Path) -> None:
    """Start processes that try to get away: sessions of their own, forked twice, deaf to SIGTERM."""
    note_pid(ledger)
    deaf = "import os, signal, sys, time; signal.signal(15, signal.SIG_IGN); "
    noted = f"open({str(ledger)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep({HOUR})"
    subprocess.Popen([sys.executable, "-c", deaf + noted], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note_pid(ledger)
            time.sleep(HOUR)
        os._exit(0)
    time.sleep(HOUR)


def note_and_sleep(ledger: Path) -> None:
    note_pid(ledger)
    time.sleep(HOUR)


@task(grace="1s")
def use_pool(ledger: Path) -> None:
    """Have a pool of processes do the work."""
    note_pid(ledger)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(note_and_sleep, [ledger] * 2)


@task(grace="1s")
def track_slowly(ledger: Path) -> None:
    """Look for a stop often enough to be asked."""
    note_pid(ledger)
    for _ in track(range(10**6)):
        time.sleep(0.01)
