"""Room on the disk: a ballast that is thrown off when the disk is full, so that endings can still be written.

While the ballast is gone nothing new is accepted or started, by any process of this store: what room there is
belongs to the jobs that run. The ballast comes back when there is room again.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from overnight.errors import StoreFull
from overnight.units import format_size

#: How much is thrown off, and how much must be free before work goes on, in bytes.
BALLAST = 8 << 20
LOW_WATER = 64 << 20

#: A disk that is smaller than ten times the low water has one of its own: this part of it.
_PART = 10

#: Between two looks at a full disk, in seconds.
_LOOK_EVERY = 0.5


class Space:
    """The room under a store.

    Args:
        path: the database file; the ballast lies beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path.with_name("ballast")
        self._looked = 0.0

    def check(self) -> None:
        """See to it that there is room for more.

        Raises:
            StoreFull: the disk was full, and not enough room has been made.
        """
        if not self.has_room():
            raise StoreFull(
                f"the disk under {self.path} was full, and has not enough room yet: nothing was accepted",
                hint=f"make room there; work goes on by itself when {format_size(self._low_water)} are free",
            )

    def has_room(self) -> bool:
        """Whether more may be accepted; takes the ballast in again if it may."""
        if os.access(self._ballast, os.F_OK):
            return True
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return False
        self._looked = now
        return self.take_in(self._low_water)

    def release(self) -> None:
        """Throw the ballast off."""
        self._ballast.unlink(missing_ok=True)

    def take_in(self, least: int = 2 * BALLAST) -> bool:
        """Take ballast in, if so many bytes are free; say whether they were."""
        disk = os.statvfs(self.path.parent)
        if disk.f_bavail * disk.f_frsize < min(least, self._low_water):
            return False
        coming = self._ballast.with_suffix(".coming")
        try:
            descriptor = os.open(coming, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, min(BALLAST, self._low_water // 2))
            finally:
                os.close(descriptor)
            coming.rename(self._ballast)
        except OSError:  # somebody else has filled the disk meanwhile
            coming.unlink(missing_ok=True)
            return False
        return True

    @property
    def _low_water(self) -> int:
        disk = os.statvfs(self.path.parent)
        return min(LOW_WATER, disk.f_blocks * disk.f_frsize // _PART)
