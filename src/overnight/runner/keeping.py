"""Writing what an attempt saves: one save at a time, the newest of those that wait, again until it is taken.

A store that is busy or full for a moment must not leave a `job.save()` waiting for ever, and a slow disk
must not pile up saves of 64 MiB: only the newest counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

from overnight.errors import Fenced, StoreError

SaveWriter = Callable[[int, bytes], Future[None]]

#: A save that the store could not take is tried again after so long, in seconds.
_AGAIN = 1.0


class Keeping:
    """The saves of one attempt on their way into the store."""

    def __init__(
        self, write: SaveWriter, *, on_saved: Callable[[int], None], on_fenced: Callable[[], None]
    ) -> None:
        self._write = write
        self._on_saved = on_saved
        self._on_fenced = on_fenced
        self._newest: tuple[int, bytes] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._is_over = False

    def keep(self, n: int, data: bytes) -> None:
        """Write save number `n` soon, unless a newer one comes first."""
        self._newest = n, data
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_all())

    async def finish(self) -> None:
        """Return when what has come is written, or cannot be now: the attempt has ended."""
        self._is_over = True
        if self._writing is not None:
            await self._writing

    async def _write_all(self) -> None:
        while (newest := self._newest) is not None:
            self._newest = None
            n, data = newest
            try:
                await asyncio.wrap_future(self._write(n, data))
            except Fenced:
                self._on_fenced()
                return
            except StoreError:
                if self._is_over:
                    return  # the save before this one stands
                await asyncio.sleep(_AGAIN)
                self._put_back(newest)
            else:
                self._on_saved(n)

    def _put_back(self, older: tuple[int, bytes]) -> None:
        if self._newest is None:
            self._newest = older
