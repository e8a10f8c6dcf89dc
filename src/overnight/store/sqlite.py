"""How SQLite is opened, how it begins a transaction, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import quote

from sqlalchemy.dialects.sqlite.base import SQLiteCompiler, SQLiteDialect
from sqlalchemy.sql import FromClause
from sqlalchemy.sql.elements import BindParameter

from overnight.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreReadOnly

try:  # A current SQLite where there is a wheel of it; elsewhere the interpreter's own serves.
    import pysqlite3.dbapi2 as _bundled
except ImportError:
    driver: Any = sqlite3
else:
    driver = _bundled

#: Which library is in use, for `doctor`: "pysqlite3" or "sqlite3", and the version of SQLite in it.
DRIVER_NAME: str = driver.__name__.partition(".")[0]
VERSION: tuple[int, ...] = tuple(driver.sqlite_version_info)


def _is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the bug that can corrupt a WAL which is reset while others write.

    See sqlite.org/wal.html#walresetbug: repaired in 3.51.3, and in 3.50.7 and 3.44.6.
    """
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


#: Where it is not safe, nobody checkpoints but `checkpoint`, which keeps all writers out meanwhile.
CHECKPOINTS_ITSELF = _is_safe(VERSION)


class _Compiler(SQLiteCompiler):
    """Writes constants into the SQL: an index over part of a table is used only by its own words."""

    def visit_bindparam(self, bindparam: BindParameter[Any], *args: Any, **kwargs: Any) -> str:
        if not bindparam.required:
            kwargs["literal_binds"] = True
        return cast(str, super().visit_bindparam(bindparam, *args, **kwargs))  # type: ignore[no-untyped-call]

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:  # noqa: ARG002
        """Let a statement say INDEXED BY: the planner has no statistics and may choose wrongly."""
        return text


#: Statements are compiled for this dialect, with names for their parameters.
DIALECT = SQLiteDialect(paramstyle="named")
DIALECT.statement_compiler = _Compiler

#: How long anybody waits for the write lock, in seconds.
PATIENCE = 5.0

#: Between two looks at the write lock, in seconds. SQLite's own waits grow to 100 ms, and who commits again
#: and again leaves it free for a tenth of a millisecond only. A look costs 5 µs, so ours stay short.
_SHORTEST_WAIT, _LONGEST_WAIT = 0.0002, 0.001


class Row(Protocol):
    """A row of an answer; columns by name or place."""

    def __getitem__(self, key: str | int, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...


class Cursor(Protocol):
    """An answer of the driver."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchall(self) -> list[Row]:
        """Return all rows."""


class Connection(Protocol):
    """As much of the driver's connection as we use."""

    row_factory: Any

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""

    def execute(self, sql: str, parameters: Mapping[str, Any] = ..., /) -> Cursor:
        """Run a statement."""

    def executemany(self, sql: str, parameters: Sequence[Mapping[str, Any]], /) -> Cursor:
        """Run a statement once for each set of parameters."""

    def close(self) -> None:
        """Close the file."""


def connect(
    path: Path, *, synchronous: str = "FULL", only_read: bool = False, read_only: bool = False
) -> Connection:
    """Open a database file that is there.

    Args:
        path: the file.
        synchronous: "FULL" syncs every commit, "NORMAL" only checkpoints.
        only_read: refuse statements that write.
        read_only: the file, or its folder, may be such that nothing can be written.
    """
    connection = cast(
        Connection,
        driver.connect(
            f"file:{quote(str(path))}?{_access(path) if read_only else 'mode=rw'}",
            uri=True,
            isolation_level=None,  # we say ourselves when a transaction begins
            check_same_thread=False,  # used by one thread at a time, under a lock
            cached_statements=512,
            timeout=PATIENCE,
        ),
    )
    connection.row_factory = driver.Row
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA mmap_size=0")
    connection.execute("PRAGMA cache_size=-8000")
    if only_read or read_only:
        connection.execute("PRAGMA query_only=ON")
    else:
        connection.execute("PRAGMA journal_size_limit=16777216")
    if not CHECKPOINTS_ITSELF:
        connection.execute("PRAGMA wal_autocheckpoint=0")
    return connection


def _access(path: Path) -> str:
    """Say how to open a file for reading: without a lock, if there is nobody to lock it against."""
    wal = path.with_name(path.name + "-wal")
    is_written = os.access(path.parent, os.W_OK) or (wal.exists() and wal.stat().st_size > 0)
    return "mode=ro" if is_written else "mode=ro&immutable=1"


def wait_ourselves(connection: Connection) -> None:
    """Have `begin` do the waiting for the write lock, instead of SQLite."""
    connection.execute("PRAGMA busy_timeout=0")


def begin(connection: Connection, *, patience: float = PATIENCE) -> None:
    """Begin a transaction that may write, waiting for the write lock if need be.

    Raises:
        driver.OperationalError: somebody held the lock for longer than `patience` seconds.
    """
    wait, until = _SHORTEST_WAIT, 0.0
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except driver.OperationalError as error:
            now = time.monotonic()
            until = until or now + patience
            if _primary_code(error) != sqlite3.SQLITE_BUSY or now >= until:
                raise
        time.sleep(wait)
        wait = min(wait * 1.5, _LONGEST_WAIT)


def rollback(connection: Connection) -> None:
    """End the transaction without its changes; SQLite may have done so itself."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _primary_code(error: BaseException) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def meaning(error: BaseException, path: Path) -> StoreError | None:
    """Return what an error of the driver says about the store; None if it is about the statement."""
    code = _primary_code(error)
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_DBMOVED:
        return moved(path)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return StoreBusy(
            f"somebody held the write lock of {path} for more than {PATIENCE:.0f} s",
            hint="is the file open in another program, in the middle of a transaction? Try again.",
        )
    if code == sqlite3.SQLITE_FULL:
        return full(path)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreReadOnly(
            f"{path} cannot be opened for writing: {error}",
            hint="look at who owns the file and its folder, and whether the disk is mounted read-only",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreCorrupt(
            f"{path} is damaged, or no database at all: {error}",
            hint="it was left as it is; restore a backup, or set OVERNIGHT_HOME to another folder",
        )
    if code == sqlite3.SQLITE_IOERR:
        return StoreError(
            f"the disk under {path} failed: {error} ({getattr(error, 'sqlite_errorname', '')})",
            hint="the kernel's log (dmesg) says what is wrong with it",
        )
    return None


def full(path: Path) -> StoreFull:
    """Return the error that says that there is no room."""
    return StoreFull(f"the disk under {path} is full: nothing was written", hint="make room there")


def moved(path: Path) -> StoreCorrupt:
    """Return the error that says that the file in use is not the one of its name any more."""
    return StoreCorrupt(
        f"{path} was moved or deleted while it was in use", hint="put it back, and start again"
    )
