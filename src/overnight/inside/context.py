"""Where a running function finds its job. This module owns that one global.

A child process runs one attempt and nothing else: there the job is process-wide, and every thread of the
function sees it. Inline, a job shares its process with the rest of a program: there it is context-local.
A process that the function forks keeps the facts of the job, but not the line to the worker.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from overnight.inside.link import Link
from overnight.inside.messages import Start
from overnight.inside.saving import SavedState
from overnight.inside.showing import Shown


class Inside:
    """One attempt of a job, as the function that it runs sees it.

    Attributes:
        job, attempt, task, owner: which attempt, of which job.
        directory: for files of the job; made when it is asked for.
        link: the line to the worker.
        saved: what is kept across attempts.
        shown: what people see of the progress.
    """

    def __init__(
        self,
        *,
        job: str,
        attempt: int,
        task: str,
        owner: str | None,
        directory: Path,
        link: Link,
        saved: SavedState,
    ) -> None:
        self.job = job
        self.attempt = attempt
        self.task = task
        self.owner = owner
        self.directory = directory
        self.link = link
        self.saved = saved
        self.shown = Shown(link.report)

    @classmethod
    def of(cls, start: Start, owner: str | None, link: Link) -> Inside:
        """Return the attempt that a start message tells of."""
        return cls(
            job=start.job,
            attempt=start.attempt,
            task=start.task,
            owner=owner,
            directory=Path(start.directory),
            link=link,
            saved=SavedState(link, start.saved, start.saved_n),
        )

    def leave(self) -> None:
        """Save where the function was that has raised."""
        self.saved.leave()


_process: Inside | None = None
_parents: Inside | None = None
_context: ContextVar[Inside | None] = ContextVar("overnight_inside", default=None)


def here() -> Inside | None:
    """Return the attempt that runs here, or None outside of a job."""
    return _context.get() or _process


def here_or_parents() -> Inside | None:
    """Return the attempt that runs here, or in the process that forked this one: for facts, not for talk."""
    return here() or _parents


def enter_process(inside: Inside) -> None:
    """Make this the attempt of this whole process, for ever."""
    global _process  # noqa: PLW0603 -- the one global
    _process = inside


@contextmanager
def enter(inside: Inside) -> Iterator[Inside]:
    """Make this the attempt of the current context, for the length of a block."""
    token = _context.set(inside)
    try:
        yield inside
    finally:
        _context.reset(token)


def _cut_off() -> None:
    global _process, _parents
    inside = here()
    if inside is None:
        return
    inside.link.abandon()
    _process, _parents = None, inside
    _context.set(None)


os.register_at_fork(after_in_child=_cut_off)
