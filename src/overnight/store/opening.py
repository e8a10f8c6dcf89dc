"""How a store is opened: made if it is not there, checked if it is."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.schema import CreateIndex, CreateTable

from overnight.clock import Clock, system_clock
from overnight.store import sqlite
from overnight.store.schema import APPLICATION_ID, metadata
from overnight.store.space import Space
from overnight.store.store import Store

NAME = "overnight.db"


def open_store(home: Path, *, clock: Clock | None = None, crash_limit: int = 3) -> Store:
    """Open the store of a folder."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / NAME
    if not path.exists():
        create(path)
        Space(path).take_in()
    return Store(path, clock=clock or system_clock(), crash_limit=crash_limit)


def create(path: Path) -> None:
    """Make a new store."""
    connection = sqlite.connect(path, mode="rwc")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute("BEGIN IMMEDIATE")
    for table in metadata.sorted_tables:
        connection.execute(str(CreateTable(table).compile(dialect=sqlite.DIALECT)))
        for index in table.indexes:
            connection.execute(str(CreateIndex(index).compile(dialect=sqlite.DIALECT)))
    connection.execute("COMMIT")
    connection.close()
