"""The sign that tells a running function to stop, and the moment at which it is obeyed.

A stop is raised once: at the function's next call of ours, or in its main thread by a signal, whichever
comes first. It is raised again only when the worker insists, late in the grace, so that a `finally` of the
function is not cut short. While saved state is encoded the stop waits, and is raised right after.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from overnight.errors import Stopped

HANDOVER = "handover"


class StopSign:
    """Whether this attempt should stop, and whether its function has been told.

    Attributes:
        asked: why it should stop, or None.
        raised: the reason for which `Stopped` was raised in the function, or None.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        """Make a sign; `tell` is called with "asked" or "terminated" when a stop is raised."""
        self.asked: str | None = None
        self.raised: str | None = None
        self._tell = tell
        self._masks = 0
        self._function = threading.get_ident()
        self._thread = threading.local()
        self._held_back: str | None = None
        self.is_over = False

    @property
    def is_functions_thread(self) -> bool:
        """Whether the function runs in this thread: the one that made the sign."""
        return threading.get_ident() == self._function

    def ask(self, why: str) -> None:
        """Ask for a stop; the function's next call of ours raises it."""
        self.asked = why

    def check(self, *, saving_point: bool = False) -> None:
        """Raise the stop that was asked for, once in each thread.

        A hand-over is obeyed only at a saving point: nothing is lost there, and everywhere else something is.
        The function has been told when its own thread was; what another thread makes of it, nobody knows.

        Raises:
            Stopped: a stop was asked for and has not been raised yet.
        """
        if self.asked is None or self._masks or self.is_over:
            return
        if self.asked == HANDOVER and not saving_point:
            return
        if self.is_functions_thread:
            if self.raised is None:
                self._raise("asked")
        elif not hasattr(self._thread, "was_told"):
            self._thread.was_told = True
            raise Stopped(self.asked)

    def signalled(self, why: str) -> None:
        """Raise the stop now, in the thread that handles the signal; again if it was raised before.

        Raises:
            Stopped: unless the function has ended, or saved state is being encoded.
        """
        if self.is_over:
            return
        self.asked = self.asked or why
        if self._masks:
            self._held_back = "terminated"
            return
        self._raise("terminated")

    def take(self, how: str) -> None:
        """Note that the stop is being raised in the function by other means, and tell the worker."""
        is_news = self.raised is None or how == "terminated"
        self.raised = self.asked or how
        if is_news:
            self._tell(how)

    def end(self) -> None:
        """Say that the function has ended: no stop may be raised any more."""
        self.is_over = True

    @contextmanager
    def mask(self) -> Iterator[None]:
        """Hold a signal's stop back for the length of a block; signals come to the main thread alone."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._masks += 1
        try:
            yield
        finally:
            self._masks -= 1
        if self._held_back is not None and not self._masks:
            how, self._held_back = self._held_back, None
            self._raise(how)

    def _raise(self, how: str) -> None:
        self.take(how)
        raise Stopped(self.raised or how)
