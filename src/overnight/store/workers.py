"""Workers: their rows and beats, what they serve, and the locks that tell whether they live."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, exists, insert, select, update

from overnight.store.encoding import from_json, to_json
from overnight.store.lanes import Lane, waiting
from overnight.store.schema import is_running, job, worker
from overnight.store.sqlite import Row
from overnight.store.transaction import Statement, Transaction
from overnight.store.writer import urgent

#: What a worker says of a source that it will serve in a moment.
IMPORTING = "it is being imported"

#: Stands for the boot of a worker whose lease was voided: no steady time means anything in it.
CONDEMNED = "none"


class Served(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a worker says of one of its sources.

    Attributes:
        tasks: what can be started from it: for each name its schema, words and options.
        broken: why nothing can be: the traceback of its import, or that it has not ended yet.
        fresh: why its attempts are fresh interpreters and not forks.
    """

    tasks: dict[str, dict[str, Any]] = {}
    broken: str | None = None
    fresh: str | None = None


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True):
    """A worker, as its row describes it. Memory in bytes.

    Attributes:
        id: new at every start.
        queues: which queues it serves; None for all.
        sources: what it serves, by the key of the source.
        all_files: it serves every source that a job waits for, as soon as it has heard of it.
        boot: the boot that `beat_at` and `lease_until` belong to; these are steady times in seconds.
        leaving: it takes no more work.
    """

    id: str
    host: str
    pid: int
    boot: str
    started_at: float
    queues: tuple[str, ...] | None
    sources: dict[str, Served]
    slots: int
    memory_budget: int
    lease_until: float
    beat_at: float = 0.0
    leaving: bool = False
    all_files: bool = False

    def is_alive(self, *, boot: str, steady: float) -> bool:
        """Whether its lease holds."""
        return self.boot == boot and self.lease_until > steady

    def has_queue(self, queue: str) -> bool:
        """Whether it serves this queue."""
        return self.queues is None or queue in self.queues

    def looks_after(self, source: str) -> bool:
        """Whether it serves this source, or would if it could."""
        return self.all_files or source in self.sources


class Orders(msgspec.Struct, frozen=True):
    """What a beat brings back.

    Attributes:
        cancels: the worker's jobs that somebody wants to cancel.
        is_known: the worker still has its row; if not, others have taken its jobs back.
    """

    cancels: list[str]
    is_known: bool = True


# -- rows --------------------------------------------------------------------------------------------

_COLUMNS = tuple(column.name for column in worker.c)

_REGISTER = Statement(insert(worker).values({name: bindparam(name) for name in _COLUMNS}))
_BEAT: dict[str, Any] = {
    "beat_at": bindparam("now"),
    "lease_until": bindparam("until"),
    "leaving": bindparam("leaves"),
}
_is_it = worker.c.id == bindparam("worker")
_is_of_boot = worker.c.boot == bindparam("of_boot")
_BEAT_ONLY = Statement(update(worker).where(_is_it, _is_of_boot).values(_BEAT))
_BEAT_AND_TELL = Statement(
    update(worker).where(_is_it, _is_of_boot).values({**_BEAT, "sources": bindparam("told")})
)
_CONDEMN = Statement(
    update(worker)
    .where(_is_it, _is_of_boot, worker.c.lease_until == bindparam("until"))
    .values(boot=bindparam("never"))
)
_runs_nothing = ~exists().where(is_running, job.c.worker == bindparam("worker"))
_LEAVE = Statement(delete(worker).where(_is_it, _runs_nothing))
_HAS_LEASE = Statement(
    select(worker.c.id).where(
        _is_it, worker.c.boot == bindparam("boot"), worker.c.lease_until > bindparam("now")
    )
)
_ALL = Statement(select(worker).order_by(worker.c.started_at, worker.c.id))
_ONE = Statement(select(worker).where(_is_it))
_CANCELS = Statement(
    select(job.c.id).where(
        is_running, job.c.worker == bindparam("worker"), job.c.cancel_requested_at.is_not(None)
    )
)
_RUNNING_OF = Statement(
    select(job.c.id, job.c.attempt).where(is_running, job.c.worker == bindparam("worker"))
)


@urgent
def register(tx: Transaction, row: WorkerRow) -> None:
    """Write a new worker's row; from now on it has a lease."""
    tx.run(
        _REGISTER,
        {
            "id": row.id,
            "host": row.host,
            "pid": row.pid,
            "boot": row.boot,
            "started_at": row.started_at,
            "queues": None if row.queues is None else to_json(row.queues),
            "sources": _sources_to_json(row.sources),
            "all_files": int(row.all_files),
            "slots": row.slots,
            "memory_budget": row.memory_budget,
            "beat_at": tx.steady,
            "lease_until": row.lease_until,
            "leaving": int(row.leaving),
        },
    )


