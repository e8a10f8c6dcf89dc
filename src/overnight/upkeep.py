"""What keeps a store in order while workers live: taking back the lost, ending the expired.

Every worker does all of it. Each act is fenced, so that two who do the same do it once.
"""

from __future__ import annotations

import asyncio
import logging

from overnight.clock import boot_id
from overnight.errors import Fenced, StoreError
from overnight.jobs import ErrorInfo
from overnight.outcome import Lost
from overnight.runner.reaping import sweep
from overnight.store import Store, changing, checkpoint, jobs, reading, workers
from overnight.store.workers import WorkerRow

log = logging.getLogger("overnight.upkeep")

#: Between two rounds, in seconds. A round that finds nothing costs a few reads and no write.
EVERY = 0.5

#: Others wait this much longer than the lease, for clocks that run a little apart.
SKEW = 2.0


class Upkeep:
    """Keeps a store in order on behalf of one worker."""

    def __init__(self, store: Store, worker: str) -> None:
        self._store = store
        self._worker = worker

    async def keep(self) -> None:
        """Make rounds until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.round)
            except StoreError as error:
                log.warning("upkeep waits for the store: %s", error.message)
            await asyncio.sleep(EVERY)

    def round(self) -> None:
        """Do what is to be done now."""
        rescue(self._store, except_worker=self._worker)
        if self._store.read(reading.has_expired):
            self._store.write(changing.expire)
        checkpoint(self._store)


def rescue(store: Store, *, except_worker: str | None = None) -> int:
    """Take back the jobs of workers that are dead or have lost their lease; return how many.

    A worker whose lock is free has no process left: it is rescued at once. One whose lock is held may be
    frozen: it is rescued when its lease has run out. A lease of another boot of the machine is void.
    """
    rescued = 0
    for row in store.read(workers.all_workers):
        if row.id != except_worker and (why := _why_dead(store, row)):
            rescued += _take_back(store, row, why)
    return rescued


def _why_dead(store: Store, row: WorkerRow) -> str | None:
    """Say why the jobs of a worker may be taken back, when nothing of them is left; None if it lives."""
    if workers.is_lock_free(store.home, row.id):
        _end_programs(row.id)
        return "the worker died"
    if row.boot not in (boot_id(), workers.CONDEMNED):
        return "the machine was restarted"
    if row.boot == workers.CONDEMNED or (
        store.clock.steady() > row.lease_until + SKEW and store.write(workers.condemn, row)
    ):
        # Its guard should have killed its attempts. If that is frozen, too, nobody has.
        _end_programs(f"{row.id}:")
        return "the worker lost its lease"
    return None


def _end_programs(mark: str) -> None:
    if killed := sweep(mark):
        log.warning("ended %d processes that a worker's jobs had left", killed)


def _take_back(store: Store, row: WorkerRow, why: str) -> int:
    rescued = 0
    for job, attempt in store.read(workers.running_of, row.id):
        message = f"{why} (process {row.pid} on {row.host})"
        try:
            store.write(jobs.settle, job, attempt, Lost(ErrorInfo(kind="Lost", message=message)))
        except Fenced:  # its own worker, or another rescuer, was faster: that settles it
            continue
        rescued += 1
    if store.write(workers.leave, row.id):
        workers.remove_lock(store.home, row.id)
    log.warning("%s: took back %d jobs of worker %s", why, rescued, row.id)
    return rescued
