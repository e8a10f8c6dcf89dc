"""Who works on a job, and what to say when nobody does."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from overnight.jobs import Job
from overnight.store.transaction import Transaction
from overnight.store.workers import IMPORTING, Served, WorkerRow, all_workers, is_lock_free
from overnight.units import format_size


def alive(tx: Transaction) -> list[WorkerRow]:
    """Return the workers that take work: their lease holds, and no free lock says that they are dead."""
    return [
        row
        for row in all_workers(tx)
        if row.is_alive(boot=tx.boot, steady=tx.steady)
        and not row.leaving
        and row.queues != ()
        and not is_lock_free(tx.place.home, row.id)
    ]


def attendants(tx: Transaction, source: str, *, queue: str | None = None) -> list[WorkerRow]:
    """Return the live workers that look after a source, be it broken or still being imported.

    Args:
        tx: the transaction.
        source: the key of the source.
        queue: a queue that they must serve, too.
    """
    return [row for row in alive(tx) if row.looks_after(source) and (queue is None or row.has_queue(queue))]


def why_unserved(job: Job, workers: Sequence[WorkerRow]) -> str | None:
    """Say why no worker serves a job, and what to do about it; None if one does.

    Args:
        job: a job that waits.
        workers: those that are alive.
    """
    knowing = [row for row in workers if row.looks_after(job.source)]
    if not knowing:
        return f"no worker serves it; start one: {_command(job.source)}"
    in_queue = [row for row in knowing if row.has_queue(job.options.queue)]
    if not in_queue:
        return (
            f"no worker serves the queue {job.options.queue!r}; start one: "
            f"{_command(job.source)} --queue {shlex.quote(job.options.queue)}"
        )
    broken = {row.id: _served(row, job.source).broken for row in in_queue}
    working = [row for row in in_queue if broken[row.id] is None]
    if not working:
        if IMPORTING in broken.values():
            return "its worker is importing it"
        return f"its source cannot be used: {_last_line(broken[in_queue[0].id] or '')}"
    having = [row for row in working if job.task in _served(row, job.source).tasks]
    if not having:
        return f"{_file(job.source)} has no task {job.task!r} any more"
    budget = max(row.memory_budget for row in having)
    if job.options.memory is not None and job.options.memory > budget:
        return (
            f"it may use {format_size(job.options.memory)} of memory, and no worker that serves it "
            f"has more than {format_size(budget)} to give"
        )
    return None


def _served(row: WorkerRow, source: str) -> Served:
    """Return what a worker says of a source; one that serves all files imports it when it hears of it."""
    return row.sources.get(source) or Served(broken=IMPORTING)


def _command(source: str) -> str:
    return f"overnight worker {shlex.quote(_file(source))}"


def _file(source: str) -> str:
    """Return what a person writes for a source: its file, or the name of its module."""
    return source.rpartition("::")[2]


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "nothing is known about it"
