"""The worker's side of its guard: starting it, and starting another when it dies."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from overnight.runner.guard import MOST_SLOTS, NEVER, PAGE, SharedPage
from overnight.runner.processes import MARK

#: A guard that has been let go has this many seconds to end what is left.
_PATIENCE = 2.0


class Guarding:
    """Keeps a guard alive beside this worker.

    Attributes:
        page: what the two share.
        stands: set while there is a guard; nothing is started without one.
    """

    def __init__(self, *, worker: str, lock: int) -> None:
        self._worker = worker
        self._lock = lock
        self._memory = os.memfd_create("overnight-guard")
        os.ftruncate(self._memory, PAGE)
        self.page = SharedPage(self._memory)
        self.page.deadline = NEVER
        self.stands = asyncio.Event()
        self._places = list(range(MOST_SLOTS))
        self._alive, self._ours = os.pipe()
        self._is_over = False
        self._gone = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._spawn()

    @property
    def pid(self) -> int:
        """The guard's process."""
        return self._process.pid

    @contextmanager
    def guard(self, pid: int) -> Iterator[None]:
        """Have the guard know of an attempt's process for the length of a block."""
        place = self._places.pop()
        self.page.set_slot(place, pid)
        try:
            yield
        finally:
            self.page.set_slot(place, 0)
            self._places.append(place)

    def _spawn(self) -> None:
        # Without our mark, so that nobody who sweeps for it takes the guard for a stray.
        environment = {name: value for name, value in os.environ.items() if name != MARK}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "overnight.runner.guard",
             str(self._memory), str(self._alive), self._worker],
            pass_fds=(self._memory, self._alive, self._lock),
            env=environment,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self._ending = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._ending, self._notice_death)
        self.stands.set()

    def _notice_death(self) -> None:
        self.stands.clear()
        self._loop.remove_reader(self._ending)
        os.close(self._ending)
        self._process.wait()
        if self._is_over:
            self._gone.set()
        else:
            self._spawn()

    async def close(self) -> None:
        """Let the guard go: it leaves when nothing that carries our mark is left."""
        self._is_over = True
        os.close(self._ours)
        try:
            await asyncio.wait_for(self._gone.wait(), _PATIENCE)
        except TimeoutError:  # frozen, or at a process that even the kernel cannot end at present
            self._process.kill()
            await self._gone.wait()
        os.close(self._alive)
        os.close(self._memory)
