"""What a store does when its process forks, and when it ends.

A connection to SQLite must not live on in a forked process. The child would believe that it holds locks which
are its parent's, and when the parent closes the file, the WAL would be taken away under the child. So all
connections are closed before a fork, and each side opens its own when it needs one.
"""

from __future__ import annotations

import atexit
import os
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """Something with locks, threads or connections."""

    def before_fork(self) -> None:
        """Close what must not be inherited, and hold the locks."""

    def after_fork_in_parent(self) -> None:
        """Let go of the locks."""

    def after_fork_in_child(self) -> None:
        """Begin anew: locks are held by nobody here, and there are no threads."""


class Closable(Protocol):
    """Something that has promises to keep before the process ends."""

    def close(self) -> None:
        """Keep them."""


_forkable: WeakSet[Forkable] = WeakSet()
_closable: WeakSet[Closable] = WeakSet()


def survive_forks(it: Forkable) -> None:
    """Have it told about forks of this process for as long as it lives."""
    _forkable.add(it)


def close_at_exit(it: Closable) -> None:
    """Have it closed when the process ends in an orderly way."""
    _closable.add(it)


def _before() -> None:
    for it in list(_forkable):
        it.before_fork()


def _in_parent() -> None:
    for it in list(_forkable):
        it.after_fork_in_parent()


def _in_child() -> None:
    for it in list(_forkable):
        it.after_fork_in_child()


@atexit.register
def _close() -> None:
    for it in list(_closable):
        it.close()


# Python calls these around `os.fork` and `multiprocessing`; a started program inherits nothing from us.
os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
