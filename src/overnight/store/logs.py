"""What jobs print and log, in a file of its own.

A flood of lines never waits with the truth: they go to a second database, which syncs only at checkpoints,
through a thread of its own. What cannot be written is dropped, and a line says how much that was. Lines are
numbered within their attempt, so a late writer can only add to its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from overnight.errors import StoreError
from overnight.store import lines as kept
from overnight.store import sqlite
from overnight.store.lifetimes import survive_forks
from overnight.store.lines import Line, LineKey, remark
from overnight.store.readers import Readers
from overnight.store.space import Space
from overnight.store.sqlite import Connection
from overnight.store.transaction import Place
from overnight.store.writer import Writer
from overnight.units import format_size

__all__ = ["Line", "LineKey", "LogStore"]

log = logging.getLogger("overnight.store")

NAME = "logs.db"

#: Lines are gathered for so long before they are written, in seconds; `flushed` does not wait for that.
_GATHER = 0.2

#: How much text may wait to be written by this process, in bytes.
_BACKLOG = 16 << 20

_Key = tuple[str, int]


class LogStore:
    """The lines of all jobs of a store."""

    def __init__(self, place: Place, space: Space, *, read_only: bool) -> None:
        self._place = place
        self._path = place.home / NAME
        self._read_only = read_only
        self._writer = Writer(place, self._connect, space)
        self._readers = Readers(place, self._connect_to_read, self._path)
        self._begin_anew()
        survive_forks(self)

    def _begin_anew(self) -> None:
        self._coming: SimpleQueue[tuple[_Key, Sequence[Line]] | Future[None] | None] = SimpleQueue()
        self._starting = Lock()
        self._thread: Thread | None = None
        self._lock = Lock()  # guards the three below
        self._waiting = 0
        self._dropped: dict[_Key, tuple[int, int]] = {}
        self._has_appended = False

    def append(self, job: str, attempt: int, lines: Sequence[Line]) -> None:
        """Have lines of an attempt written soon; never waits for the disk."""
        size = sum(line.size for line in lines)
        with self._lock:
            if self._waiting + size > _BACKLOG:
                self._drop((job, attempt), lines)
                return
            self._waiting += size
            self._has_appended = True
        self._coming.put(((job, attempt), lines))
        self._start()

    def flushed(self) -> Future[None]:
        """Return a future that is done when all that was appended so far has been written, or dropped."""
        done: Future[None] = Future()
        if not self._has_appended:
            done.set_result(None)
            return done
        self._coming.put(done)
        self._start()
        return done

    def flush(self) -> None:
        """Wait until all that was appended so far has been written, or dropped."""
        self.flushed().result()

    def lines(
        self, job: str, *, attempt: int | None = None, after: LineKey | None = None, limit: int = 1000
    ) -> list[Line]:
        """Return lines of a job in order.

        Args:
            job: its full id.
            attempt: only those of this attempt.
            after: only those behind this place, the `key` of a line.
            limit: at most so many.
        """
        if not self._path.exists():
            return []
        return self._readers.read(kept.read, job, attempt=attempt, after=after, limit=limit)

    def close(self) -> None:
        """Write what was appended, and close the file."""
        with self._starting:  # to the end: another thread beside this one would take its order to stop
            thread, self._thread = self._thread, None
            if thread is not None:
                self._coming.put(None)
                thread.join()
        self._writer.close()
        self._readers.close()

    def before_fork(self) -> None:
        """Let nobody append."""
        self._starting.acquire()
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Let others append again."""
        self._lock.release()
        self._starting.release()

    def after_fork_in_child(self) -> None:
        """Begin anew: what was appended before is written by the parent."""
        self._begin_anew()

    def _start(self) -> None:
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._serve, name="overnight-logs", daemon=True)
                self._thread.start()

    def _drop(self, key: _Key, lines: Sequence[Line]) -> None:
        count, size = self._dropped.get(key, (0, 0))
        self._dropped[key] = (count + len(lines), size + sum(line.size for line in lines))

    # -- the thread ----------------------------------------------------------------------------------

    def _serve(self) -> None:
        is_closing = False
        while not is_closing:
            batch: dict[_Key, list[Line]] = {}
            waiting: list[Future[None]] = []
            item = self._coming.get()
            until = time.monotonic() + _GATHER
            try:
                while True:
                    match item:
                        case None:
                            is_closing, until = True, 0.0
                        case Future():
                            waiting.append(item)
                            until = 0.0
                        case (key, lines):
                            batch.setdefault(key, []).extend(lines)
                    item = self._coming.get(timeout=max(until - time.monotonic(), 0.0))
            except Empty:
                pass  # all that has come so far is in the batch
            self._write(batch)
            for done in waiting:
                done.set_result(None)

    def _write(self, batch: dict[_Key, list[Line]]) -> None:
        with self._lock:
            dropped, self._dropped = self._dropped, {}
            self._waiting -= sum(line.size for lines in batch.values() for line in lines)
        for key, (count, size) in dropped.items():
            text = f"{count:,} lines ({format_size(size)}) were dropped: they could not be written in time"
            batch.setdefault(key, []).insert(0, remark(text, at=self._place.clock.now()))
        if not batch:
            return
        try:
            self._writer.write(kept.write, [(*key, lines) for key, lines in batch.items()])
        except StoreError as error:
            log.warning("log lines are dropped: %s", error.message)
            with self._lock:
                self._dropped |= dropped
                for key, lines in batch.items():
                    self._drop(key, lines[1:] if key in dropped else lines)

    def _connect_to_read(self) -> Connection:
        return sqlite.connect(self._path, only_read=True, read_only=self._read_only)

    def _connect(self) -> Connection:
        connection = sqlite.connect(self._path, synchronous="NORMAL", read_only=self._read_only)
        sqlite.wait_ourselves(connection)
        return connection
