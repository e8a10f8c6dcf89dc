"""Connections that only read, each used by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Concatenate, ParamSpec, TypeVar

from overnight.store import sqlite
from overnight.store.sqlite import Connection
from overnight.store.transaction import Place, Transaction

P = ParamSpec("P")
T = TypeVar("T")

#: Connections that are kept open between reads: more than so many threads seldom read at once.
_KEPT = 4


class Readers:
    """A few connections for reading: each is used by one thread at a time."""

    def __init__(self, place: Place, connect: Callable[[], Connection], path: Path) -> None:
        self._place = place
        self._connect = connect
        self._path = path
        self._lock = Lock()
        self._idle: list[Connection] = []

    def read(self, verb: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb in a transaction that only reads."""
        connection = None
        try:
            connection = self._take()
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
            if connection is not None:
                self._give_back(connection)
        return result

    def close(self) -> None:
        """Close those that are idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if len(self._idle) < _KEPT:
                self._idle.append(connection)
                return
        connection.close()
