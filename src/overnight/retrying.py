"""When a failed attempt is worth another, and how long to wait for it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

#: Errors of the program, not of the world: another attempt would fail in the same way.
NEVER_RETRIED: tuple[type[BaseException], ...] = (
    NameError,
    TypeError,
    AttributeError,
    ImportError,
    SyntaxError,
    NotImplementedError,
)

ANY_EXCEPTION = ("builtins.Exception",)

#: After a crash or a loss the cause is usually gone: at once, then after a second, then after ten.
_CRASH_WAITS = (0.0, 1.0, 10.0)


class Backoff(msgspec.Struct, frozen=True):
    """How long to wait before another attempt: `first` seconds, doubling up to `longest`."""

    first: float = 10.0
    longest: float = 3600.0

    def wait_after(self, failures: int, *, jitter: float) -> float:
        """Return the seconds to wait after so many failures.

        Args:
            failures: how often the function has failed, from 1.
            jitter: a number in [0, 1) that spreads the waits of many jobs by a quarter either way.
        """
        wait = min(self.first * 2.0 ** min(failures - 1, 60), self.longest)
        return wait * (0.75 + 0.5 * jitter)

    def wait_after_crash(self, crashes: int, *, jitter: float) -> float:
        """Return the seconds to wait after so many crashes or losses, from 1."""
        if crashes <= len(_CRASH_WAITS):
            return _CRASH_WAITS[crashes - 1]
        return self.wait_after(crashes - len(_CRASH_WAITS), jitter=jitter)


def class_name(kind: type) -> str:
    """Return the name by which an exception class is stored: "builtins.OSError"."""
    return f"{kind.__module__}.{kind.__qualname__}"


def is_retried(
    kind: type[BaseException], retry_on: tuple[str, ...], *, name_of: Callable[[type], str] = class_name
) -> bool:
    """Say whether an exception of this class is worth another attempt.

    The classes of the exception are read from the most special to the most general. A class that is named
    in `retry_on` says yes; a programming error that was reached before any named class says no.
    """
    for ancestor in kind.__mro__:
        if name_of(ancestor) in retry_on:
            return True
        if ancestor in NEVER_RETRIED:
            return False
    return False
