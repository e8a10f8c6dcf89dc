"""`track`: a loop that is counted, shown, can be stopped between two items, and can go on after a crash."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import islice
from operator import length_hint
from typing import Any, Generic, TypeVar, overload

from overnight.errors import ResumeError
from overnight.inside.context import here, here_or_parents
from overnight.inside.counting import Counted
from overnight.inside.outside import draws, terminal
from overnight.inside.resuming import Resumed
from overnight.inside.showing import Bar
from overnight.inside.stepping import Steps
from overnight.inside.stopping import StopSign
from overnight.units import Duration, seconds

T = TypeVar("T")

#: Outside of a job nobody asks for a stop.
_NO_STOP = StopSign(tell=lambda _: None)


@overload
def track(
    items: Iterable[T] | AsyncIterable[T],
    name: str | None = None,
    *,
    total: float | None = None,
    unit: str = "it",
    resume: bool = False,
    batch: None = None,
    save_every: Duration = "0.5s",
) -> Track[T]: ...


@overload
def track(
    items: Iterable[T] | AsyncIterable[T],
    name: str | None = None,
    *,
    total: float | None = None,
    unit: str = "it",
    resume: bool = False,
    batch: int,
    save_every: Duration = "0.5s",
) -> Track[list[T]]: ...


def track(
    items: Iterable[Any] | AsyncIterable[Any],
    name: str | None = None,
    *,
    total: float | None = None,
    unit: str = "it",
    resume: bool = False,
    batch: int | None = None,
    save_every: Duration = "0.5s",
) -> Track[Any]:
    """Return the items, for a loop that is shown and may go on where it stopped.

    In a job the loop's progress is the job's, and a cancelled job stops between two items. Elsewhere it is a
    bar in the terminal. An item is done when the next one is asked for.

    With `resume`, a job that was killed goes on behind its last saved item. The items must be the same, in
    the same order, at every start. Resumable loops may stand in each other, in one thread or asyncio task.

    Args:
        items: what to go through; also for `async for`.
        name: what people read beside the bar; it also tells resumable loops apart, beside their order.
        total: how many items there are, where they cannot tell.
        unit: what one item is called.
        resume: whether to go on behind the last saved item.
        batch: hand out lists of so many items, and save between them.
        save_every: how much work may be lost at most, in time.

    Raises:
        ResumeError: `resume` with a set, which has no order.
        ValueError: `batch` is less than 1, `total` is negative, or `save_every` is no duration.
    """
    if resume and isinstance(items, (set, frozenset)):
        raise ResumeError(
            "a set has no order, so a loop over it cannot go on where it stopped",
            hint="write track(sorted(items), resume=True)",
        )
    if batch is not None and batch < 1:
        raise ValueError(f"track(batch={batch!r}): a batch holds at least 1 item")
    if total is None:
        total = _total(items)
    elif not total >= 0:
        raise ValueError(f"track(total={total!r}): a total is not negative")
    elif type(total) not in {int, float}:
        total = float(total)  # numpy's numbers and fractions cannot be sent as they are
    every = seconds(save_every)
    return Track(items, Bar(name, total, unit, lambda: 0), batch, every if resume else None)


class Track(Generic[T]):
    """A tracked loop; made by `track`. Each run through it is a loop of its own."""

    def __init__(self, items: Any, bar: Bar, batch: int | None, save_every: float | None) -> None:
        """Take what `track` has checked; `save_every` in seconds, None for a loop that does not resume."""
        self._items = items
        self._bar = bar
        self._batch = batch
        self._save_every = save_every

    def __iter__(self) -> Iterator[T]:
        if not isinstance(self._items, Iterable):
            kind = type(self._items).__name__
            raise TypeError(f"{kind} is iterated over asynchronously: write `async for ... in track(...)`")
        run = self._run()
        if run is None:
            return iter(self._items) if self._batch is None else _batches(self._items, self._batch)
        steps: Iterator[Any] = run.each() if self._batch is None else run.batches(self._batch)
        if isinstance(run, Resumed):
            run.steps = weakref.ref(steps)
        return steps

    def __aiter__(self) -> AsyncIterator[T]:
        return Steps(self._run() or Counted(self._items, self._bar, _Nobody(), _NO_STOP), self._batch)

    def __length_hint__(self) -> int:
        total = self._bar.total
        return NotImplemented if total is None or self._batch else int(total)

    def _run(self) -> Counted | Resumed | None:
        """Return a new run through the items, or None where nobody watches."""
        bar = Bar(self._bar.name, self._bar.total, self._bar.unit, self._bar.read)
        inside = here()
        if inside is None:
            is_drawn = here_or_parents() is None and draws()
            return Counted(self._items, bar, terminal, _NO_STOP) if is_drawn else None
        inside.link.stop.check()
        if self._save_every is None:
            return Counted(self._items, bar, inside.shown, inside.link.stop)
        return Resumed(self._items, bar, inside, self._save_every, is_batched=self._batch is not None)


def _total(items: Any) -> int | None:
    try:
        total = length_hint(items, -1)
    except Exception:  # a `__len__` may raise anything, and a bar without a total is still one
        return None
    return None if total < 0 else total


class _Nobody:
    """A display that nobody looks at."""

    def open(self, bar: Bar) -> None:
        """Show nothing."""

    def close(self, bar: Bar) -> None:
        """Show nothing."""


def _batches(items: Iterable[Any], size: int) -> Iterator[Any]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
