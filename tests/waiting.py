"""Wait for a condition, never for a length of time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], *, within: float = 5.0, every: float = 0.01, what: str = "") -> T:
    """Return the first truthy answer of `condition`.

    Args:
        condition: Asked at once, then every `every` seconds, and a last time when the time is up.
        within: Seconds until the wait is given up.
        every: Seconds between two questions.
        what: What is waited for, as the end of "waited in vain for …".

    Raises:
        AssertionError: The answer was falsy all the time; the message carries `what` and the last answer.
    """
    deadline = time.monotonic() + within
    while True:
        is_last = time.monotonic() >= deadline
        answer = condition()
        if answer:
            return answer
        if is_last:
            raise AssertionError(
                f"waited {within:g} s in vain for {what or condition}; last answer: {answer!r}"
            )
        time.sleep(every)
