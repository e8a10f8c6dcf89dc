"""The record of what has happened, as it is kept: one row for each event, numbered within its job."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, insert, select

from overnight.events import Event
from overnight.jobs import Kind
from overnight.store.encoding import from_json, to_json
from overnight.store.schema import event
from overnight.store.sqlite import Row
from overnight.store.transaction import Statement, Transaction

_COLUMNS = ("job", "n", "attempt", "at", "kind", "changes", "detail")

_INSERT = Statement(insert(event).values({name: bindparam(name) for name in _COLUMNS}))
_OF = Statement(
    select(*(event.c[name] for name in _COLUMNS)).where(event.c.job == bindparam("job")).order_by(event.c.n)
)


def record(tx: Transaction, happened: Event) -> None:
    """Write an event, in the transaction that makes it true."""
    tx.run(_INSERT, _params(happened))


def record_all(tx: Transaction, happened: Iterable[Event]) -> None:
    """Write many events."""
    tx.run_many(_INSERT, [_params(one) for one in happened])


def of(tx: Transaction, job: str) -> list[Event]:
    """Return what has happened to a job, the first first."""
    return [_event(row) for row in tx.rows(_OF, {"job": job})]


def _params(happened: Event) -> dict[str, object]:
    return {
        "job": happened.job,
        "n": happened.n,
        "attempt": happened.attempt,
        "at": happened.at,
        "kind": str(happened.kind),
        "changes": to_json(happened.changes),
        "detail": to_json(happened.detail) if happened.detail else None,
    }


def _event(row: Row) -> Event:
    job, n, attempt, at, kind, changes, detail = row
    return Event(
        job=job,
        n=n,
        attempt=attempt,
        at=at,
        kind=Kind(kind),
        changes=from_json(changes),
        detail=from_json(detail) if detail else {},
    )
