"""The line between a running function and its worker, as the function's side sees it.

One thread does all the talking. User threads only enqueue, on a `SimpleQueue`: an exception that a signal
handler raises in the middle of a `queue.Queue` call leaves that queue locked for ever (108 of 400 tries),
a `SimpleQueue` never (0 of 400).
"""

from __future__ import annotations

import fcntl
import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from overnight.errors import Fenced, OvernightError
from overnight.inside.messages import Progressed, Save, Saved, Stop, Stopping
from overnight.inside.stopping import StopSign

#: Progress goes up ten times a second at most; people cannot see more.
_REPORT_EVERY = 0.1

ProgressReader = Callable[[], tuple[float | None, float | None, str | None] | None]


#: Descriptors of ours have numbers from here on.
_FIRST_NUMBER = 800


def move_away(descriptor: int) -> int:
    """Give a descriptor a number that no file will get, and return it.

    A task that closes all descriptors, as a daemon does, closes ours. The files that it then opens get the
    lowest numbers: ours must not be among them, or we would write into its files.
    """
    try:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_NUMBER)
    except OSError:  # fewer are allowed here
        return descriptor
    os.close(descriptor)
    return moved


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
        on_stop: stops a coroutine; told by what ("asked" or "terminated"), it says whether that will help.
    """

    def __init__(self, transport: Transport) -> None:
        self.attention = False
        self.stop = StopSign(tell=lambda how: self.post(Stopping(how)))
        self.on_stop: Callable[[str], object] | None = None
        self._transport = transport
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._saves: SimpleQueue[Save] = SimpleQueue()
        self._wake = move_away(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._ringing = threading.RLock()  # a signal's handler may ring while its own thread does
        self._can_ring = True
        self._reader: ProgressReader | None = None
        self._sent: Progressed | None = None
        self._reported_at = 0.0
        self._due: float | None = None
        self._saved_n = 0
        self._waiting: dict[int, SimpleQueue[None]] = {}
        self._failure: Exception | None = None
        self._gone = False
        self._closing = False

    # -- what the function's threads call ------------------------------------------------------------

    def post(self, message: Any) -> None:
        """Send a message some time soon; never waits."""
        if self._closing:
            return
        self._queue.put(message)
        self._start()
        self._ring()

    def save(self, n: int, data: bytes) -> None:
        """Send saved state number `n` some time soon, or a newer one instead; never waits."""
        if self._closing:
            return
        with suppress(Empty):
            while True:  # an older one that still waits is of no use, and may be large
                self._saves.get_nowait()
        self._saves.put(Save(n, data))
        self._start()
        self._ring()

    def wait_until_durable(self, n: int) -> None:
        """Return when saved state number `n`, or a later one, is durable.

        Raises:
            Fenced: another attempt speaks for this job, or the worker is gone.
        """
        answer = self._waiting.setdefault(n, SimpleQueue())
        while self._saved_n < n:
            if self._gone:
                raise Fenced("nobody takes what this attempt saves", hint="stop") from self._failure
            with suppress(Empty):
                # In slices: a signal's exception must reach a main thread that waits here. On a SimpleQueue:
                # such an exception would leave an Event's lock held, and then our thread would wait for ever.
                answer.get(timeout=0.05)
        self._waiting.pop(n, None)

    def report(self, read: ProgressReader) -> None:
        """Let the thread read progress from `read`, ten times a second."""
        self._reader = read
        self._start()

    def call_for_attention(self, after: float) -> None:
        """Set `attention` after so many seconds."""
        if self._closing:
            return
        self._due = time.monotonic() + after
        self._start()
        self._ring()

    # -- the ends ------------------------------------------------------------------------------------

    def close(self, last: Any = None) -> None:
        """Send everything that waits, the newest progress and `last`; then fall silent."""
        if self._closing:
            return  # in a fork of the function's, which came to its end as well
        self._closing = True
        if self._thread is not None:
            self._ring()
            self._thread.join()
        self._send_queued()
        self._send_progress()
        if last is not None:
            self._transport.send(last)
        with self._ringing:
            if self._can_ring:
                self._can_ring = False
                os.close(self._wake)

    def abandon(self) -> None:
        """Fall silent at once: this process is a fork of the function's, and the line is not its own."""
        self._gone = self._closing = True
        self._can_ring = False
        self._thread = None

    def watch_for_stop(self) -> None:
        """Run the thread from now on, though nothing was sent yet."""
        self._start()

    def _ring(self) -> None:
        # Under a lock: a thread that rings while the line is closed would write to whatever got the number
        # next. (`with` on a lock is safe from a signal's exception, unlike what is built of locks in Python.)
        with self._ringing:
            if self._can_ring:
                try:
                    os.eventfd_write(self._wake, 1)
                except OSError:  # the function has closed it, as all descriptors; the worker will say so
                    self._can_ring, self._gone = False, True

    def _start(self) -> None:
        if self._thread is not None or self._closing:
            return
        with self.stop.mask(), self._starting:  # a thread that a signal caught at its start cannot be joined
            if self._thread is None:
                thread = threading.Thread(target=self._talk, name="overnight-link", daemon=True)
                thread.start()
                self._thread = thread

    # -- the thread ----------------------------------------------------------------------------------

    def _talk(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        wire = self._transport.fileno()
        if wire is not None:
            poll.register(wire, select.POLLIN | select.POLLHUP)
        while not self._closing and not self._gone:
            for descriptor, event in poll.poll(self._timeout()):
                if event & select.POLLNVAL:
                    self._gone = True
                elif descriptor == self._wake:
                    os.eventfd_read(self._wake)
                else:
                    self._hear()
            self._send_queued()
            self._send_progress()
            if wire is None:
                self._hear()  # nothing wakes us for what came down: it came while we sent
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
        else:
            self.obey(messages)

    def obey(self, messages: Sequence[Any]) -> None:
        """Do what messages from the worker say."""
        for message in messages:
            match message:
                case Stop(why):
                    self.stop.ask(why)
                    self.attention = True
                    if self.on_stop is not None:
                        self.on_stop("asked")
                case Saved(n):
                    self._note_durable(n)
                case _:
                    continue

    def _send_queued(self) -> None:
        for queue in (self._queue, self._saves):
            with suppress(Empty):
                while True:
                    self._send(queue.get_nowait())

    def _note_durable(self, n: int) -> None:
        self._saved_n = n
        for number, answer in list(self._waiting.items()):
            if number <= n:
                answer.put(None)

    def _send_progress(self) -> None:
        if self._reader is None:
            return
        now = time.monotonic()
        if now - self._reported_at < _REPORT_EVERY and not self._closing:
            return  # woken for something else: a flood of log lines must not become one of progress
        self._reported_at = now
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
            if isinstance(message, Save) and self._transport.fileno() is None:
                self._note_durable(message.n)  # nobody answers on such a line: what it took is durable
        except (OSError, OvernightError) as error:
            # The worker is gone and will end this process, or the store refused; whoever waits will hear it.
            self._failure = error
            self._gone = True
