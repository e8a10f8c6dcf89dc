"""How a store is opened: made if it is not there, checked if it is, brought up to date if it is older."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import MetaData
from sqlalchemy.schema import CreateIndex, CreateTable

from overnight.clock import Clock, system_clock
from overnight.errors import NotFound, StoreCorrupt, StoreError, StoreReadOnly, StoreVersion
from overnight.outcome import CRASH_LIMIT
from overnight.store import lines, logs, sqlite
from overnight.store.location import refuse_aliases, refuse_network
from overnight.store.schema import APPLICATION_ID, SCHEMA, metadata
from overnight.store.space import Space
from overnight.store.sqlite import Connection
from overnight.store.store import Store

NAME = "overnight.db"


def open_store(
    home: Path,
    *,
    clock: Clock | None = None,
    crash_limit: int = CRASH_LIMIT,
    create: bool = True,
    read_only: bool = False,
) -> Store:
    """Open the store of a folder.

    Args:
        home: the folder.
        clock: tells its time; the machine's by default.
        crash_limit: crashes in a row that make a job poison.
        create: make the store if there is none.
        read_only: only read, also where nothing can be written.

    Raises:
        NotFound: there is none, and it was not to be made.
        StoreReadOnly: the file or its folder cannot be written.
        StoreCorrupt: the file is no store, or damaged; it was left as it is.
        StoreVersion: it was made by a newer version of overnight.
        StoreError: it lies where a store must not lie.
    """
    refuse_network(home)
    path = home / NAME
    if not path.exists() and (not create or read_only):
        raise NotFound(
            f"there is no store in {home}",
            hint="it is made by the first submit; OVERNIGHT_HOME and --home choose another folder",
        )
    if not read_only and not (path.exists() and (home / logs.NAME).exists()):
        _make_home(home)
    refuse_aliases(path)
    if path.stat().st_size == 0:
        raise _corrupt(path, "it is empty")
    if not read_only and not (os.access(path, os.W_OK) and os.access(home, os.W_OK)):
        raise StoreReadOnly(
            f"{path} or its folder cannot be written",
            hint="look at who owns them, and whether the disk is mounted read-only",
        )
    try:
        with closing(sqlite.connect(path, read_only=read_only)) as connection:
            _check(connection, path, read_only=read_only)
    except sqlite.driver.Error as error:
        raise (sqlite.meaning(error, path) or error) from error
    return Store(path, clock=clock or system_clock(), crash_limit=crash_limit, read_only=read_only)


# -- making ------------------------------------------------------------------------------------------


def _make_home(home: Path) -> None:
    """Make what is missing in a home; each file is either not there or complete, whenever the power goes."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(home):
            _make(home / NAME, _fill)
            _make(home / logs.NAME, _fill_logs)
            space = Space(home / NAME)
            if not space.has_room():
                space.take_in()
            _sync_folder(home)
            _sync_folder(home.parent)
    except OSError as error:
        raise StoreReadOnly(
            f"a store cannot be made in {home}: {error.strerror}",
            hint="set OVERNIGHT_HOME to a folder that can be written",
        ) from error
    except sqlite.driver.Error as error:
        raise (sqlite.meaning(error, home / NAME) or error) from error


def _make(path: Path, fill: Callable[[Connection], None]) -> None:
    if path.exists():
        return
    if path.with_name(path.name + "-wal").exists():
        raise StoreCorrupt(
            f"{path} is gone, but {path.name}-wal beside it is still there",
            hint="put the file back from a backup, or take the other one away to begin anew",
        )
    for leftover in path.parent.glob(f"{path.name}.coming*"):
        leftover.unlink()
    coming = path.with_name(f"{path.name}.coming")
    os.close(os.open(coming, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite.connect(coming)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        fill(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")
    coming.rename(path)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep others from making or migrating the same store meanwhile."""
    descriptor = os.open(home / "opening.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _fill(connection: Connection) -> None:
    _make_tables(connection, metadata)
    # The row by which Alembic knows that its migrations up to here are done.
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    connection.execute("INSERT INTO alembic_version VALUES (:now)", {"now": f"{SCHEMA:04}"})
    for name, value in {"epoch": uuid.uuid4().hex, "oldest_code": str(SCHEMA)}.items():
        connection.execute("INSERT INTO meta VALUES (:name, :value)", {"name": name, "value": value})
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


def _fill_logs(connection: Connection) -> None:
    _make_tables(connection, lines.metadata)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


def _make_tables(connection: Connection, tables: MetaData) -> None:
    for table in tables.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=sqlite.DIALECT)))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            connection.execute(str(CreateIndex(index).compile(dialect=sqlite.DIALECT)))


def _sync_folder(folder: Path) -> None:
    """Have the names of new files survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# -- checking ----------------------------------------------------------------------------------------


def _check(connection: Connection, path: Path, *, read_only: bool) -> None:
    if connection.execute("PRAGMA application_id").fetchall()[0][0] != APPLICATION_ID:
        raise _corrupt(path, "it is a database of some other program")
    found = schema_of(connection)
    if found > SCHEMA:
        _refuse_unless_fit(connection, path, found)
    elif found < SCHEMA:
        if read_only:
            raise StoreVersion(
                f"{path} was made by an older overnight, and must be brought up to date to be read",
                hint="any command that writes does that",
            )
        _migrate(path)


def schema_of(connection: Connection) -> int:
    """Return the number of the schema that a store has."""
    rows = connection.execute("SELECT max(version_num) FROM alembic_version").fetchall()
    return int(rows[0][0] or 0)


def _refuse_unless_fit(connection: Connection, path: Path, found: int) -> None:
    rows = connection.execute("SELECT value FROM meta WHERE name = 'oldest_code'").fetchall()
    oldest = int(rows[0][0]) if rows else found
    if oldest > SCHEMA:
        raise StoreVersion(
            f"{path} was made by a newer overnight: its schema is {found}, and this version knows {SCHEMA}",
            hint="upgrade this one: pip install --upgrade overnight",
        )


def _migrate(path: Path) -> None:
    # Alembic takes 80 ms to import, and is needed once in the life of a release.
    from overnight.store.migrations.running import upgrade  # noqa: PLC0415

    with _alone(path.parent), closing(sqlite.connect(path)) as connection:
        if schema_of(connection) < SCHEMA:
            upgrade(connection)


def _corrupt(path: Path, why: str) -> StoreError:
    return StoreCorrupt(
        f"{path} is no store of overnight: {why}",
        hint="it was left as it is; restore a backup, or set OVERNIGHT_HOME to another folder",
    )
