"""What the kernel tells and does about processes: parents, children, marks, signals, sizes.

Only the standard library, since the guard and every zygote import it. Linux; see ARCHITECTURE.md.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from functools import cache
from pathlib import Path

MARK = "OVERNIGHT_MARK"

#: A mark is padded to this length, so that a child can overwrite its zygote's in place.
MARK_LENGTH = 120

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")
_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that made it ends.

    The signal hangs on the parent's *thread*, so only main threads make processes here.

    Args:
        parent: the process that should be our parent; if it is not any more, it died before we asked.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def padded_mark(mark: str) -> str:
    """Return a mark of the length that all marks have."""
    return mark.ljust(MARK_LENGTH, ".")


@cache
def _mark_address() -> int | None:
    """Return where in memory the environment that this process was started with holds its mark."""
    block = ctypes.POINTER(ctypes.c_void_p).in_dll(_libc, "environ")
    prefix = f"{MARK}=".encode()
    index = 0
    while address := block[index]:
        if ctypes.string_at(address, len(prefix)) == prefix:
            return int(address) + len(prefix)
        index += 1
    return None


def find_mark() -> None:
    """Look for the mark in memory once, for all processes that are forked from this one."""
    _mark_address()


def overwrite_mark(mark: str) -> None:
    """Change this process's mark where the kernel shows it, and for the programs that it starts.

    `/proc/PID/environ` shows the block of memory in which the environment was handed over, which a forked
    process shares with its zygote: setting `os.environ` does not change it, writing there does.
    """
    padded = padded_mark(mark)
    address = _mark_address()
    if address is not None:
        ctypes.memmove(address, padded.encode(), MARK_LENGTH)
    os.environ[MARK] = padded


def mark_of(pid: int) -> str | None:
    """Return the mark of a process without its padding, or None where it has none or is gone."""
    try:
        block = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # gone, or somebody else's: not one of ours either way
        return None
    prefix = f"{MARK}=".encode()
    for entry in block.split(b"\0"):
        if entry.startswith(prefix):
            return entry[len(prefix) :].decode(errors="replace").rstrip(".")
    return None


def marked(prefix: str) -> list[int]:
    """Return the processes whose mark begins so (10 µs for each process of the machine)."""
    me = os.getpid()
    return [
        pid
        for name in os.listdir("/proc")
        if name.isdigit() and (pid := int(name)) != me and (mark_of(pid) or "").startswith(prefix)
    ]


def children_of(pid: int) -> list[int]:
    """Return the direct children of a process, zombies included."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:  # the process is gone, and its children have another parent
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as listing:
                found.extend(map(int, listing.read().split()))
        except OSError:  # that thread has ended since
            continue
    return found


def own_children() -> list[int]:
    """Return the direct children of this process's main thread, zombies included.

    The kernel gives orphans to the first living thread of whoever adopts them, and here only main threads
    make processes, so no other thread has any.
    """
    pid = os.getpid()
    with open(f"/proc/{pid}/task/{pid}/children", "rb") as listing:
        return [int(child) for child in listing.read().split()]


def descendants_of(pid: int) -> list[int]:
    """Return all living descendants of a process."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = children_of(waiting.pop())
        found.extend(children)
        waiting.extend(children)
    return found


def send_signal(pid: int, number: int) -> bool:
    """Send a signal to one process; False if it is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs as another user (sudo, su): beyond our reach
        return False
    return True


def kill_group(pid: int) -> None:
    """Kill the process group that a process leads; harmless if nobody is in it any more."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # the group is empty: that is what we wanted
        return
    except PermissionError:  # some member changed its user: the others got the signal
        return


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process, 0 if it is gone (13 µs)."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            return int(statm.read().split()[1]) * _PAGE
    except (OSError, IndexError):  # gone, or going: it holds nothing
        return 0


def data_bytes() -> int:
    """Return how much of its data limit this process uses: private writable memory, the stack included."""
    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[5]) * _PAGE


def proportional_bytes(pid: int) -> int:
    """Return a process's memory with shared pages divided among their users (3.6 ms a GiB)."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
            for line in rollup:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:  # gone, or going: it holds nothing
        return 0
    return 0


def born_at(pid: int) -> int | None:
    """Return when a process began, in ticks since the boot: with its number it names it for ever."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[19])
    except OSError:  # gone
        return None


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and its reaped children used; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:  # gone
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK


def is_supported() -> bool:
    """Whether this machine has what the runner stands on."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")
