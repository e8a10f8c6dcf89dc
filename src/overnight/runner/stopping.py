"""Ending an attempt from outside: ask, then tell, then kill."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from overnight.inside.messages import Stop
from overnight.runner.forked import Child
from overnight.runner.processes import send_signal
from overnight.runner.reaping import kill_tree

#: Between asking a function to stop and telling it by a signal.
_ASKING = 0.5

#: A job that grows past its memory limit is not given longer than this.
_MEMORY_GRACE = 2.0


class Ending:
    """The early end of one attempt, if it comes to one.

    Attributes:
        why: the reason, once there is one.
        by: what it took: "asked", "terminated" or "killed".
        is_answered: the child has said its last word; what still happens to it changes no outcome.
    """

    def __init__(self, child: Child, grace: float) -> None:
        self.why: str | None = None
        self.by: str | None = None
        self.is_answered = False
        self._child = child
        self._grace = grace
        self._ways: list[asyncio.Task[None]] = []

    def begin(self, why: str) -> None:
        """End the attempt within its grace; for a hand-over it is only asked.

        A second reason changes nothing, unless the first was only a hand-over.
        """
        if self._child.ended.is_set() or self.why not in (None, "handover") or why == self.why:
            return
        self.why = why
        self._child.send(Stop(why))
        if why != "handover":
            self._go(self._insist(min(self._grace, _MEMORY_GRACE) if why == "memory" else self._grace))

    async def kill(self) -> None:
        """End the attempt at once."""
        if not self._child.ended.is_set():
            self.by = "killed"
            await kill_tree(self._child.pid)

    def kill_soon(self, why: str | None = None) -> None:
        """Do as `kill` does, without waiting for it; `finish` does."""
        self.why = self.why or why
        self._go(self.kill())

    def bury(self) -> None:
        """End a process of which nothing more is expected, unless it is being ended already."""
        if not self._ways:
            self._go(kill_tree(self._child.pid))

    async def finish(self) -> None:
        """Return when everything that was begun here is done."""
        for way in self._ways:
            await way

    def _go(self, way: Coroutine[Any, Any, None]) -> None:
        self._ways.append(asyncio.ensure_future(way))

    async def _insist(self, grace: float) -> None:
        asking = min(_ASKING, grace / 2)
        if await self._has_ended(asking):
            return
        if self.by is None:
            self.by = "terminated"
            send_signal(self._child.pid, signal.SIGTERM)
        if await self._has_ended(grace / 2 - asking):
            return
        # Late in the grace once more: a bare `except` may have swallowed the first.
        send_signal(self._child.pid, signal.SIGTERM)
        if await self._has_ended(grace / 2):
            return
        if not self.is_answered:
            self.by = "killed"
        await kill_tree(self._child.pid)

    async def _has_ended(self, within: float) -> bool:
        try:
            await asyncio.wait_for(self._child.ended.wait(), max(within, 0))
        except TimeoutError:
            return False
        return True
