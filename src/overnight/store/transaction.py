"""A transaction, and the statements that run in it.

Statements are written with SQLAlchemy Core and compiled once; what runs is their text, on the driver's own
connection. Executed through SQLAlchemy each call would cost a third of all submits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Executable
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement

from overnight.clock import Clock, boot_id
from overnight.store.bells import Bells
from overnight.store.sqlite import Connection, Row

_NONE: Mapping[str, Any] = {}


class Statement:
    """A statement of SQLAlchemy Core; its parameters are its `bindparam`s."""

    __slots__ = ("_clause", "_texts")

    def __init__(self, clause: Executable) -> None:
        self._clause = clause
        self._texts: dict[str, str] = {}

    def text(self, dialect: Dialect) -> str:
        """Return the SQL for this dialect."""
        try:
            return self._texts[dialect.name]
        except KeyError:
            assert isinstance(self._clause, ClauseElement)
            return self._texts.setdefault(dialect.name, str(self._clause.compile(dialect=dialect)))


class Place(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What the verbs of a store may know of it.

    Attributes:
        home: the folder of the store.
        clock: tells its time.
        bells: wake those who wait.
        crash_limit: crashes in a row that make a job poison.
        dialect: which SQL is spoken.
    """

    home: Path
    clock: Clock
    bells: Bells
    crash_limit: int
    dialect: Dialect


class Transaction:
    """One transaction: what verbs read and write through.

    Attributes:
        place: what there is to know of the store.
        now: wall time in seconds, the same for the whole transaction.
    """

    __slots__ = ("_connection", "_dialect", "callbacks", "now", "place")

    def __init__(self, connection: Connection, place: Place) -> None:
        self._connection = connection
        self._dialect = place.dialect
        self.place = place
        self.now = place.clock.now()
        self.callbacks: dict[tuple[Any, ...], None] = {}

    @property
    def steady(self) -> float:
        """Steady time in seconds."""
        return self.place.clock.steady()

    @property
    def boot(self) -> str:
        """The boot that steady times belong to."""
        return boot_id()

    def run(self, statement: Statement, params: Mapping[str, Any] = _NONE) -> int:
        """Run a statement that changes rows; return how many."""
        return self._connection.execute(statement.text(self._dialect), params).rowcount

    def run_many(self, statement: Statement, params: Sequence[Mapping[str, Any]]) -> int:
        """Run a statement once for each set of parameters; return how many rows were changed in all."""
        return self._connection.executemany(statement.text(self._dialect), params).rowcount

    def rows(self, statement: Statement, params: Mapping[str, Any] = _NONE) -> list[Row]:
        """Run a statement that answers with rows. What RETURNING gives has no order."""
        return self._connection.execute(statement.text(self._dialect), params).fetchall()

    def one(self, statement: Statement, params: Mapping[str, Any] = _NONE) -> Row | None:
        """Run a statement that answers with one row or none."""
        rows = self._connection.execute(statement.text(self._dialect), params).fetchall()
        return rows[0] if rows else None

    def after_commit(self, call: Callable[..., None], *args: Any) -> None:
        """Have something called when the transaction is durable, once however often it is asked for."""
        self.callbacks[call, *args] = None
