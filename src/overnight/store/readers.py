"""Connections that only read, each used by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Condition
from typing import Concatenate, ParamSpec, TypeVar

from overnight.store import sqlite
from overnight.store.lifetimes import survive_forks
from overnight.store.sqlite import Connection
from overnight.store.transaction import Place, Transaction

P = ParamSpec("P")
T = TypeVar("T")

#: Connections that are kept open between reads: more than so many threads seldom read at once.
_KEPT = 4


class Readers:
    """Reads, each on one moment of the database."""

    def __init__(self, place: Place, connect: Callable[[], Connection], path: Path) -> None:
        self._place = place
        self._connect = connect
        self._path = path
        self._begin_anew()
        survive_forks(self)

    def _begin_anew(self) -> None:
        self._changed = Condition()  # guards the three below, and tells of their changes
        self._idle: list[Connection] = []
        self._reading = 0
        self._is_forking = False

    def read(self, verb: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb in a transaction that only reads."""
        connection = self._take()
        try:
            if connection is None:
                connection = self._connect()
            connection.execute("BEGIN")
            result = verb(Transaction(connection, self._place), *args, **kwargs)
            connection.execute("COMMIT")
        except BaseException as error:
            if connection is not None:
                sqlite.rollback(connection)
            meant = sqlite.meaning(error, self._path)
            if meant is not None:
                raise meant from error
            raise
        finally:
            self._give_back(connection)
        return result

    def close(self) -> None:
        """Close those that are idle."""
        with self._changed:
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _take(self) -> Connection | None:
        with self._changed:
            self._changed.wait_for(lambda: not self._is_forking)
            self._reading += 1
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: Connection | None) -> None:
        with self._changed:
            self._reading -= 1
            self._changed.notify_all()
            if connection is None:
                return
            if len(self._idle) < _KEPT:
                self._idle.append(connection)
            else:
                connection.close()

    # -- forks ---------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Wait for those who read, close the connections, and let nobody read."""
        self._changed.acquire()
        self._is_forking = True
        self._changed.wait_for(lambda: not self._reading, sqlite.PATIENCE)
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def after_fork_in_parent(self) -> None:
        """Let others read again."""
        self._is_forking = False
        self._changed.notify_all()
        self._changed.release()

    def after_fork_in_child(self) -> None:
        """Begin anew."""
        self._begin_anew()
