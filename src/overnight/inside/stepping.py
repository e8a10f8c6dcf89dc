"""The items of a tracked loop for `async for`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from overnight.inside.counting import Counted
from overnight.inside.resuming import Resumed


class Steps(AsyncIterator[Any]):
    """Goes through the items of a loop asynchronously.

    An object, and no generator: one that `break` leaves is closed only when the event loop comes to it, and
    by then the function has begun other loops. An object is gone at once, and says so.
    """

    def __init__(self, run: Counted | Resumed, batch: int | None) -> None:
        self._run = run
        self._batch = batch
        self._is_begun = False
        self._is_at_items = False

    async def __anext__(self) -> Any:
        if self._is_at_items:
            self._is_at_items = False
            self._run.between()
        if not self._is_begun:
            self._is_begun = True
            await self._run.start()
        items = await self._run.pull(self._batch or 1)
        if not items:
            self._run.end()
            raise StopAsyncIteration
        self._run.take(items)
        self._is_at_items = True
        return items[0] if self._batch is None else items

    def __del__(self) -> None:
        self._run.leave()
