"""The one writer of a process: transitions that come together are committed together.

A sync of the disk costs more than ten transitions do, so whoever finds the writer idle commits at once in its
own thread, and whoever finds it busy leaves its verb to the writer's thread, which takes all that has
gathered into its next commit. Each verb stands alone in it: one that fails is undone, the others are not.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Concatenate, ParamSpec, TypeVar

from overnight.errors import StoreBusy, StoreError, StoreFull
from overnight.store import sqlite
from overnight.store.lifetimes import survive_forks
from overnight.store.space import Space
from overnight.store.sqlite import Connection
from overnight.store.transaction import Place, Transaction

log = logging.getLogger("overnight.store")

P = ParamSpec("P")
T = TypeVar("T")
Verb = Callable[Concatenate[Transaction, P], T]

#: A batch takes no more verbs after so many seconds: other processes wait for the write lock, too.
_LONGEST_BATCH = 0.005


def urgent(verb: Callable[P, T]) -> Callable[P, T]:
    """Mark a verb that goes before others, and that is written even when the disk is full."""
    verb.is_urgent = True  # type: ignore[attr-defined]
    return verb


def _is_urgent(verb: Callable[..., Any]) -> bool:
    return getattr(verb, "is_urgent", False)


class _Order:
    """A verb that somebody left to the writer's thread."""

    __slots__ = ("args", "future", "kwargs", "result", "tx", "verb")

    def __init__(self, verb: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.verb = verb
        self.args = args
        self.kwargs = kwargs
        self.future: Future[Any] = Future()
        self.tx: Transaction | None = None
        self.result: Any = None


class Writer:
    """Runs verbs in transactions of its connection, one after another.

    Args:
        place: what verbs may know.
        connect: opens the connection, at the first write.
        space: knows whether the disk is full.
        path: the database file, for words.
    """

    def __init__(self, place: Place, connect: Callable[[], Connection], space: Space) -> None:
        self._place = place
        self._connect = connect
        self._space = space
        self._begin_anew()
        survive_forks(self)

    def _begin_anew(self) -> None:
        self._connection: Connection | None = None
        self._file: tuple[int, int] | None = None
        self._lock = Lock()  # whoever holds it writes
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._starting = Lock()
        self._thread: Thread | None = None

    def write(self, verb: Verb[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb; what it wrote is durable when this returns."""
        if self._orders.empty() and self._lock.acquire(blocking=False):
            try:
                result, tx = self._alone(verb, args, kwargs)
            finally:
                self._lock.release()
            _call_back(tx)
            return result
        return self.send(verb, *args, **kwargs).result()

    def send(self, verb: Verb[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a verb run by the writer's thread; the future is done when it is durable."""
        order = _Order(verb, args, kwargs)
        self._orders.put(order)
        if self._thread is None:
            self._start()
        return order.future

    def checkpoint(self) -> None:
        """Bring the WAL into the database file, with all writers kept out meanwhile."""
        with self._lock:
            connection = self._open()
            # Without patience it would go on beside the writers, which is what is not safe on an old SQLite.
            connection.execute(f"PRAGMA busy_timeout={sqlite.PATIENCE * 1000:.0f}")
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                sqlite.wait_ourselves(connection)

    def close(self) -> None:
        """Write what was ordered, and close the connection."""
        with self._starting:  # to the end: another thread beside this one would take its order to stop
            thread, self._thread = self._thread, None
            if thread is not None:
                self._orders.put(None)
                thread.join()
        with self._lock:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def before_fork(self) -> None:
        """Wait for the commit that is under way, close the connection, and let nobody write."""
        self._starting.acquire()
        self._lock.acquire()
        self._disconnect()

    def after_fork_in_parent(self) -> None:
        """Let others write again."""
        self._lock.release()
        self._starting.release()

    def after_fork_in_child(self) -> None:
        """Begin anew: what was ordered before is written by the parent."""
        self._begin_anew()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._serve, name="overnight-writer", daemon=True)
                self._thread.start()

    # -- one verb ------------------------------------------------------------------------------------

    def _alone(self, verb: Callable[..., T], args: Any, kwargs: Any) -> tuple[T, Transaction]:
        """Run one verb in a transaction of its own."""
        is_urgent = _is_urgent(verb)
        if not is_urgent:
            self._space.check()
        try:
            return self._attempt(verb, args, kwargs)
        except StoreFull:
            self._space.release()
            if not is_urgent:
                raise
        return self._attempt(verb, args, kwargs)

    def _attempt(self, verb: Callable[..., T], args: Any, kwargs: Any) -> tuple[T, Transaction]:
        connection = None
        try:
            connection = self._open()
            self._begin(connection)
            tx = Transaction(connection, self._place)
            result = verb(tx, *args, **kwargs)
            connection.execute("COMMIT")
        except BaseException as error:
            if connection is not None:
                sqlite.rollback(connection)
            meant = sqlite.meaning(error, self._space.path)
            if meant is not None:
                raise meant from error
            raise
        return result, tx

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
            self._file = _identity(self._space.path)
        return self._connection

    def _begin(self, connection: Connection) -> None:
        sqlite.begin(connection)
        # In WAL mode SQLite does not look itself, and what is written into a deleted file is gone (2 µs).
        if _identity(self._space.path) != self._file:
            raise sqlite.moved(self._space.path)

    # -- many verbs ----------------------------------------------------------------------------------

    def _serve(self) -> None:
        urgent_ones: deque[_Order] = deque()
        others: deque[_Order] = deque()
        is_closing = False

        def gather(order: _Order | None) -> None:
            nonlocal is_closing
            if order is None:
                is_closing = True
            elif order.future.set_running_or_notify_cancel():
                (urgent_ones if _is_urgent(order.verb) else others).append(order)

        def following() -> _Order | None:
            try:
                while True:
                    gather(self._orders.get_nowait())
            except Empty:
                pass  # all that has been ordered by now is in one of the two
            if urgent_ones:
                return urgent_ones.popleft()
            return others.popleft() if others else None

        while not is_closing or urgent_ones or others:
            if not urgent_ones and not others:
                gather(self._orders.get())
            with self._lock:
                finished = self._batch(following)
            for order in finished:
                if order.tx is not None:
                    order.future.set_result(order.result)
                    _call_back(order.tx)

    def _batch(self, following: Callable[[], _Order | None]) -> list[_Order]:
        """Run verbs in one transaction; return those whose result may be told now."""
        batch: list[_Order] = []
        try:
            self._fill(batch, following)
        except BaseException as error:
            meant = sqlite.meaning(error, self._space.path) or error
            if isinstance(meant, StoreFull):
                return self._one_by_one(batch)
            if isinstance(meant, StoreBusy):  # who has waited in the queue behind it has waited as long
                batch += iter(following, None)
            for order in batch:
                order.tx = None
                if not order.future.done():
                    order.future.set_exception(meant)
        return batch

    def _fill(self, batch: list[_Order], following: Callable[[], _Order | None]) -> None:
        connection = None
        try:
            until = time.monotonic() + _LONGEST_BATCH
            while time.monotonic() < until and (order := following()) is not None:
                batch.append(order)
                if connection is None:
                    connection = self._open()
                    self._begin(connection)
                    until = time.monotonic() + _LONGEST_BATCH
                self._perform(order, connection)
            if connection is not None:
                connection.execute("COMMIT")
        except BaseException:
            if connection is not None:
                sqlite.rollback(connection)
            raise

    def _perform(self, order: _Order, connection: Connection) -> None:
        """Run one verb of a batch; what it did wrong is undone, and told only to who ordered it."""
        connection.execute("SAVEPOINT verb")
        try:
            if not _is_urgent(order.verb):
                self._space.check()
            tx = Transaction(connection, self._place)
            order.result = order.verb(tx, *order.args, **order.kwargs)
            order.tx = tx
        except Exception as error:
            if not isinstance(error, StoreError) and sqlite.meaning(error, self._space.path) is not None:
                raise
            connection.execute("ROLLBACK TO verb")
            order.future.set_exception(error)
        connection.execute("RELEASE verb")

    def _one_by_one(self, batch: list[_Order]) -> list[_Order]:
        """The disk was full: write what must be written, each by itself, and refuse the rest."""
        for order in batch:
            if order.future.done():
                continue
            order.tx = None
            try:
                order.result, order.tx = self._alone(order.verb, order.args, order.kwargs)
            except Exception as error:
                order.future.set_exception(error)
        return batch


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from every other, whatever it is called; None if it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116 -- pathlib's costs twice as much, at every commit
    except OSError:  # deleted
        return None
    return found.st_dev, found.st_ino


def _call_back(tx: Transaction) -> None:
    for call, *args in tx.callbacks:
        try:
            call(*args)
        except Exception:  # what was committed stands, and others wait for this thread
            log.exception("nobody could be told of a commit")
