"""The saved state of a job: one snapshot, overwritten, which the next attempt begins with."""

from __future__ import annotations

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.sqlite import insert

from overnight.errors import Fenced
from overnight.store.moving import fenced
from overnight.store.schema import is_running, job, saved_state
from overnight.store.transaction import Statement, Transaction
from overnight.store.writer import urgent

_HOLDS = Statement(
    select(job.c.id)
    .where(job.c.id == bindparam("job"), job.c.attempt == bindparam("fence"), is_running)
    .with_for_update()
)
_COLUMNS = ("job", "attempt", "n", "at", "data")
_new = insert(saved_state).values({name: bindparam(name) for name in _COLUMNS})
_WRITE = Statement(
    _new.on_conflict_do_update(
        index_elements=["job"],
        set_={name: _new.excluded[name] for name in _COLUMNS[1:]},
        where=saved_state.c.n < _new.excluded.n,
    )
)
_READ = Statement(select(saved_state.c.n, saved_state.c.data).where(saved_state.c.job == bindparam("job")))


@urgent
def write(tx: Transaction, job_id: str, attempt: int, n: int, data: bytes) -> None:
    """Keep a job's saved state, number `n` of the job.

    Raises:
        Fenced: the attempt does not speak for the job any more, or a later save has been written.
    """
    if tx.one(_HOLDS, {"job": job_id, "fence": attempt}) is None:
        raise fenced(job_id, attempt)
    if not tx.run(_WRITE, {"job": job_id, "attempt": attempt, "n": n, "at": tx.now, "data": data}):
        raise Fenced(f"save {n} of job {job_id} comes after a later one")


def read(tx: Transaction, job_id: str) -> tuple[int, bytes] | None:
    """Return the number and the bytes of what a job has saved, or None."""
    row = tx.one(_READ, {"job": job_id})
    return None if row is None else (row[0], bytes(row[1]))
