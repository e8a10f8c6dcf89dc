"""What time it is, and how tests say otherwise.

Three clocks, because they answer three questions. Wall time is for people and schedules. The steady clock
stands still while the machine sleeps, so that neither a jump of the wall clock nor a closed lid ends a lease.
The time asleep is what tells a sleep from a loss.
"""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path

OFFSET_VARIABLE = "OVERNIGHT_CLOCK"
"""Names a file with "wall steady asleep" offsets in seconds: how a test moves running processes."""


@cache
def boot_id() -> str:
    """Return the identity of this boot of the machine; steady times of another boot mean nothing."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # not Linux: the moment of the boot, to the second, is the next best name for it
        return f"up-{round(time.time() - time.monotonic())}"


class Clock:
    """The machine's own clocks, in seconds."""

    def now(self) -> float:
        """Return wall time since the epoch."""
        return time.time()

    def steady(self) -> float:
        """Return the time this machine has been awake; it never jumps."""
        return time.monotonic()

    def asleep(self) -> float:
        """Return how long this machine has slept since it booted."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()


class FileClock(Clock):
    """The machine's clocks, moved by offsets that are read from a file at every look."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _offsets(self) -> tuple[float, float, float]:
        wall, steady, asleep = self._path.read_text().split()
        return float(wall), float(steady), float(asleep)

    def now(self) -> float:
        """Return wall time plus its offset."""
        return super().now() + self._offsets()[0]

    def steady(self) -> float:
        """Return steady time plus its offset."""
        return super().steady() + self._offsets()[1]

    def asleep(self) -> float:
        """Return the time asleep plus its offset."""
        return super().asleep() + self._offsets()[2]


class SetClock(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._steady = 1_000.0
        self._asleep = 0.0

    def now(self) -> float:
        """Return the wall time that was set."""
        return self._now

    def steady(self) -> float:
        """Return the steady time that was set."""
        return self._steady

    def asleep(self) -> float:
        """Return the time asleep that was set."""
        return self._asleep

    def advance(self, seconds: float) -> None:
        """Let time pass, awake."""
        self._now += seconds
        self._steady += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass with the lid closed."""
        self._now += seconds
        self._asleep += seconds


def system_clock() -> Clock:
    """Return this process's clock: the machine's, or the one that a test moves."""
    path = os.environ.get(OFFSET_VARIABLE)
    return FileClock(Path(path)) if path else Clock()
