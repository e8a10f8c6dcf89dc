"""What a job shows of its progress: what the function says itself, else its outermost loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from overnight.inside.link import ProgressReader


class Bar:
    """A loop as it is shown.

    Attributes:
        name, unit: words for people.
        total: how many items there are in all, or None.
        read: returns how many are done; called from another thread.
    """

    __slots__ = ("name", "read", "total", "unit")

    def __init__(self, name: str | None, total: float | None, unit: str, read: Callable[[], float]) -> None:
        self.name = name
        self.total = total
        self.unit = unit
        self.read = read

    def freeze(self) -> None:
        """Keep the present count, and nothing that the loop holds."""
        count = self.read()
        self.read = lambda: count


class Display(Protocol):
    """Where loops are shown: a job's page, or a terminal."""

    def open(self, bar: Bar) -> None:
        """Show a loop from now on."""

    def close(self, bar: Bar) -> None:
        """Take a loop that is over; its last numbers stay."""


class Shown:
    """The progress of one job. The link reads it ten times a second; nothing else costs anything."""

    def __init__(self, report: Callable[[ProgressReader], None]) -> None:
        """Make an empty display; `report` is called once, when there is something to read."""
        self._report: Callable[[ProgressReader], None] | None = report
        self._bars: list[Bar] = []
        self._last: Bar | None = None
        self._said: tuple[float | None, float | None, str | None] | None = None

    def say(self, done: float | None, total: float | None, message: str | None) -> None:
        """Show what the function says; what it leaves out comes from its loops.

        Raises:
            ValueError: a number is negative, or none.
        """
        self._said = (_count("done", done), _count("total", total), message)
        self._begin()

    def open(self, bar: Bar) -> None:
        """Show a loop, unless one around it is shown."""
        self._bars.append(bar)
        self._last = self._bars[0]
        self._begin()

    def close(self, bar: Bar) -> None:
        """Let go of a loop."""
        bar.freeze()
        if bar in self._bars:
            self._bars.remove(bar)
        if self._bars:
            self._last = self._bars[0]

    def read(self) -> tuple[float | None, float | None, str | None] | None:
        """Return done, total and message as they are now; None while there is nothing to show."""
        bar, said = self._last, self._said
        if bar is None:
            return said
        done, total, message = said or (None, None, None)
        if done is None:
            done, total = bar.read(), bar.total if total is None else total
        return done, total, bar.name if message is None else message

    def _begin(self) -> None:
        if self._report is not None:
            report, self._report = self._report, None
            report(self.read)


def _count(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    number = float(value)
    if not 0 <= number < float("inf"):
        raise ValueError(f"job.progress({name}=...) takes a number of units, not negative: {value!r}")
    return number
