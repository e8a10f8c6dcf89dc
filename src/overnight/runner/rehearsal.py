"""Running nothing, a few times, before children are forked.

CPython 3.11 rewrites the code of a function while it runs it for the first times. Done in a child, each of
these writes copies a page of memory; done here, once, children find the code as it will stay (of 761 pages
that a child copied for an empty task, 87 were that).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from overnight.inside import context
from overnight.inside.context import Inside
from overnight.inside.link import Link
from overnight.inside.messages import Start
from overnight.options import Options
from overnight.runner.calling import call
from overnight.sources import Source
from overnight.tasks import Task

#: Code is rewritten at its eighth run.
_TIMES = 16


class _Nowhere:
    """A transport that carries nothing."""

    def fileno(self) -> int | None:
        """Return None: nothing ever comes."""
        return None

    def send(self, message: Any) -> None:
        """Drop a message."""

    def receive(self) -> list[Any] | None:
        """Return nothing."""
        return []


def _nothing(number: int = 0) -> int:
    return number


def rehearse() -> None:
    """Take an empty task through all that a child does with one."""
    task: Task[..., Any, Any] = Task(
        _nothing, name="nothing", source=Source(str(Path(__file__).parent), "rehearsal"), options=Options()
    )
    start = Start(
        job="", attempt=1, task="nothing", options=b"{}", input=b'{"number":0}', saved=None, saved_n=0,
        directory="", mark="",
    )  # fmt: skip
    for _ in range(_TIMES):
        link = Link(_Nowhere())
        inside = Inside.of(start, None, link)
        with context.enter(inside):
            last = call(task, start, Options(), inside)
        link.stop.end()
        link.close(last)
