"""Every change of a job's life is written here, with its event and under its fence."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import bindparam, update

from overnight.errors import Fenced
from overnight.events import Event
from overnight.jobs import ErrorInfo, Kind
from overnight.store import events
from overnight.store.encoding import to_json
from overnight.store.schema import job
from overnight.store.transaction import Statement, Transaction


class Footing(msgspec.Struct, frozen=True):
    """Where a job stands when it is changed: what the write is fenced by.

    Attributes:
        state: the state it must still be in.
        attempt: the fence.
        n_event: how many events it has.
    """

    job: str
    state: str
    attempt: int
    n_event: int


@cache
def _update(columns: tuple[str, ...]) -> Statement:
    return Statement(
        update(job)
        .where(
            job.c.id == bindparam("job"),
            job.c.attempt == bindparam("fence"),
            job.c.state == bindparam("was"),
        )
        .values({name: bindparam(name) for name in (*columns, "n_event")})
    )


def move(
    tx: Transaction,
    footing: Footing,
    kind: Kind,
    changes: Mapping[str, Any],
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Change columns of a job's life and record it.

    Raises:
        Fenced: the job does not stand there any more; nothing was written.
    """
    params = {name: _column(value) for name, value in changes.items()}
    n = footing.n_event + 1
    params |= {"job": footing.job, "fence": footing.attempt, "was": str(footing.state), "n_event": n}
    if not tx.run(_update(tuple(changes)), params):
        raise fenced(footing.job, footing.attempt)
    events.record(
        tx,
        Event(
            job=footing.job,
            n=n,
            attempt=footing.attempt,
            at=tx.now,
            kind=kind,
            changes=dict(changes),
            detail=dict(detail) if detail else {},
        ),
    )


def fenced(job_id: str, attempt: int) -> Fenced:
    """Return the error for a write that came too late."""
    return Fenced(f"attempt {attempt} of job {job_id} is over: another one speaks for the job, or it ended")


def _column(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return str(value)
    return to_json(value) if isinstance(value, ErrorInfo) else value
