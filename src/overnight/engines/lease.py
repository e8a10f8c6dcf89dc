"""A worker's lease: one beat for all that it runs, and what comes back with it.

The beat is sent by the loop that supervises: a supervisor that hangs must lose its lease. Its local deadline
counts from the moment the beat was *sent*, and stands in the page that the guard watches.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from overnight.clock import boot_id
from overnight.errors import StoreCorrupt, StoreError
from overnight.runner.guard import SharedPage
from overnight.store import Store, changing, workers
from overnight.store.workers import Served, WorkerRow

log = logging.getLogger("overnight.worker")

#: Beats in the length of a lease.
_BEATS = 3

#: The worker lets go this much before others may take over: a second, or a tenth of a short lease.
_MARGIN = 1.0

#: A machine that slept longer than this between two beats has its sleep written down.
_SHORTEST_SLEEP = 5.0


class Lease:
    """Keeps a worker's row alive.

    Attributes:
        is_lost: others have taken our jobs back; this worker must begin anew.
    """

    def __init__(
        self,
        store: Store,
        worker: str,
        length: float,
        page: SharedPage,
        *,
        on_cancel: Callable[[Sequence[str]], None],
        on_loss: Callable[[], None],
    ) -> None:
        self.is_lost = False
        self._store = store
        self._worker = worker
        self._length = length
        self._margin = min(_MARGIN, length / 10)
        self._page = page
        self._on_cancel = on_cancel
        self._on_loss = on_loss
        self._sources: Mapping[str, Served] | None = None
        self._is_leaving = False
        self._is_over = False
        self._asleep = store.clock.asleep()
        self._sooner = asyncio.Event()

    def holds(self) -> bool:
        """Whether this worker may still start and write."""
        return time.monotonic() < self._page.deadline

    async def register(
        self, *, slots: int, queues: frozenset[str] | None, memory_budget: int, all_files: bool
    ) -> None:
        """Write the worker's row; from now on it has a lease."""
        sent = time.monotonic()
        clock = self._store.clock
        row = WorkerRow(
            id=self._worker,
            host=socket.gethostname(),
            pid=os.getpid(),
            boot=boot_id(),
            started_at=clock.now(),
            queues=None if queues is None else tuple(sorted(queues)),
            sources={},
            all_files=all_files,
            slots=slots,
            memory_budget=memory_budget,
            lease_until=clock.steady() + self._length,
        )
        await asyncio.wrap_future(self._store.send(workers.register, row))
        self._page.deadline = sent + self._length - self._margin

    async def keep(self) -> None:
        """Beat until cancelled."""
        while not self.is_lost:
            self._sooner.clear()
            await self._beat()
            try:
                await asyncio.wait_for(self._sooner.wait(), self._length / _BEATS)
            except TimeoutError:
                continue

    async def _beat(self) -> None:
        sent = time.monotonic()
        sources, self._sources = self._sources, None
        try:
            orders = await asyncio.wrap_future(
                self._store.send(
                    workers.beat,
                    self._worker,
                    lease_until=self._store.clock.steady() + self._length,
                    sources=sources,
                    leaving=self._is_leaving,
                )
            )
        except StoreCorrupt:
            raise  # no later beat will be better
        except StoreError as error:
            log.warning("this worker's lease cannot be renewed: %s", error.message)
            if self._sources is None:
                self._sources = sources
            await asyncio.sleep(min(1.0, self._length / 10))
            self._sooner.set()
            return
        if not orders.is_known:
            if self._is_over:
                return
            log.error("others have taken this worker's jobs back: it begins anew")
            self.is_lost = True
            self._on_loss()
            return
        self._page.deadline = sent + self._length - self._margin
        self._on_cancel(orders.cancels)
        await self._note_sleep()

    async def _note_sleep(self) -> None:
        asleep = self._store.clock.asleep()
        slept, self._asleep = asleep - self._asleep, asleep
        if slept > _SHORTEST_SLEEP:
            log.info("the machine slept for %.0f s; nothing is lost by that", slept)
            with suppress(StoreError):  # a note for people: a full disk has more urgent things to take
                await asyncio.wrap_future(self._store.send(changing.note_sleep, self._worker, slept))

    def look_for_orders(self) -> None:
        """Read at once whether somebody cancelled a job of ours; if not now, the next beat brings it."""
        with suppress(StoreError):
            self._on_cancel(self._store.read(workers.cancels, self._worker))

    def tell_sources(self, sources: Mapping[str, Served]) -> None:
        """Have the worker's row say what is served now."""
        self._sources = sources
        self._sooner.set()

    async def say_leaving(self) -> None:
        """Have the worker's row say that it takes no more work."""
        self._is_leaving = True
        await self._beat()

    async def end(self) -> None:
        """Take the worker's row away."""
        self._is_over = True
        try:
            await asyncio.wrap_future(self._store.send(workers.leave, self._worker))
        except StoreError as error:
            log.warning("the next worker will clear this one's row away: %s", error.message)

    async def end_if_idle(self) -> bool:
        """Take the worker's row away unless there is work for it; say whether it is gone."""
        self._is_over = True  # a beat may come just behind
        try:
            self._is_over = await asyncio.wrap_future(self._store.send(workers.leave_if_idle, self._worker))
        except StoreError as error:
            self._is_over = False
            log.warning("this worker stays for a while: %s", error.message)
        return self._is_over
