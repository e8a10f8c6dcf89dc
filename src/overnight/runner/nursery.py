"""The worker's side of its zygotes: one for each source, and the children that they forked.

A child is forked ahead of its work, so that a start costs a message instead of a fork. Only the main
thread makes processes: the signal that ends a child with its parent hangs on the thread that made it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence

from overnight.runner.birth import Broken, Bury, Ended, Fork, Forked, Loaded, Order, decode_word, encode
from overnight.runner.forked import Child
from overnight.runner.frames import FrameReader, NoFrame, send_with_descriptors
from overnight.runner.processes import MARK, kill_group, padded_mark, send_signal
from overnight.runner.reaping import kill_tree, reap
from overnight.sources import Source

#: A source that takes longer than this to import is called broken.
IMPORT_LIMIT = 60.0

#: So many children in a row that die before they are ready make a zygote useless.
_STILLBORN = 5

#: Burials wait for so long, in seconds, for the next order to go with.
_BURY_WITHIN = 0.05

#: A fork takes milliseconds; a zygote that has not forked after so long, in seconds, is stuck.
_BIRTH = 10.0

#: More children ahead than this serve nobody: they are used up no faster than the processors start them.
_MOST_AHEAD = 2 * (os.cpu_count() or 1)

log = logging.getLogger("overnight.worker")


class Zygote:
    """One zygote process and the children that it forked.

    Attributes:
        loaded: what it found in its source, once it has imported it.
        broken: the traceback of an import that failed, or words about a zygote that is of no use.
        death: how it died, in words, if it did; or what it did that made it useless.
        files: the files of the source as they were imported.
        served: how many of its children have done their work.
        stillborn: how many in a row have died before they were ready for any.
    """

    def __init__(self, source: Source, *, worker: str, lock: int, on_end: Callable[[Zygote], None]) -> None:
        self.source = source
        self.loaded: Loaded | None = None
        self.broken: str | None = None
        self.death: str | None = None
        own = source.own_file()
        self.files: Sequence[tuple[str, int, int]] = [] if own is None else [own]
        self.ready = asyncio.Event()
        self.is_retired = False
        self.served = 0
        self.stillborn = 0
        self._on_end = on_end
        self._tickets = 0
        self._waiting: dict[int, Child] = {}
        self._ahead: deque[Child] = deque()
        self._children: dict[int, Child] = {}
        self._burials: list[int] = []
        self._loop = asyncio.get_running_loop()
        self._spawn(worker, lock)

    @property
    def pid(self) -> int:
        """The zygote's process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether children can be had from it."""
        return self._process.returncode is None and self.broken is None and self.death is None

    def _spawn(self, worker: str, lock: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            descriptor = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "overnight.runner.zygote",
                 str(descriptor), str(os.getpid()), self.source.key, "import"],
                pass_fds=(descriptor, lock),
                env={**os.environ, MARK: padded_mark(worker)},
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self._wire = ours
        self._reader = FrameReader(ours)
        ours.setblocking(False)
        self._loop.add_reader(ours, self._hear)
        self._ending = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._ending, self._notice_death)
        self._late = self._loop.call_later(
            IMPORT_LIMIT, self._give_up, f"its import had not ended after {IMPORT_LIMIT:.0f} s"
        )

    # -- children ------------------------------------------------------------------------------------

    async def take(self, *, ahead: int) -> Child:
        """Return a child that has no work yet, and have `ahead` others forked for those who come next."""
        child = self._ahead.popleft() if self._ahead else self._order_child()
        # After the start message, which the caller sends at once when the child is born already.
        self._loop.call_soon(self.keep_ahead, min(ahead, _MOST_AHEAD))
        late = self._loop.call_later(_BIRTH, self._give_up, f"it had not forked after {_BIRTH:.0f} s")
        await child.born.wait()
        late.cancel()
        return child

    def keep_ahead(self, count: int) -> None:
        """Have so many children forked ahead of their work."""
        while len(self._ahead) < count and self.is_alive and not self.is_retired:
            self._ahead.append(self._order_child())

    def _order_child(self) -> Child:
        ours, theirs = socket.socketpair()
        out, out_theirs = os.pipe()
        err, err_theirs = os.pipe()
        child = Child(ours, out, err)
        ours.setblocking(False)
        self._tickets += 1
        self._waiting[self._tickets] = child
        with theirs:
            self._order([Fork(self._tickets)], [theirs.fileno(), out_theirs, err_theirs])
        os.close(out_theirs)
        os.close(err_theirs)
        return child

    def bury(self, child: Child) -> None:
        """Let the number of a child that has ended be given to others."""
        if self._children.pop(child.pid, None) is not None:
            self._burials.append(child.pid)
            if len(self._burials) == 1:
                self._loop.call_later(_BURY_WITHIN, self._bury_all)
        child.close()
        if self.is_retired and not self._children:
            self.close()

    def _bury_all(self) -> None:
        if self._burials:
            self._order([], [])

    def retire(self) -> None:
        """Fork no more children; leave with the last that works."""
        self.is_retired = True
        while self._ahead:
            self.dismiss(self._ahead.popleft())
        if not self._children:
            self.close()

    def dismiss(self, child: Child) -> None:
        """Send a child home that never got work: it leaves when its socket closes."""

        async def wait() -> None:
            await child.born.wait()
            child.wire.shutdown(socket.SHUT_RDWR)
            await child.ended.wait()
            self.bury(child)

        self._farewell = asyncio.ensure_future(wait())

    # -- the zygote ----------------------------------------------------------------------------------

    def _order(self, orders: Sequence[Order], descriptors: list[int]) -> None:
        """Send orders, and with them the burials that have waited: the zygote wakes once for all."""
        burials, self._burials = self._burials, []
        payloads = [encode(order) for order in (*map(Bury, burials), *orders)]
        try:
            self._wire.setblocking(True)
            send_with_descriptors(self._wire, payloads, descriptors)
            self._wire.setblocking(False)
        except OSError:  # it is dead, which is noticed and answered elsewhere
            return

    def _hear(self) -> None:
        try:
            payloads = self._reader.read()
        except NoFrame as nonsense:
            self._give_up(f"it spoke nonsense: {nonsense}")
            return
        for payload in payloads:
            match decode_word(payload):
                case Loaded() as loaded:
                    self.loaded, self.files = loaded, loaded.files
                    self._be_ready()
                case Broken(traceback, files):
                    self.broken, self.files = traceback, files
                    self._be_ready()
                case Forked(ticket, pid):
                    child = self._waiting.pop(ticket)
                    child.pid = pid
                    self._children[pid] = child
                    child.born.set()
                case Ended(pid, code, cpu_seconds):
                    self._children[pid].end(code, cpu_seconds)
                    self._forget_ahead(self._children[pid])
        if self._reader.is_ended:
            self._loop.remove_reader(self._wire)

    def _forget_ahead(self, child: Child) -> None:
        """A child that died before it got work must not be given any."""
        if child in self._ahead:
            self._ahead.remove(child)
            self.note_stillborn(child)
            self.bury(child)

    def note_stillborn(self, child: Child) -> None:
        """Note that a child died before it was ready for work; a zygote that has only such is of no use."""
        log.warning(
            "a process for %s ended with %s at its birth: %s", self.source.words, child.code, child.cry()
        )
        self.stillborn += 1
        if self.stillborn >= _STILLBORN:
            self.served = 0
            self.kill()

    def _be_ready(self) -> None:
        self._late.cancel()
        self.ready.set()

    def _give_up(self, why: str) -> None:
        self.death = why
        self._be_ready()
        send_signal(self.pid, signal.SIGKILL)

    def _notice_death(self) -> None:
        self._loop.remove_reader(self._ending)
        os.close(self._ending)
        self._hear_the_rest()
        code = self._process.wait()
        self.death = self.death or f"it ended with {code}"
        self._be_ready()
        self._mourning = asyncio.ensure_future(self._take_in_children())

    def _hear_the_rest(self) -> None:
        """Read what it had sent; some process that its source started may still hold the other end open."""
        rest = select.poll()
        rest.register(self._wire, select.POLLIN)
        while not self._reader.is_ended and rest.poll(0):
            self._hear()
        self._loop.remove_reader(self._wire)
        self._wire.close()

    async def _take_in_children(self) -> None:
        """Bury the children that a dead zygote left: the kernel kills them and makes them ours."""
        left = [child for child in self._children.values() if child.code is None]
        for child in left:
            child.zygote_died = True
            await kill_tree(child.pid)
        until = time.monotonic() + 1.0
        for child in left:
            while (code := reap(child.pid)) is None and time.monotonic() < until:
                await asyncio.sleep(0.002)
            child.end(code)
        for child in self._children.values():
            reap(child.pid)  # those that had ended before, and were not buried yet
        for child in self._waiting.values():
            child.zygote_died = True
            child.end(None)
        for child in self._ahead:
            child.close()
        self._waiting.clear()
        self._ahead.clear()
        self._children.clear()
        self._on_end(self)

    def close(self) -> None:
        """Send the zygote home: it leaves when its socket closes, and its idle children with it."""
        if self._process.returncode is None and not self._reader.is_ended:
            self._wire.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """End the zygote at once, and by the kernel's hand all its children."""
        kill_group(self.pid)
