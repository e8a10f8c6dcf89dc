"""The line between a running function and its worker, as the function's side sees it.

One thread does all the talking. User threads only enqueue, on a `SimpleQueue`: an exception that a signal
handler raises in the middle of a `queue.Queue` call leaves that queue locked for ever (108 of 400 tries),
a `SimpleQueue` never (0 of 400).
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from overnight.errors import Fenced
from overnight.inside.messages import Progressed, Save, Saved, Stop, Stopping
from overnight.inside.stopping import StopSign

#: Progress goes up ten times a second at most; people cannot see more.
_REPORT_EVERY = 0.1

ProgressReader = Callable[[], tuple[float | None, float | None, str | None] | None]


class Transport(Protocol):
    """What carries messages; used by the link's thread alone once that runs."""

    def fileno(self) -> int | None:
        """Return the descriptor that becomes readable when a message has come, or None if none ever does."""

    def send(self, message: Any) -> None:
        """Send a message up."""

    def receive(self) -> list[Any] | None:
        """Return the messages that have come, or None when the other side is gone."""


class Link:
    """The function's end of the line.

    Attributes:
        attention: set when a save is due or a stop was asked; loops look at it between items.
        stop: the sign that tells the function to stop.
    """

    def __init__(self, transport: Transport) -> None:
        self.attention = False
        self.stop = StopSign(tell=lambda how: self.post(Stopping(how)))
        self.on_stop: Callable[[], None] | None = None
        self._transport = transport
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._reader: ProgressReader | None = None
        self._sent: Progressed | None = None
        self._due: float | None = None
        self._durable: dict[int, threading.Event] = {}
        self._saved_n = 0
        self._gone = False
        self._closing = False

    # -- what the function's threads call ------------------------------------------------------------

    def post(self, message: Any) -> None:
        """Send a message some time soon; never waits."""
        self._queue.put(message)
        self._start()
        self._ring()

    def save(self, n: int, data: bytes, *, wait: bool) -> None:
        """Send saved state number `n`; with `wait`, return when it is durable.

        Raises:
            Fenced: another attempt speaks for this job, or the worker is gone.
        """
        if not wait:
            self.post(Save(n, data))
            return
        durable = self._durable.setdefault(n, threading.Event())
        self.post(Save(n, data))
        while not durable.wait(0.05):
            # In slices: a signal's exception must reach a main thread that waits here.
            if self._gone:
                raise Fenced("the worker that ran this attempt is gone", hint="stop writing")
        self._durable.pop(n, None)

    def report(self, read: ProgressReader) -> None:
        """Let the thread read progress from `read`, ten times a second."""
        self._reader = read
        self._start()

    def call_for_attention(self, after: float) -> None:
        """Set `attention` after so many seconds."""
        self._due = time.monotonic() + after
        self._start()
        self._ring()

    # -- the ends ------------------------------------------------------------------------------------

    def close(self, last: Any = None) -> None:
        """Send everything that waits, the newest progress and `last`; then fall silent."""
        self._closing = True
        if self._thread is not None:
            self._ring()
            self._thread.join()
        self._send_queued()
        self._send_progress()
        if last is not None:
            self._transport.send(last)

    def watch_for_stop(self) -> None:
        """Run the thread from now on, though nothing was sent yet."""
        self._start()

    def _ring(self) -> None:
        try:
            os.eventfd_write(self._wake, 1)
        except BlockingIOError:  # it has been rung 2**64 times and not answered: it will wake all the same
            return

    def _start(self) -> None:
        if self._thread is not None or self._closing:
            return
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._talk, name="overnight-link", daemon=True)
                self._thread = thread
                thread.start()

    # -- the thread ----------------------------------------------------------------------------------

    def _talk(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        wire = self._transport.fileno()
        if wire is not None:
            poll.register(wire, select.POLLIN | select.POLLHUP)
        while not self._closing and not self._gone:
            for descriptor, _ in poll.poll(self._timeout()):
                if descriptor == self._wake:
                    os.eventfd_read(self._wake)
                else:
                    self._hear()
            self._send_queued()
            self._send_progress()
            if self._due is not None and time.monotonic() >= self._due:
                self._due = None
                self.attention = True

    def _timeout(self) -> float | None:
        """Return how long to sleep, in milliseconds; for ever while nobody reports and nothing is due."""
        waits = []
        if self._reader is not None:
            waits.append(_REPORT_EVERY)
        if self._due is not None:
            waits.append(max(self._due - time.monotonic(), 0.0))
        return min(waits) * 1000 + 1 if waits else None

    def _hear(self) -> None:
        messages = self._transport.receive()
        if messages is None:
            self._gone = True
            return
        for message in messages:
            match message:
                case Stop(why):
                    self.stop.ask(why)
                    self.attention = True
                    if self.on_stop is not None:
                        self.on_stop()
                case Saved(n):
                    self._saved_n = n
                    for number, durable in list(self._durable.items()):
                        if number <= n:
                            durable.set()
                case _:
                    continue

    def _send_queued(self) -> None:
        while True:
            try:
                message = self._queue.get_nowait()
            except Empty:
                return
            self._send(message)

    def _send_progress(self) -> None:
        if self._reader is None:
            return
        state = self._reader()
        if state is None:
            return
        progress = Progressed(*state)
        if progress != self._sent:
            self._sent = progress
            self._send(progress)

    def _send(self, message: Any) -> None:
        try:
            self._transport.send(message)
        except OSError:  # the worker is gone, and this process will be ended; there is nobody to tell
            self._gone = True
