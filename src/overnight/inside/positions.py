"""Where a function is: its open resumable loops, and what belongs to the item that each of them is at.

A loop or a restored value is known by the loops around it *with their positions*, then by its name, and by
how many of that name came before it. So what is begun inside an item belongs to that item, and is dropped
when the item is done. That holds together only if the open loops form one stack, in one thread or asyncio
task; what would break the stack is refused here, with the cure.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from overnight.errors import ResumeError
from overnight.inside.marks import Mark, mark_of
from overnight.inside.restoring import Value

Label = tuple[str | None, int]
"""A name, or None, and how many of that name were begun before in the same place."""

#: In the place of an item, where there is none.
NOTHING: Any = object()


class SavedLoop(msgspec.Struct, array_like=True):
    """A loop that was open when state was saved; `index` of its items were done, `mark` knows one of them."""

    label: Label
    index: int
    mark: Mark | None
    inner: SavedScope


class SavedValue(msgspec.Struct, array_like=True):
    """A restored value, as bytes."""

    label: Label
    data: msgspec.Raw


class SavedScope(msgspec.Struct, array_like=True):
    """A place, as it is saved: how many loops of each name were begun, which are open, and the values."""

    begun: list[tuple[str | None, int]] = []
    loops: list[SavedLoop] = []
    values: list[SavedValue] = []


class Scope:
    """One place: the whole function, or one item of a resumable loop."""

    def __init__(self, saved: SavedScope | None = None) -> None:
        saved = saved or SavedScope()
        self._begun = dict(saved.begun)
        # What was saved here stays until the function comes by and claims it: an early save must not lose it.
        self._loops: dict[Label, Loop | SavedLoop] = {loop.label: loop for loop in saved.loops}
        self._values: dict[Label, Value | SavedValue] = {value.label: value for value in saved.values}
        self._loops_met: dict[str | None, int] = {}
        self._values_met: dict[str | None, int] = {}

    def begin(self, name: str | None) -> Loop | None:
        """Return the next loop of that name, at its saved position; None if it was finished before."""
        label = _next(self._loops_met, name)
        saved = self._loops.get(label)
        if saved is None and label[1] < self._begun.get(name, 0):
            return None
        loop = Loop(label, self, saved if isinstance(saved, SavedLoop) else None)
        self._loops[label] = loop
        self._begun[name] = max(self._begun.get(name, 0), label[1] + 1)
        return loop

    def finish(self, loop: Loop) -> None:
        """Remember of a loop only that it is over."""
        self._loops.pop(loop.label, None)

    def next_value(self, name: str | None) -> tuple[Label, SavedValue | None]:
        """Return the label of the next value of that name, and what was saved of it."""
        label = _next(self._values_met, name)
        saved = self._values.get(label)
        return label, saved if isinstance(saved, SavedValue) else None

    def hold(self, label: Label, value: Value) -> None:
        """Keep a live value; from now on every save writes it."""
        self._values[label] = value

    def has_live_values(self) -> bool:
        """Whether a value was restored here, or inside an item that is open here."""
        return any(isinstance(value, Value) for value in self._values.values()) or any(
            isinstance(loop, Loop) and loop.inner.has_live_values() for loop in self._loops.values()
        )

    def to_save(self) -> SavedScope:
        """Return this place as it is saved now."""
        return SavedScope(
            begun=list(self._begun.items()),
            loops=[loop.to_save() if isinstance(loop, Loop) else loop for loop in self._loops.values()],
            values=[
                SavedValue(label, value.write()) if isinstance(value, Value) else value
                for label, value in self._values.items()
            ],
        )


class Loop:
    """An open resumable loop.

    Attributes:
        index: how many of its items are done; while an item is worked on, that item's index.
        item: the item that is worked on, or `NOTHING` between two.
        last: the last done item, where `item` is `NOTHING`.
        inner: what belongs to the item that is worked on.
        is_touched: whether `inner` was used, so that it must be dropped when the item is done.
        is_left: its iterator is gone before its end, by `break` or by an exception.
        steps: returns the generator that runs it, if there is one; a weak reference.
        is_pulling: whether an asynchronous loop is asking its source for an item right now.
        mark: of an item that was saved; the items must show it again.
    """

    __slots__ = (
        "began_at", "handled", "index", "inner", "is_left", "is_pulling", "is_touched",
        "item", "label", "last", "mark", "place", "steps",
    )  # fmt: skip

    def __init__(self, label: Label, place: Scope, saved: SavedLoop | None) -> None:
        self.label = label
        self.place = place
        self.index = self.began_at = saved.index if saved else 0
        self.mark = saved.mark if saved else None
        self.item = self.last = NOTHING
        self.inner = Scope(saved.inner if saved else None)
        self.is_touched = saved is not None
        self.is_left = False
        self.is_pulling = False
        self.steps: Callable[[], Any] = lambda: None
        self.handled = sys.exc_info()[1]

    def __str__(self) -> str:
        name, n = self.label
        return f"the loop {name!r}" if name else f"resumable loop number {n + 1}"

    def pulls(self) -> bool:
        """Whether it is asking its source for an item right now: a generator runs only then."""
        generator = self.steps()
        return self.is_pulling or (generator is not None and generator.gi_running)

    def step(self, count: int) -> None:
        """Note that the item, or the `count` items of a batch, is done, and that nothing is worked on."""
        self.index += count
        self.last, self.item = self.item, NOTHING
        if self.is_touched:
            self.inner = Scope()
            self.is_touched = False

    def to_save(self) -> SavedLoop:
        """Return the loop as it is saved now, with the mark of an item beside its position."""
        if self.mark is not None and self.index == self.began_at:
            mark: Mark | None = self.mark  # it has not moved: what is saved must not look as if it had
        elif self.item is not NOTHING:
            mark = mark_of(self.item, self.index)
        elif self.last is not NOTHING:
            mark = mark_of(self.last, self.index - 1)
        else:
            mark = None
        return SavedLoop(self.label, self.index, mark, self.inner.to_save())


class Stack:
    """The open resumable loops of a function, the outermost first."""

    def __init__(self, saved: SavedScope | None = None) -> None:
        self.root = Scope(saved)
        self._loops: list[Loop] = []
        self._left: list[Loop] = []
        self._owner: tuple[int, object] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no loop is open."""
        return not self._loops

    def open(self, name: str | None) -> Loop | None:
        """Open the next loop of that name here; None if it was finished in an earlier attempt.

        Raises:
            ResumeError: it would not stand on top of the stack.
        """
        place = self.place("a resumable loop")
        loop = place.begin(name)
        if loop is not None:
            if not self._loops:
                self._owner = _speaker()
            self._loops.append(loop)
        return loop

    def place(self, what: str) -> Scope:
        """Return where the function is, for something that is begun there now.

        Raises:
            ResumeError: another thread or task is at it, or the source of a loop asks.
        """
        self.settle()
        if not self._loops:
            return self.root
        self.check_speaker(what)
        for loop in self._loops:
            if loop.pulls():
                raise ResumeError(
                    f"{what} is begun while {loop} asks for its next item, and would belong to none of them",
                    hint="let only one of the two resume: the items may come from a plain track(...)",
                )
        top = self._loops[-1]
        top.is_touched = True
        return top.inner

    def check_speaker(self, what: str) -> None:
        """Demand that the open loops belong to this thread or asyncio task.

        Raises:
            ResumeError: they belong to another one.
        """
        if self._loops and self._owner != _speaker():
            raise ResumeError(
                f"{what} is begun in one thread or asyncio task, while {self._loops[-1]} is open in another",
                hint="keep what resumes in one of them, and use track(...) without resume in the others",
            )

    def step(self, loop: Loop, count: int = 1) -> None:
        """Note that a loop's item is done, and drop what belonged to it.

        Raises:
            ResumeError: a loop that was opened under that item is still open.
        """
        self._close_above(loop)
        loop.step(count)

    def finish(self, loop: Loop) -> None:
        """Take away a loop that has come to its end.

        Raises:
            ResumeError: a loop that was opened under its last item is still open.
        """
        self._close_above(loop)
        if loop.item is not NOTHING:
            loop.step(1)
        self._loops.remove(loop)
        loop.place.finish(loop)
        self.settle()

    def settle(self) -> None:
        """Decide about loops whose iterator is gone: a call of ours after `break` says that they are over.

        `break` and an exception look the same to an iterator. But whoever calls us while an exception is
        handled that was not there when the loop began, in a `finally` for instance, may be on his way out:
        then the loop stays open at its item.
        """
        for depth, loop in enumerate(self._loops):
            if loop.is_left:
                self._left.append(loop)
                del self._loops[depth:]
                break
        if self._left:
            raised = sys.exc_info()[1]
            over = [loop for loop in self._left if raised is None or raised is loop.handled]
            for loop in over:
                loop.place.finish(loop)
                self._left.remove(loop)

    def _close_above(self, loop: Loop) -> None:
        if loop not in self._loops:
            raise ResumeError(
                f"{loop} is asked for its next item after the loop around it went on",
                hint="finish the inner loop, or break out of it, before the outer one goes on",
            )
        depth = self._loops.index(loop) + 1
        for above in self._loops[depth:]:
            if not above.is_left:
                raise ResumeError(
                    f"{loop} is asked for its next item while {above} is open under it, as in zip(...)",
                    hint="let one resumable loop run at a time, as in track(list(zip(a, b)), resume=True), "
                    "and close a generator that is left before its end",
                )
        del self._loops[depth:]


def _next(met: dict[str | None, int], name: str | None) -> Label:
    n = met.get(name, 0)
    met[name] = n + 1
    return name, n


def _speaker() -> tuple[int, object]:
    """Return who speaks: a thread, and the asyncio task that it runs, if any."""
    task = None
    # Not imported here: asyncio costs 30 ms, and a program that has not loaded it has no task.
    if (asyncio := sys.modules.get("asyncio")) is not None:
        try:
            task = asyncio.current_task()
        except RuntimeError:  # no loop runs in this thread
            task = None
    return threading.get_ident(), task
