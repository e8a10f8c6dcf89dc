"""A loop that goes on behind its last saved item.

The price an item, over a bare loop (CPython 3.11): 45 ns, while nothing is to be saved.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from itertools import islice
from typing import Any

from overnight.inside.context import Inside
from overnight.inside.counting import as_async, pull
from overnight.inside.marks import skip, skip_async
from overnight.inside.positions import Loop
from overnight.inside.showing import Bar


class Resumed:
    """One run through the items of such a loop."""

    def __init__(self, items: Any, bar: Bar, inside: Inside, save_every: float, *, is_batched: bool) -> None:
        self._items = items
        self._bar = bar
        self._inside = inside
        self._saved = inside.saved
        self._save_every = save_every
        self._is_batched = is_batched
        self._loop: Loop | None = None
        self._tail: Any = None
        self._taken = 0
        self._is_open = False
        self._source = as_async(())
        #: The generator that `each` or `batches` returned, weakly: it must be gone as soon as it is left.
        self.steps: Callable[[], Iterator[Any] | None] = lambda: None

    # -- for `for` -----------------------------------------------------------------------------------

    def each(self) -> Iterator[Any]:
        """Iterate over the items that are not done yet."""
        loop = self._open()
        if loop is None:
            return
        link = self._inside.link
        try:
            source = skip(self._items, loop.index, loop.mark)
            numbered = enumerate(source, loop.index)
            for loop.index, item in numbered:
                loop.item = item
                yield item
                if link.attention or loop.is_touched:
                    self._saved.between(loop, self._save_every)
            self._saved.finish(loop, self._save_every)
        finally:
            self.leave()

    def batches(self, size: int) -> Iterator[list[Any]]:
        """Iterate over lists of the items that are not done yet."""
        loop = self._open()
        if loop is None:
            return
        try:
            source = skip(self._items, loop.index, loop.mark)
            while batch := list(islice(source, size)):
                self.take(batch)
                yield batch
                self.between()
            self._saved.finish(loop, self._save_every)
        finally:
            self.leave()

    # -- for `async for` -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin, and pass over what is done."""
        loop = self._open()
        if loop is None:
            return
        loop.is_pulling = True
        if isinstance(self._items, AsyncIterable):
            source = aiter(self._items)
            ahead = await skip_async(source, loop.index, loop.mark)
            self._source = _after(ahead, source) if ahead else source
        else:
            self._source = as_async(skip(self._items, loop.index, loop.mark))
        loop.is_pulling = False

    async def pull(self, size: int) -> list[Any]:
        """Return the next items, as many as `size` or as there are."""
        if self._loop is None:
            return []
        self._loop.is_pulling = True
        items = await pull(self._source, size)
        self._loop.is_pulling = False
        return items

    def take(self, items: list[Any]) -> None:
        """Note that these items are worked on now."""
        if self._loop is not None:
            self._loop.item, self._tail, self._taken = items[0], items[-1], len(items)

    def between(self) -> None:
        """Note that they are done; save if that is due.

        Raises:
            Stopped: a stop was asked for; all that was done is saved.
        """
        if self._loop is not None:
            self._loop.item = self._tail
            self._saved.between(self._loop, self._save_every, self._taken, is_welcome=self._is_batched)

    def end(self) -> None:
        """Note that there are no more items, and save that."""
        if self._loop is not None:
            self._saved.finish(self._loop, self._save_every)
        self.leave()

    def leave(self) -> None:
        """Note that the iterator is gone, for whatever reason."""
        if self._is_open and self._loop is not None:
            self._is_open = False
            self._loop.is_left = True
            self._inside.shown.close(self._bar)

    def _open(self) -> Loop | None:
        loop = self._saved.open(self._bar.name, self._save_every)
        if loop is None:  # an earlier attempt finished it
            self._bar.read = lambda: self._bar.total or 0
        else:
            loop.steps = self.steps
            self._bar.read = lambda: loop.index
            self._loop = loop
            self._is_open = True
        self._inside.shown.open(self._bar)
        if loop is None:
            self._inside.shown.close(self._bar)
        return loop


async def _after(ahead: list[Any], source: AsyncIterator[Any]) -> AsyncIterator[Any]:
    for item in ahead:
        yield item
    async for item in source:
        yield item
