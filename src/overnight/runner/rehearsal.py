"""Running nothing, before there is something to run.

CPython 3.11 rewrites the code of a function while it runs it for the first times. Done in a child, each of
these writes copies a page of memory; done in the zygote, once, children find the code as it will stay (of
761 pages that a child copied for an empty task, 87 were that). A child that waits for work rehearses once
more: the pages that it must copy anyway are copied before somebody waits for it.
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
TIMES = 16


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


_task: Task[..., Any, Any] = Task(
    _nothing, name="nothing", source=Source(str(Path(__file__).parent), "rehearsal"), options=Options()
)
_start = Start(
    job="", attempt=1, task="nothing", options=b"{}", input=b'{"number":0}', saved=None, saved_n=0,
    directory="", mark="",
)  # fmt: skip


def rehearse(times: int) -> None:
    """Take an empty task so many times through all that a child does with one."""
    for _ in range(times):
        link = Link(_Nowhere())
        inside = Inside.of(_start, None, link)
        with context.enter(inside):
            last = call(_task, _start, _task.options, inside)
        link.stop.end()
        link.close(last)
