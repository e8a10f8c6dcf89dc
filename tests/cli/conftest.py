"""What the tests of the command line share."""

import signal
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a command run in this process, and have its signals and its sys.path back afterwards."""
    numbers = (signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