@urgent
def beat(
    tx: Transaction,
    worker_id: str,
    *,
    lease_until: float,
    sources: Mapping[str, Served] | None = None,
    leaving: bool = False,
) -> Orders:
    """Extend a worker's lease, for all that it runs, and bring back what is asked of it.

    Args:
        tx: the transaction.
        worker_id: the worker.
        lease_until: steady time in seconds.
        sources: what it serves, if that has changed.
        leaving: it takes no more work.
    """
    params = {
        "worker": worker_id,
        "of_boot": tx.boot,
        "now": tx.steady,
        "until": lease_until,
        "leaves": int(leaving),
    }
    if sources is None:
        known = tx.run(_BEAT_ONLY, params)
    else:
        known = tx.run(_BEAT_AND_TELL, {**params, "told": _sources_to_json(sources)})
    return Orders(cancels(tx, worker_id), is_known=known > 0)


def cancels(tx: Transaction, worker_id: str) -> list[str]:
    """Return the jobs of a worker that somebody wants to cancel."""
    return [row[0] for row in tx.rows(_CANCELS, {"worker": worker_id})]


def running_of(tx: Transaction, worker_id: str) -> list[tuple[str, int]]:
    """Return (job, attempt) for all that a worker runs."""
    return [(row[0], row[1]) for row in tx.rows(_RUNNING_OF, {"worker": worker_id})]


@urgent
def leave(tx: Transaction, worker_id: str) -> bool:
    """Take a worker's row away, if nothing runs on it; say whether it is gone by that.

    By its row it is found when it has to be rescued.
    """
    return tx.run(_LEAVE, {"worker": worker_id}) > 0


@urgent
def condemn(tx: Transaction, row: WorkerRow) -> bool:
    """Void the lease of a worker that has not renewed it; False if it has, meanwhile.

    From now on it cannot claim, and learns from its next beat that it is not known any more: what it runs
    may be ended and taken back without its waking up in between.
    """
    seen = {"worker": row.id, "of_boot": tx.boot, "until": row.lease_until, "never": CONDEMNED}
    return tx.run(_CONDEMN, seen) > 0


def has_lease(tx: Transaction, worker_id: str) -> bool:
    """Whether a worker may take jobs: those of one that has lost its lease are taken back at this moment."""
    return tx.one(_HAS_LEASE, {"worker": worker_id, "boot": tx.boot, "now": tx.steady}) is not None


def all_workers(tx: Transaction) -> list[WorkerRow]:
    """Return the workers of this store, dead ones that nobody has cleared away included."""
    return [_row(row) for row in tx.rows(_ALL)]


_sources_decoder = msgspec.json.Decoder(dict[str, Served])


def _sources_to_json(sources: Mapping[str, Served]) -> str:
    return to_json(dict(sources))


def _row(row: Row) -> WorkerRow:
    values = dict(zip(_COLUMNS, row, strict=True))
    queues = values["queues"]
    return WorkerRow(
        **{
            **values,
            "queues": None if queues is None else tuple(from_json(queues)),
            "sources": _sources_decoder.decode(values["sources"]),
            "leaving": bool(values["leaving"]),
            "all_files": bool(values["all_files"]),
        }
    )


# -- leaving when idle -------------------------------------------------------------------------------

_RUNNING = Statement(select(job.c.source, job.c.queue).where(is_running))


@urgent
def leave_if_idle(tx: Transaction, worker_id: str) -> bool:
    """Take a worker's row away, unless a job that it serves waits or runs; say whether it has left.

    No submit can slip between: who submits after this transaction finds no worker and starts another.
    """
    row = tx.one(_ONE, {"worker": worker_id})
    if row is None:
        return True
    it = _row(row)
    if any(_waits_for(it, lane) for lane in waiting(tx, None if it.all_files else it.sources)):
        return False
    if any(it.looks_after(source) and it.has_queue(queue) for source, queue in tx.rows(_RUNNING)):
        return False
    leave(tx, worker_id)
    return True


def _waits_for(it: WorkerRow, lane: Lane) -> bool:
    served = it.sources.get(lane.source)
    # What is broken now may be repaired by the next edit; a task that is not there is not waited for.
    can_be = served is None or served.broken is not None or lane.task in served.tasks
    return can_be and it.has_queue(lane.queue)


# -- locks -------------------------------------------------------------------------------------------


def take_lock(home: Path, worker_id: str) -> int:
    """Lock a worker's file and return its descriptor: the lock is held while any process has it open."""
    path = _lock_path(home, worker_id)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def release_lock(home: Path, worker_id: str, descriptor: int) -> None:
    """Give a worker's lock back, and take its file away."""
    remove_lock(home, worker_id)
    os.close(descriptor)


def is_lock_free(home: Path, worker_id: str) -> bool:
    """Whether no process of a worker is left: the kernel lets go of a lock with the last of them.

    A file that somebody has taken away proves nothing; then the lease tells.
    """
    try:
        descriptor = os.open(_lock_path(home, worker_id), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who look at the same moment do not take each other for the worker.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def remove_lock(home: Path, worker_id: str) -> None:
    """Take the file of a dead worker's lock away."""
    _lock_path(home, worker_id).unlink(missing_ok=True)


def _lock_path(home: Path, worker_id: str) -> Path:
    return home / "workers" / f"{worker_id}.lock"
