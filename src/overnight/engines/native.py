"""The native engine: a worker that claims jobs from the store as fast as it has free slots.

One main thread supervises everything and does no work of its own: attempts are coroutines that wait for
their child. The store's writer thread does the commits, and takes what comes together in one.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from overnight.engines.lease import Lease
from overnight.engines.running import Running, Slots
from overnight.engines.served import ServedSources
from overnight.errors import StoreCorrupt, StoreError
from overnight.runner.guarding import Guarding
from overnight.runner.processes import adopt_orphans
from overnight.sources import Source
from overnight.store import Store, jobs, reading, workers
from overnight.store.lanes import Ask
from overnight.store.transaction import Transaction
from overnight.upkeep import Upkeep

log = logging.getLogger("overnight.worker")

T = TypeVar("T")

#: What tells a worker to leave; the last for a terminal that was closed.
_LEAVING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

#: Without a bell, the store is asked so often whether there is work.
_POLL_EVERY = 1.0

#: Files of jobs are looked for on every bell, but no more often than this, in seconds.
_SHORTEST_POLL = 0.02


class WorkerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker works.

    Attributes:
        slots: how many attempts it runs at once.
        queues: which queues it serves; None for all.
        memory_budget: bytes that the limits of its jobs may add up to.
        lease: seconds after which others may take its jobs, unless it is renewed.
        handover: what still runs so many seconds after it was asked to stop for another worker is killed.
        idle: leave after so many seconds without work; None to stay.
        all_files: serve every source that a queued job comes from.
    """

    slots: int
    memory_budget: int
    queues: frozenset[str] | None = None
    lease: float = 30.0
    handover: float = 25.0
    idle: float | None = None
    all_files: bool = False


