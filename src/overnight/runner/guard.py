"""The guard: a tiny process that ends a worker's attempts when the worker cannot.

A worker that is frozen (SIGSTOP, a paused machine) can kill nobody, while its children work on and its
leases run out. The guard shares a page of memory with it, which holds the moment until which the worker may
run anything. When that moment passes, or the worker dies, the guard kills.

Run as a file, by path, in isolated mode: it must start fast and import nothing of the user's.
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import struct
import sys
import time

from overnight.runner.processes import born_at, descendants_of, kill_group, marked, send_signal

_DEADLINE = struct.Struct("<d")
_NUMBER = struct.Struct("<Q")
_KILLED_AT = 8
_SLOTS_AT = 16
PAGE = 4096
MOST_SLOTS = (PAGE - _SLOTS_AT) // 8

#: A worker that has no lease yet runs nothing.
NEVER = 0.0

#: Between two looks at what runs, in seconds (60 µs for each attempt).
_LOOK_EVERY = 0.25

#: Between two looks while nothing runs, or nothing may.
_IDLE = 0.5


class SharedPage:
    """The page of memory between a worker and its guard.

    It holds the steady time until which attempts may run, how often the guard has killed, and the process
    of the attempt in each slot.
    """

    def __init__(self, descriptor: int) -> None:
        self._page = mmap.mmap(descriptor, PAGE)

    @property
    def deadline(self) -> float:
        """The steady time until which attempts may run."""
        return float(_DEADLINE.unpack_from(self._page, 0)[0])

    @deadline.setter
    def deadline(self, at: float) -> None:
        _DEADLINE.pack_into(self._page, 0, at)

    @property
    def kills(self) -> int:
        """How often the guard found the deadline passed and killed."""
        return int(_NUMBER.unpack_from(self._page, _KILLED_AT)[0])

    def count_kill(self) -> None:
        """Note that the guard has killed once more."""
        _NUMBER.pack_into(self._page, _KILLED_AT, self.kills + 1)

    def set_slot(self, slot: int, pid: int) -> None:
        """Say which process works in a slot; 0 for none."""
        _NUMBER.pack_into(self._page, _SLOTS_AT + slot * 8, pid)

    def pids(self) -> list[int]:
        """Return the processes that work in some slot."""
        numbers = struct.unpack_from(f"<{MOST_SLOTS}Q", self._page, _SLOTS_AT)
        return [pid for pid in numbers if pid]


def kill_attempts(pids: list[int]) -> None:
    """Kill these processes, their groups and all their descendants."""
    for pid in pids:
        # The worker's zygote holds each dead child as a zombie until its group is empty, so no number here
        # can have been given to a stranger.
        for descendant in descendants_of(pid):
            send_signal(descendant, signal.SIGKILL)
        kill_group(pid)
        send_signal(pid, signal.SIGKILL)


class Programs:
    """The programs that attempts have started, as they were when last looked at.

    When a worker dies the kernel kills its children in the same moment, and what they had started belongs to
    nobody any more: a program in a session of its own with an environment of its own could not be told from
    a stranger. So they are noted while their attempt still lives.
    """

    def __init__(self) -> None:
        self._born: dict[int, int | None] = {}

    def look(self, pids: list[int]) -> None:
        """Note what these attempts have started."""
        living = {program for pid in pids for program in descendants_of(pid)}
        self._born = {pid: self._born.get(pid) or born_at(pid) for pid in living}

    def kill(self) -> None:
        """Kill those that were noted, unless their number belongs to another process by now."""
        for pid, born in self._born.items():
            if born is not None and born_at(pid) == born:
                send_signal(pid, signal.SIGKILL)


def watch(page: SharedPage, alive: int, worker: str) -> None:
    """Guard until the worker is dead and nothing that carries its mark is left.

    Args:
        page: what is shared with the worker.
        alive: the reading end of a pipe that the worker alone holds open.
        worker: the worker's id, with which the marks of its processes begin.
    """
    programs = Programs()
    while not _is_dead(alive, _patience(page)):
        if time.monotonic() < page.deadline or page.deadline == NEVER:
            programs.look(page.pids())
        elif page.pids():
            page.count_kill()  # before the deed: a worker that is awake must not take it for a crash
            kill_attempts(page.pids())
    kill_attempts(page.pids())
    programs.kill()
    while strays := marked(worker):
        for pid in strays:
            send_signal(pid, signal.SIGKILL)
        time.sleep(0.01)


def _patience(page: SharedPage) -> float:
    """Return for how long nothing can happen: until the deadline, but a new one may be set any time."""
    left = page.deadline - time.monotonic()
    if page.deadline == NEVER or left <= 0:
        return _IDLE
    return min(max(left, 0.01), _LOOK_EVERY if page.pids() else _IDLE)


def _is_dead(alive: int, patience: float) -> bool:
    readable, _, _ = select.select([alive], [], [], patience)
    return bool(readable) and os.read(alive, 1) == b""


def main() -> None:
    """Guard the worker that started this process: descriptors and its id stand in the arguments."""
    page, alive, worker = sys.argv[1:4]
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watch(SharedPage(int(page)), int(alive), worker)


if __name__ == "__main__":
    main()
