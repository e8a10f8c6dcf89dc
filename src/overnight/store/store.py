"""A store: the truth of one home folder, behind one object."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from overnight.clock import Clock
from overnight.store import sqlite
from overnight.store.bells import Bells
from overnight.store.lifetimes import close_at_exit
from overnight.store.logs import LogStore
from overnight.store.readers import Readers
from overnight.store.space import Space
from overnight.store.sqlite import Connection
from overnight.store.transaction import Place, Transaction
from overnight.store.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """Verbs of the modules beside this one are run by it: `store.write(jobs.add, calls)`.

    Attributes:
        home: the folder.
        clock: tells its time.
        crash_limit: crashes in a row that make a job poison.
        bells: wake those who wait.
        logs: what jobs print and log.
    """

    def __init__(self, path: Path, *, clock: Clock, crash_limit: int, read_only: bool = False) -> None:
        self.home = path.parent
        self.clock = clock
        self.crash_limit = crash_limit
        self.bells = Bells(self.home)
        self.path = path
        self._read_only = read_only
        self._place = Place(
            home=self.home,
            clock=clock,
            bells=self.bells,
            crash_limit=crash_limit,
            dialect=sqlite.DIALECT,
        )
        space = Space(path)
        self._writer = Writer(self._place, self._connect_to_write, space)
        self._readers = Readers(self._place, self._connect_to_read, path)
        self.logs = LogStore(self._place, space, read_only=read_only)
        close_at_exit(self)

    def write(
        self, verb: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a verb; what it wrote is durable when this returns.

        Raises:
            StoreError: the store could not take it; nothing was written.
        """
        return self._writer.write(verb, *args, **kwargs)

    def send(
        self, verb: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Have a verb run with the next commit; the future is done when it is durable."""
        return self._writer.send(verb, *args, **kwargs)

    def read(self, verb: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a verb that only reads, on one moment of the store."""
        return self._readers.read(verb, *args, **kwargs)

    def close(self) -> None:
        """Write what was sent, and close the files."""
        self.logs.close()
        self._writer.close()
        self._readers.close()
        self.bells.close()

    def checkpoint(self, size: int) -> None:
        """Bring the WAL into the database file and empty it, if it has grown beyond so many bytes."""
        wal = self.path.with_name(self.path.name + "-wal")
        if wal.exists() and wal.stat().st_size > size:
            self._writer.checkpoint()

    def _connect_to_read(self) -> Connection:
        return sqlite.connect(self.path, only_read=True, read_only=self._read_only)

    def _connect_to_write(self) -> Connection:
        connection = sqlite.connect(self.path, read_only=self._read_only)
        sqlite.wait_ourselves(connection)
        return connection


#: Below this size a WAL is left alone, in bytes.
_WAL_SIZE = 4 << 20


def checkpoint(store: Store) -> None:
    """Bring what was committed into the database file, where SQLite is not left to do that by itself."""
    if not sqlite.CHECKPOINTS_ITSELF:
        store.checkpoint(_WAL_SIZE)
