"""What the processes of an attempt use, looked at four times a second."""

from __future__ import annotations

import time

from overnight.runner.processes import cpu_seconds, descendants_of, proportional_bytes, resident_bytes

EVERY = 0.25

#: From this part of the limit on, shared pages matter and are divided among their users.
_NEAR = 0.8

#: Dividing them costs 3.6 ms a GiB; this many times its cost passes before it is done again.
_PAUSE = 50


class Sampler:
    """Measures one attempt.

    Attributes:
        memory: bytes in use when last looked at, and `peak`, the most that was seen.
        cpu_seconds: processor time of the processes that live.
        is_over: the limit was passed twice in a row.
    """

    def __init__(self, pid: int, limit: int | None) -> None:
        self.memory = 0
        self.peak = 0
        self.cpu_seconds = 0.0
        self.is_over = False
        self._pid = pid
        self._limit = limit
        self._was_over = False
        self._not_before = 0.0

    def look(self) -> None:
        """Take a sample."""
        pids = [self._pid, *descendants_of(self._pid)]
        memory = sum(map(resident_bytes, pids))
        self.cpu_seconds = max(sum(map(cpu_seconds, pids)), self.cpu_seconds)
        if self._limit is not None and memory >= _NEAR * self._limit:
            divided = self._divide(pids)
            if divided is None:
                return  # too soon to say
            memory = divided
        self.memory = memory
        self.peak = max(self.peak, memory)
        if self._limit is not None:
            over = memory > self._limit
            self.is_over = self.is_over or (over and self._was_over)
            self._was_over = over

    def _divide(self, pids: list[int]) -> int | None:
        began = time.monotonic()
        if began < self._not_before:
            return None
        memory = sum(map(proportional_bytes, pids))
        ended = time.monotonic()
        self._not_before = ended + _PAUSE * (ended - began)
        return memory