class Worker:
    """Serves sources from a store until it is told to leave."""

    def __init__(self, store: Store, sources: Sequence[Source], options: WorkerOptions) -> None:
        self.id = uuid.uuid4().hex
        self.options = options
        self._store = store
        self._given = sources
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._rung = asyncio.Event()
        self._left = asyncio.Event()
        self._is_leaving = False
        self._is_told_to_leave = False
        self._has_stopped_claiming = asyncio.Event()
        self._defect: BaseException | None = None
        self._duties: set[asyncio.Task[None]] = set()
        self._lock = workers.take_lock(store.home, self.id)
        self._served = ServedSources(worker=self.id, lock=self._lock, on_change=self._tell_sources)
        self._guarding = Guarding(worker=self.id, lock=self._lock)
        self._lease = Lease(
            store, self.id, options.lease, self._guarding.page, on_cancel=self._cancel, on_loss=self._give_up
        )
        self._slots = Slots(options.slots, options.memory_budget)
        self._running = Running(
            store,
            self.id,
            self._slots,
            served=self._served,
            guarding=self._guarding,
            lease=self._lease,
            on_room=self._make_room,
        )
        self._bell = store.bells.listen_work(self.id)
        self._busy_at = store.clock.steady()

    # -- the whole life ------------------------------------------------------------------------------

    async def serve(self) -> bool:
        """Work until told to leave; False if the worker was given up by others and must begin anew."""
        adopt_orphans()
        for number in _LEAVING_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # under nohup a closed terminal means nothing
                self._loop.add_signal_handler(number, self.leave)
        self._loop.add_reader(self._bell.fileno(), self._hear_bell)
        try:
            await self._lease.register(
                slots=self.options.slots,
                queues=self.options.queues,
                memory_budget=self.options.memory_budget,
                all_files=self.options.all_files,
            )
            upkeep = Upkeep(self._store, self.id)
            for duty in (
                self._lease.keep(), self._claim(), self._running.watch(), upkeep.keep(), self._load(),
            ):  # fmt: skip
                self._start(duty)
            await self._left.wait()
            if self._defect is not None:
                raise self._defect
            if self._lease.is_lost and not self._is_told_to_leave:
                return False
            self._hear_nothing_more()
            return True
        finally:
            await self._close()

    async def _load(self) -> None:
        """Load the sources that were given; then those that jobs come from, and those that change."""
        for source in self._given:
            self._start(self._served.add(source))
        while True:
            self._rung.clear()
            self._served.look_for_changes()
            if self.options.all_files:
                keys: list[str] = self._read(reading.queued_files, default=[])
                for key in keys:
                    if key not in self._served.sources:
                        self._start(self._served.add(Source.parse(key)))
            await asyncio.sleep(_SHORTEST_POLL)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), _POLL_EVERY)

    def leave(self) -> None:
        """Hand over what runs and leave; called again, leave at once."""
        is_again, self._is_told_to_leave = self._is_told_to_leave, True
        if is_again:
            self._start(self._running.kill())
        elif not self._is_leaving:
            self._is_leaving = True
            self._start(self._hand_over())

    async def _hand_over(self) -> None:
        await self._stop_claiming()
        await self._lease.say_leaving()
        await self._running.hand_over(self.options.handover)
        await self._lease.end()
        self._left.set()

    def _give_up(self) -> None:
        """Others have our jobs: end what is left of them here."""
        self._is_leaving = True
        self._start(self._end())

    def _hear_nothing_more(self) -> None:
        """Let no signal end what has ended anyhow: its exit code would say that something was cut off."""
        for number in _LEAVING_SIGNALS:
            self._loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    async def _stop_claiming(self) -> None:
        """Return when no claim is on its way any more: what it brings must be handed over, too."""
        self._wake.set()
        await self._has_stopped_claiming.wait()

    async def _end(self) -> None:
        await self._stop_claiming()
        await self._running.kill()
        self._left.set()

    async def _close(self) -> None:
        self._is_leaving = True
        await self._running.abandon()
        while self._duties:
            for duty in self._duties:
                duty.cancel()
            # Until all have gone: Python 3.11's `wait_for` swallows a cancel that comes with its answer.
            await asyncio.wait(self._duties, timeout=0.1)
        self._loop.remove_reader(self._bell.fileno())
        self._bell.close()
        self._served.close()
        await self._guarding.close()
        workers.release_lock(self._store.home, self.id, self._lock)

    def _start(self, duty: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(duty)
        self._duties.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, duty: asyncio.Task[None]) -> None:
        """Let go of a duty; a defect of ours ends the worker, and its jobs are taken back by another."""
        self._duties.discard(duty)
        if not duty.cancelled() and duty.exception() is not None:
            self._defect = duty.exception()
            self._left.set()

    # -- claims --------------------------------------------------------------------------------------

    def _hear_bell(self) -> None:
        self._bell.drain()
        self._lease.look_for_orders()
        self._wake.set()
        self._rung.set()

    def _make_room(self) -> None:
        self._busy_at = self._store.clock.steady()
        self._wake.set()

    def _cancel(self, jobs: Sequence[str]) -> None:
        self._running.cancel(jobs)

    def _tell_sources(self) -> None:
        self._lease.tell_sources(self._served.describe())
        self._wake.set()

    async def _claim(self) -> None:
        """Claim while there is room: on a bell, when a slot frees, when a job is due, and each second."""
        try:
            while not self._is_leaving:
                self._wake.clear()
                while self._has_room() and await self._claim_some():
                    pass
                try:
                    await asyncio.wait_for(self._wake.wait(), self._patience())
                except TimeoutError:
                    if self._is_idle_for_long() and await self._leave_if_idle():
                        return
        finally:
            self._has_stopped_claiming.set()

    def _has_room(self) -> bool:
        may_start = self._lease.holds() and self._guarding.stands.is_set()
        return self._slots.free > 0 and may_start and not self._is_leaving

    async def _claim_some(self) -> bool:
        """Claim for the free slots; say whether there may be more."""
        self._served.look_for_changes()
        tasks = self._served.tasks()
        if not tasks:
            return False
        ask = Ask(
            worker=self.id,
            served=tasks,
            queues=self.options.queues,
            slots=self._slots.free,
            all_slots=self._slots.count,
            memory=self._slots.memory,
            all_memory=self.options.memory_budget,
        )
        try:
            claims = await asyncio.wrap_future(self._store.send(jobs.claim, ask))
        except StoreCorrupt:
            raise
        except StoreError as error:
            log.warning("claims stop for a moment: %s", error.message)
            await asyncio.sleep(_POLL_EVERY)
            return False
        for claim in claims:
            self._start(self._running.take(claim))
        return len(claims) == ask.slots

    def _patience(self) -> float:
        """Return how long to wait for a bell, in seconds."""
        if not self._slots.free:
            return _POLL_EVERY  # whatever is due waits for room, and room wakes us
        waits = [_POLL_EVERY]
        due: float | None = self._read(reading.next_due, default=None)
        if due is not None:
            waits.append(due - self._store.clock.now())
        if self.options.idle is not None:
            waits.append(max(self._idle_left(self.options.idle), _POLL_EVERY / 10))
        return max(min(waits), 0.001)

    def _read(self, verb: Callable[[Transaction], T], *, default: T) -> T:
        """Read from the store; a store that cannot be read now is asked again later."""
        try:
            return self._store.read(verb)
        except StoreCorrupt:
            raise
        except StoreError as error:
            log.warning("the store cannot be read: %s", error.message)
            return default

    # -- leaving when idle ---------------------------------------------------------------------------

    def _is_idle_for_long(self) -> bool:
        idle = self.options.idle
        if idle is None or self._running.claims or self._is_leaving:
            return False
        return self._idle_left(idle) <= 0

    def _idle_left(self, idle: float) -> float:
        return self._busy_at + idle - self._store.clock.steady()

    async def _leave_if_idle(self) -> bool:
        """Leave, unless a job that we serve has come in this very moment."""
        if not await self._lease.end_if_idle():
            return False
        self._is_leaving = True
        self._left.set()
        return True
