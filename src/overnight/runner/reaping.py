"""Killing an attempt to the last of its processes.

While a child lives it adopts its own orphans; when it is dead they come to the worker, as its direct
children. So between them nothing that an attempt started can hide, sessions and double forks included.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

from overnight.runner.processes import descendants_of, kill_group, marked, own_children, send_signal

#: For how long new descendants are looked for; a fork bomb is left to the kill of its group.
_PATIENCE = 1.0


async def kill_tree(pid: int) -> None:
    """Kill a child with all its descendants; they first, while it still adopts their orphans."""
    until = time.monotonic() + _PATIENCE
    while (living := descendants_of(pid)) and time.monotonic() < until:
        for descendant in living:
            send_signal(descendant, signal.SIGKILL)
        await asyncio.sleep(0.002)
        if _all_are_zombies(living):
            break
    send_signal(pid, signal.SIGKILL)
    kill_group(pid)


async def bury_orphans(known: Callable[[], set[int]]) -> None:
    """Kill and reap what has come to this process from ended attempts, until nothing more comes.

    Args:
        known: tells which direct children are ours, zygotes and the guard; asked at every look, since one
            that died meanwhile may have been replaced.
    """
    until = time.monotonic() + _PATIENCE
    while strangers := set(own_children()) - known():
        for pid in strangers:
            send_signal(pid, signal.SIGKILL)
            reap(pid)
        if time.monotonic() > until:
            return
        await asyncio.sleep(0.002)


def reap(pid: int) -> int | None:
    """Return how a direct child ended (its exit code, or minus the signal), or None if it has not yet."""
    try:
        done, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:  # not our child (yet): its own parent is still to die
        return None
    return os.waitstatus_to_exitcode(status) if done else None


def sweep(worker: str) -> int:
    """Kill everything that carries the mark of a dead worker, until nothing does; return how many.

    A free lock proves that no forked process of that worker is left, but says nothing of the programs that
    its jobs had started.
    """
    killed: set[int] = set()
    until = time.monotonic() + _PATIENCE
    while (strays := marked(worker)) and time.monotonic() < until:
        for pid in strays:
            send_signal(pid, signal.SIGKILL)
        killed.update(strays)
        time.sleep(0.005)
    return len(killed)


def _all_are_zombies(pids: list[int]) -> bool:
    return all(_is_zombie(pid) for pid in pids)


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:  # gone altogether
        return True
