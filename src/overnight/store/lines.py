"""How lines are kept: compressed chunks of some 64 KiB, counted per attempt, capped per job."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    Column,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.sqlite import insert

from overnight.store.encoding import storable
from overnight.store.transaction import Statement, Transaction
from overnight.units import format_size

#: How much text a job may log, in bytes.
CAP = 64 << 20

#: Lines are cut into chunks of so many bytes before they are compressed.
_CHUNK = 64 << 10

#: What a line costs besides its text, in bytes.
_OVERHEAD = 16

#: Chunks are fetched so many at a time.
_FETCH = 8


class LineKey(NamedTuple):
    """The place of a line in a job's log."""

    attempt: int
    n: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a job's log.

    Attributes:
        at: wall time in seconds since the epoch.
        stream: "stdout", "stderr", or "log" for a record of `logging`.
        text: the line, without its newline.
        level: logging's number, for a record.
        logger: the name of its logger, for a record.
        attempt, n: its place, given when it is written.
    """

    at: float
    stream: str
    text: str
    level: int | None = None
    logger: str | None = None
    attempt: int = 0
    n: int = 0

    @property
    def key(self) -> LineKey:
        """Its place in the job's log, for `after`."""
        return LineKey(self.attempt, self.n)

    @property
    def size(self) -> int:
        """What it counts under the cap, in bytes."""
        return len(self.text) + _OVERHEAD


metadata = MetaData()

chunk = Table(
    "log_chunk",
    metadata,
    Column("job", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("first", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

total = Table(
    "log_total",
    metadata,
    Column("job", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("lines", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("dropped_lines", Integer, nullable=False),
    Column("dropped_bytes", Integer, nullable=False),
    sqlite_with_rowid=False,
)

_new = insert(total).values({column.name: bindparam(column.name) for column in total.c})
_COUNT = Statement(
    _new.on_conflict_do_update(
        index_elements=["job", "attempt"],
        set_={
            name: total.c[name] + _new.excluded[name]
            for name in ("lines", "bytes", "dropped_lines", "dropped_bytes")
        },
    )
)
_SO_FAR = Statement(
    select(
        func.coalesce(func.sum(total.c.bytes), 0),
        func.coalesce(func.sum(total.c.lines).filter(total.c.attempt == bindparam("attempt")), 0),
    ).where(total.c.job == bindparam("job"))
)
_KEEP = Statement(insert(chunk).values({column.name: bindparam(column.name) for column in chunk.c}))


def write(tx: Transaction, batch: Iterable[tuple[str, int, Sequence[Line]]], *, cap: int = CAP) -> None:
    """Write lines of (job, attempt), and count those that the cap does not allow."""
    for job, attempt, lines in batch:
        used, count = tx.rows(_SO_FAR, {"job": job, "attempt": attempt})[0]
        kept = _that_fit(lines, cap - used)
        dropped = lines[len(kept) :]
        first = count + 1
        for some in _chunks(kept):
            last = first + len(some) - 1
            data = _pack(some)
            tx.run(
                _KEEP,
                {
                    "job": job,
                    "attempt": attempt,
                    "first": first,
                    "last": last,
                    "at": some[0].at,
                    "data": data,
                },
            )
            first = last + 1
        tx.run(
            _COUNT,
            {
                "job": job,
                "attempt": attempt,
                "lines": len(kept),
                "bytes": sum(line.size for line in kept) if not dropped else max(cap - used, 0),
                "dropped_lines": len(dropped),
                "dropped_bytes": sum(line.size for line in dropped),
            },
        )


def _that_fit(lines: Sequence[Line], room: int) -> Sequence[Line]:
    for place, line in enumerate(lines):
        room -= line.size
        if room < 0:
            return lines[:place]
    return lines


def _chunks(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    begin = size = 0
    for place, line in enumerate(lines):
        size += line.size
        if size >= _CHUNK:
            yield lines[begin : place + 1]
            begin, size = place + 1, 0
    if begin < len(lines):
        yield lines[begin:]


def _pack(lines: Sequence[Line]) -> bytes:
    rows = [(line.at, line.stream, line.level, line.logger, line.text) for line in lines]
    try:
        data = msgspec.msgpack.encode(rows)
    except UnicodeEncodeError:  # a logger's name or message may hold lone surrogates
        data = msgspec.msgpack.encode(
            [tuple(storable(value) if isinstance(value, str) else value for value in row) for row in rows]
        )
    return zlib.compress(data, 1)


_CHUNKS = Statement(
    select(chunk.c.attempt, chunk.c.first, chunk.c.last, chunk.c.data)
    .where(
        chunk.c.job == bindparam("job"),
        chunk.c.attempt >= bindparam("from"),
        chunk.c.attempt <= bindparam("to"),
        tuple_(chunk.c.attempt, chunk.c.last) > tuple_(bindparam("after_attempt"), bindparam("after_n")),
    )
    .order_by(chunk.c.attempt, chunk.c.first)
    .limit(_FETCH)
)
_DROPPED = Statement(
    select(total.c.attempt, total.c.lines, total.c.dropped_lines, total.c.dropped_bytes)
    .where(
        total.c.job == bindparam("job"),
        total.c.attempt >= bindparam("from"),
        total.c.attempt <= bindparam("to"),
        total.c.dropped_lines > 0,
    )
    .order_by(total.c.attempt)
)
_ANY_ATTEMPT = 2**31


def read(
    tx: Transaction, job: str, *, attempt: int | None = None, after: LineKey | None = None, limit: int = 1000
) -> list[Line]:
    """Return lines of a job in order: at most `limit`, those of one attempt, those after a place."""
    begin = after or LineKey(0, 0)
    wanted = {
        "job": job,
        "from": max(begin.attempt, attempt or 0),
        "to": _ANY_ATTEMPT if attempt is None else attempt,
    }
    read_to = begin
    found: list[Line] = []
    while rows := tx.rows(_CHUNKS, {**wanted, "after_attempt": read_to.attempt, "after_n": read_to.n}):
        for of, first, last, data in rows:
            found += (line for line in _unpack(of, first, data) if line.key > begin)
            read_to = LineKey(of, last)
        if len(found) >= limit:
            return found[:limit]
    missing = [line for line in _told_drops(tx, wanted) if line.key > begin]
    return sorted([*found, *missing], key=lambda line: line.key)[:limit]


def _unpack(attempt: int, first: int, data: bytes) -> Iterator[Line]:
    rows: list[Any] = msgspec.msgpack.decode(zlib.decompress(data))
    for n, (at, stream, level, logger, text) in enumerate(rows, start=first):
        yield Line(at=at, stream=stream, level=level, logger=logger, text=text, attempt=attempt, n=n)


def _told_drops(tx: Transaction, wanted: dict[str, Any]) -> Iterator[Line]:
    """Say in a line of its own what is missing; behind it there is nothing more of that attempt."""
    for attempt, lines, dropped, size in tx.rows(_DROPPED, wanted):
        yield remark(
            f"{dropped:,} lines ({format_size(size)}) were dropped: a job may log {format_size(CAP)}",
            at=tx.now,
            attempt=attempt,
            n=lines + 1,
        )


def remark(text: str, *, at: float, attempt: int = 0, n: int = 0) -> Line:
    """Return a line in which the log speaks about itself."""
    return Line(
        at=at, stream="log", level=logging.WARNING, logger="overnight", text=text, attempt=attempt, n=n
    )
