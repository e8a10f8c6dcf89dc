"""The attempts that a worker runs: from a claim to its settling, in the slots that there are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from overnight.engines.lease import Lease
from overnight.engines.served import ServedSources
from overnight.errors import Fenced, StoreCorrupt, StoreError
from overnight.jobs import Claim
from overnight.outcome import Cancelled, Interrupted, Outcome
from overnight.runner import reaping
from overnight.runner.attempt import Attempt
from overnight.runner.forked import Child
from overnight.runner.guarding import Guarding
from overnight.runner.nursery import Zygote
from overnight.runner.sampling import EVERY
from overnight.store import Store, changing, jobs, saves
from overnight.store.changing import ProcessNote, ProgressNote
from overnight.store.logs import Line
from overnight.store.transaction import Transaction
from overnight.store.writer import urgent

log = logging.getLogger("overnight.worker")

#: A settle that the store cannot take is tried again after so long, in seconds, while the lease lasts.
_SETTLE_AGAIN = 1.0

#: A claim whose function was never called: not even a job with one start has lost anything.
_NOT_STARTED = Interrupted("asked", was_started=False)

#: Who waits for attempts to end looks so often, in seconds.
_LOOK_EVERY = 0.02


class Slots:
    """Room for attempts: slots and memory.

    Attributes:
        count: how many slots there are, and `free`, how many of them are free.
    """

    def __init__(self, count: int, memory: int) -> None:
        self.count = count
        self.free = count
        self._memory = memory
        self._taken: dict[str, tuple[int, int]] = {}

    @property
    def memory(self) -> int:
        """Bytes of the memory budget that are free."""
        return self._memory - sum(memory for _, memory in self._taken.values())

    def take(self, claim: Claim) -> None:
        """Give a claim the room that it needs."""
        wanted = min(claim.options.cpus, self.count)
        self.free -= wanted
        self._taken[claim.job] = wanted, claim.options.memory or 0

    def give_back(self, claim: Claim) -> bool:
        """Free what a claim has; say whether it had anything."""
        slots, _ = self._taken.pop(claim.job, (0, 0))
        self.free += slots
        return slots > 0


class Running:
    """Runs claims.

    Attributes:
        slots: the room that there is.
        claims: by job, what is claimed and not settled yet.
        attempts: by job, those of them that a child works on.
    """

    def __init__(
        self,
        store: Store,
        worker: str,
        slots: Slots,
        *,
        served: ServedSources,
        guarding: Guarding,
        lease: Lease,
        on_room: Callable[[], None],
    ) -> None:
        self.slots = slots
        self.claims: dict[str, Claim] = {}
        self.attempts: dict[str, Attempt] = {}
        self._store = store
        self._worker = worker
        self._served = served
        self._guarding = guarding
        self._lease = lease
        self._on_room = on_room
        self._noted: set[str] = set()
        self._cancelled: set[str] = set()
        self._is_closing = False

    def take(self, claim: Claim) -> Coroutine[Any, Any, None]:
        """Give a claim its slots at once; the coroutine runs it to its outcome, and settles it."""
        self.slots.take(claim)
        self.claims[claim.job] = claim
        return self._run(claim)

    async def _run(self, claim: Claim) -> None:
        try:
            attempt, outcome = await self._attempt(claim)
        finally:
            self.attempts.pop(claim.job, None)
            self._noted.discard(claim.job)
            self._make_room(claim)
        try:
            await self._settle(claim, outcome, attempt)
        finally:
            self.claims.pop(claim.job, None)
            self._cancelled.discard(claim.job)

    def _make_room(self, claim: Claim) -> None:
        """Let the next job have the slots: at the last word, though the process is still to be buried."""
        if self.slots.give_back(claim):
            self._on_room()

    async def _attempt(self, claim: Claim) -> tuple[Attempt | None, Outcome]:
        zygote = await self._served.zygote_for(claim.source)
        if zygote is None or self._is_closing:
            return None, _NOT_STARTED
        child = await zygote.take(ahead=self.slots.free)
        if child.ended.is_set():
            zygote.bury(child)
            return None, _NOT_STARTED
        with self._guarding.guard(child.pid):
            if self._may_start(claim):
                return await self._work(claim, zygote, child)
        zygote.dismiss(child)
        # Others may have taken it back by now; then this is refused.
        return None, Cancelled("asked") if claim.job in self._cancelled else _NOT_STARTED

    def _may_start(self, claim: Claim) -> bool:
        return claim.job not in self._cancelled and not self._is_closing and self._lease.holds()

    async def _work(self, claim: Claim, zygote: Zygote, child: Child) -> tuple[Attempt, Outcome]:
        attempt = Attempt(
            claim,
            child,
            directory=str(self._store.home / "jobs" / claim.job),
            write_save=lambda n, data: self._store.send(saves.write, claim.job, claim.attempt, n, data),
            write_lines=lambda lines: self._write_lines(claim, lines),
            on_last_word=lambda: self._make_room(claim),
            now=self._store.clock.now,
        )
        self.attempts[claim.job] = attempt
        kills = self._guarding.page.kills
        mark = f"{self._worker}:{claim.job}:{claim.attempt}"
        await attempt.run(mark, bury_orphans=self._bury_orphans)
        if attempt.is_ready:
            zygote.served, zygote.stillborn = zygote.served + 1, 0
        elif not child.zygote_died:
            zygote.note_stillborn(child)
        zygote.bury(child)
        return attempt, attempt.outcome(guard_killed=self._guarding.page.kills > kills)

    async def _bury_orphans(self) -> None:
        await reaping.bury_orphans(lambda: self._served.pids() | {self._guarding.pid})

    def _write_lines(self, claim: Claim, lines: Sequence[Line]) -> None:
        # A late writer can only add to its own attempt; past the lease even that belongs to nobody.
        if self._lease.holds():
            self._store.logs.append(claim.job, claim.attempt, lines)

    async def _settle(self, claim: Claim, outcome: Outcome, attempt: Attempt | None) -> None:
        if attempt is not None and attempt.has_spoken:
            await asyncio.wrap_future(self._store.logs.flushed())
        while True:
            try:
                await asyncio.wrap_future(self._store.send(_settle, claim, outcome, attempt))
                return
            except Fenced:
                log.warning("job %s: attempt %d came too late to be settled", claim.job, claim.attempt)
                return
            except StoreCorrupt as error:
                log.error("job %s cannot be settled any more: %s", claim.job, error.message)
                return
            except StoreError as error:
                log.warning("job %s cannot be settled yet: %s", claim.job, error.message)
                if self._is_closing and not self._lease.holds():
                    return  # who leaves does not wait for ever: others will take it back
                await asyncio.sleep(_SETTLE_AGAIN)

    # -- while they run ------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Look at what runs until cancelled: memory, and progress for those who watch."""
        while True:
            await asyncio.sleep(EVERY)
            progress, processes = [], []
            for job, attempt in self.attempts.items():
                attempt.sample()
                if attempt.is_fresh:
                    attempt.is_fresh = False
                    progress.append(ProgressNote(job, attempt.claim.attempt, attempt.progress))
                if job not in self._noted:
                    # Not at the start: short jobs would pay a write for what nobody has time to read.
                    self._noted.add(job)
                    processes.append(ProcessNote(job, attempt.claim.attempt, attempt.child.pid))
            if progress or processes:
                self._store.send(changing.note, progress, processes)

    def cancel(self, jobs: Sequence[str]) -> None:
        """Stop those of these jobs that run here."""
        for job in jobs:
            if attempt := self.attempts.get(job):
                attempt.stop("cancel")
            elif job in self.claims:
                self._cancelled.add(job)  # it has no process yet, and is given none

    async def hand_over(self, limit: float) -> None:
        """Ask all to stop at their next saving point; after so many seconds kill the rest."""
        self._is_closing = True
        for attempt in list(self.attempts.values()):
            attempt.stop("handover")
        until = asyncio.get_running_loop().time() + limit
        while self.claims and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(_LOOK_EVERY)
        await self.kill()

    async def abandon(self) -> None:
        """Kill what still runs, without waiting for its settling: others will take it back."""
        self._is_closing = True
        for attempt in list(self.attempts.values()):
            attempt.stop("handover")  # so that nobody takes the kill for a crash
            await attempt.kill()

    async def kill(self) -> None:
        """Kill all that run, start nothing more, and return when all is settled."""
        await self.abandon()
        while self.claims:
            await asyncio.sleep(_LOOK_EVERY)


@urgent
def _settle(tx: Transaction, claim: Claim, outcome: Outcome, attempt: Attempt | None) -> None:
    """Write an attempt's last progress and what becomes of its job, in one transaction."""
    if attempt is None:
        jobs.settle(tx, claim.job, claim.attempt, outcome)
        return
    if attempt.is_fresh:
        changing.note(tx, [ProgressNote(claim.job, claim.attempt, attempt.progress)])
    jobs.settle(
        tx,
        claim.job,
        claim.attempt,
        outcome,
        detail={"pid": attempt.child.pid, "took": round(attempt.took, 3)},
        cpu_seconds=attempt.cpu_seconds,
        peak_memory=attempt.sampler.peak,
    )
