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
        self._source: AsyncIterator[Any] | None = None
        self._has_taken = False
        self._is_pulling = False
        if isinstance(run, Resumed):
            run.pulls = lambda: self._is_pulling

    async def __anext__(self) -> Any:
        if self._has_taken:
            self._has_taken = False
            self._run.between()
        self._is_pulling = True
        try:
            if self._source is None:
                self._source = await self._run.start()
            items = await self._pull(self._source)
        finally:
            self._is_pulling = False
        if not items:
            self._run.end()
            raise StopAsyncIteration
        self._run.take(items)
        self._has_taken = True
        return items[0] if self._batch is None else items

    async def _pull(self, source: AsyncIterator[Any]) -> list[Any]:
        items: list[Any] = []
        while len(items) < (self._batch or 1):
            try:
                items.append(await anext(source))
            except StopAsyncIteration:
                break
        return items

    def __del__(self) -> None:
        self._run.leave()
