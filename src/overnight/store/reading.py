"""What is asked of a store: jobs, their attempts, their payloads."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select

from overnight.errors import NotFound
from overnight.jobs import Attempt, Job, State
from overnight.progress import Progress
from overnight.store import schema
from overnight.store.encoding import error_from_json, from_json, options_from_json
from overnight.store.lanes import waiting_sources
from overnight.store.schema import is_put_off, job, may_become_void
from overnight.store.serving import alive, why_unserved
from overnight.store.sqlite import Row
from overnight.store.transaction import Statement, Transaction

__all__ = [
    "attempts",
    "counts",
    "find",
    "has_expired",
    "jobs",
    "next_due",
    "payload",
    "queued_files",
    "resolve",
    "unserved",
]

_AS_THEY_ARE = (
    "id", "task", "source", "created_at", "due_at", "reason", "result_digest", "attempt", "failures",
    "crashes", "interruptions", "saved_n", "n_event", "worker", "cancel_requested_at", "cancel_reason",
    "expires_at", "deadline_at", "started_at", "finished_at",
)  # fmt: skip
_READ = ("state", "options", "error", "done", "total", "message", "rate", "basis")
_COLUMNS = tuple(job.c[name] for name in (*_AS_THEY_ARE, *_READ))

_FIND = Statement(select(*_COLUMNS).where(job.c.id == bindparam("job")))
_PAYLOAD = Statement(
    select(schema.payload.c.data).where(
        schema.payload.c.job == bindparam("job"), schema.payload.c.what == bindparam("what")
    )
)
_ATTEMPT = ("job", "n", "worker", "started_at", "ended_at", "outcome", "detail", "cpu_seconds", "peak_memory")
_ATTEMPTS = Statement(
    select(*(schema.attempt.c[name] for name in _ATTEMPT))
    .where(schema.attempt.c.job == bindparam("job"))
    .order_by(schema.attempt.c.n)
)


def find(tx: Transaction, job_id: str, *, with_payload: bool = False) -> Job:
    """Return a job as it stands.

    Args:
        tx: the transaction.
        job_id: its full id.
        with_payload: read its arguments and its result, too, and say why no worker serves it.

    Raises:
        NotFound: there is no such job in this store.
    """
    row = tx.one(_FIND, {"job": job_id})
    if row is None:
        raise NotFound(f"there is no job {job_id} in {tx.place.home}")
    if not with_payload:
        return _job(row)
    result = payload(tx, job_id, "result") if row["state"] == State.SUCCEEDED else None
    found = _job(
        row,
        input=from_json((payload(tx, job_id, "input") or b"null").decode()),
        result=None if result is None else from_json(result.decode()),
    )
    return _with_reasons(tx, [found])[0]


def _with_reasons(tx: Transaction, found: list[Job]) -> list[Job]:
    """Say of jobs that wait why no worker serves them."""
    if not any(it.state is State.QUEUED for it in found):
        return found
    workers = alive(tx)
    return [
        msgspec.structs.replace(it, unserved=why_unserved(it, workers)) if it.state is State.QUEUED else it
        for it in found
    ]


def unserved(tx: Transaction, it: Job) -> str | None:
    """Say why no worker serves a job that waits, and what to do about it; None if one does."""
    return _with_reasons(tx, [it])[0].unserved


def payload(tx: Transaction, job_id: str, what: str) -> bytes | None:
    """Return a job's "input" or "result" as JSON, or None while it has none."""
    row = tx.one(_PAYLOAD, {"job": job_id, "what": what})
    return None if row is None else bytes(row[0])


def _job(row: Row, **values: Any) -> Job:
    return Job(
        **{name: row[name] for name in _AS_THEY_ARE},
        state=State(row["state"]),
        options=options_from_json(row["options"]),
        error=error_from_json(row["error"]),
        progress=Progress(
            done=row["done"],
            total=row["total"],
            message=row["message"],
            rate=row["rate"],
            basis=row["basis"],
        ),
        **values,
    )


def attempts(tx: Transaction, job_id: str) -> list[Attempt]:
    """Return the attempts of a job, the first first."""
    return [
        Attempt(**{**dict(zip(_ATTEMPT, row, strict=True)), "detail": from_json(row["detail"] or "{}")})
        for row in tx.rows(_ATTEMPTS, {"job": job_id})
    ]


# -- which job is meant ------------------------------------------------------------------------------

_BY_TAIL = Statement(
    select(job.c.id)
    .where(job.c.tail >= bindparam("from"), job.c.tail < bindparam("to"))
    .limit(bindparam("limit"))
)
_BY_HEAD = Statement(
    select(job.c.id)
    .where(job.c.id >= bindparam("from"), job.c.id < bindparam("to"))
    .limit(bindparam("limit"))
)

_DIGITS = re.compile(r"[0-9a-f-]+")
_SHORTEST_TAIL, _SHORTEST_HEAD = 4, 6
_TAIL = 8
_NAMED = 5

#: Behind every digit and the hyphen.
_LAST = "~"


def resolve(tx: Transaction, text: str) -> str:
    """Return the full id of the job that is meant.

    Args:
        tx: the transaction.
        text: an id, its last digits (4 or more), a beginning of it (6 or more), or a URL that ends in one.

    Raises:
        NotFound: there is none, or there is more than one; the message names the store, or some of them.
    """
    wanted = text.strip().rstrip("/").rpartition("/")[2].lstrip("…").lower()
    found: set[str] = set()
    if _DIGITS.fullmatch(wanted):
        if len(wanted) >= _SHORTEST_TAIL:
            found |= {id for id in _between(tx, _BY_TAIL, wanted[: -_TAIL - 1 : -1]) if id.endswith(wanted)}
        if len(wanted) >= _SHORTEST_HEAD:
            found |= set(_between(tx, _BY_HEAD, wanted))
    if not found:
        raise NotFound(
            f"there is no job {text!r} in {tx.place.home}",
            hint="`overnight ls` lists the jobs of this store; OVERNIGHT_HOME and --home choose another",
        )
    if len(found) > 1:
        named = ", ".join(sorted(found)[:_NAMED])
        raise NotFound(f"{text!r} may be any of several jobs: {named}", hint="write more digits of the id")
    return found.pop()


def _between(tx: Transaction, statement: Statement, beginning: str) -> list[str]:
    params = {"from": beginning, "to": beginning + _LAST, "limit": 1000}
    return [row[0] for row in tx.rows(statement, params)]


# -- many jobs ---------------------------------------------------------------------------------------


@cache
def _listing(*filters: str) -> Statement:
    chosen = select(*_COLUMNS).order_by(job.c.id.desc()).limit(bindparam("limit"))
    for name in filters:
        is_so = job.c.id < bindparam(name) if name == "before" else job.c[name] == bindparam(name)
        chosen = chosen.where(is_so)
    return Statement(chosen)


def jobs(
    tx: Transaction,
    *,
    state: State | None = None,
    task: str | None = None,
    queue: str | None = None,
    limit: int = 50,
    before: tuple[float, str] | None = None,
) -> list[Job]:
    """Return jobs without their payloads, the newest first: ids grow with time.

    Args:
        tx: the transaction.
        state: only those in this state.
        task: only those of this task.
        queue: only those of this queue.
        limit: at most so many.
        before: (created_at, id) of the last job of the page before.
    """
    given = {"state": state and state.value, "task": task, "queue": queue, "before": before and before[1]}
    params = {name: value for name, value in given.items() if value is not None}
    return _with_reasons(tx, [_job(row) for row in tx.rows(_listing(*params), {**params, "limit": limit})])


_COUNT = Statement(
    select(func.count()).select_from(
        select(job.c.id).where(job.c.state == bindparam("state")).limit(bindparam("most")).subquery()
    )
)

#: Nobody reads more than "10,000 or more", and a count walks through all that it counts.
MOST_COUNTED = 10_000


def counts(tx: Transaction, *, most: int = MOST_COUNTED) -> dict[State, int]:
    """Return how many jobs are in each state, each counted to `most` at most."""
    return {state: tx.rows(_COUNT, {"state": state.value, "most": most})[0][0] for state in State}


# -- for workers -------------------------------------------------------------------------------------

_NEXT_DUE = Statement(
    select(func.min(job.c.due_at))
    .where(is_put_off, job.c.due_at > bindparam("now"))
    .with_hint(job, "INDEXED BY put_off", "sqlite")
)
_HAS_VOID = Statement(
    select(job.c.id)
    .where(may_become_void, job.c.void_at <= bindparam("now"))
    .limit(1)
    .with_hint(job, "INDEXED BY voiding", "sqlite")
)


def next_due(tx: Transaction) -> float | None:
    """Return the wall time at which the next job that was put off is due, or None."""
    due: float | None = tx.rows(_NEXT_DUE, {"now": tx.now})[0][0]
    return due


def has_expired(tx: Transaction) -> bool:
    """Whether a job has waited for too long."""
    return tx.one(_HAS_VOID, {"now": tx.now}) is not None


def queued_files(tx: Transaction) -> list[str]:
    """Return the keys of the sources of all jobs that wait."""
    return waiting_sources(tx)
