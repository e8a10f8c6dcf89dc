"""The sources that a worker serves: their zygotes, their tasks, and whether their files have changed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from overnight.runner.nursery import Zygote
from overnight.sources import Source
from overnight.store.workers import IMPORTING, Served

log = logging.getLogger("overnight.worker")

#: Every start looks whether files have changed, if that is cheap, in seconds (2 to 5 µs a file); with many
#: hundreds of files looking takes this part of the time at most.
_CHEAP = 0.0005
_LOOK_SHARE = 0.01

#: A zygote that dies before any of its children has done any work is replaced at once; after so many in a row
#: the source is called broken, and tried again after a pause in seconds that doubles.
_DEATHS = 3
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class ServedSource:
    """One source, with the zygote that forks its children now.

    Attributes:
        zygote: the zygote in use, or None while there is none that works.
        broken: why the source is not served at present.
    """

    def __init__(self, source: Source, *, worker: str, lock: int, on_change: Callable[[], None]) -> None:
        self.source = source
        self.zygote: Zygote | None = None
        self.broken: str | None = None
        self._worker = worker
        self._lock = lock
        self._on_change = on_change
        self._files: Sequence[tuple[str, int, int]] = []
        self._deaths = 0
        self._coming: Zygote | None = None
        self._came = asyncio.Event()
        self._next_look = 0.0
        self._retired: set[Zygote] = set()
        self._is_over = False
        self._again: asyncio.TimerHandle | None = None

    @property
    def zygotes(self) -> Iterator[Zygote]:
        """Every zygote of this source that may still have children."""
        yield from self._retired
        if self.zygote is not None:
            yield self.zygote
        if self._coming is not None:
            yield self._coming

    def describe(self) -> Served:
        """Return what the worker's row says of this source."""
        if self.zygote is not None and self.zygote.loaded is not None:
            return Served(tasks=self.zygote.loaded.tasks, fresh=self.zygote.loaded.fresh)
        return Served(tasks={}, broken=self.broken or IMPORTING)

    async def load(self) -> None:
        """Make a zygote for the source as it is now, and use it when it has imported it."""
        await self._bring_up(self._make())

    def _make(self) -> Zygote:
        self._came.clear()
        self._coming = Zygote(self.source, worker=self._worker, lock=self._lock, on_end=self._mourn)
        return self._coming

    async def _bring_up(self, zygote: Zygote) -> None:
        await zygote.ready.wait()
        if self._coming is zygote:
            self._coming = None
        self._came.set()
        if self._is_over:
            zygote.close()
            return
        self._retire()
        self._files = zygote.files
        if zygote.broken is None and zygote.death is not None:
            self._replace(zygote)
            return
        if zygote.broken is not None:
            self.broken = zygote.broken
            log.warning(
                "%s is not served until it is repaired:\n%s", self.source.words, zygote.broken.strip()
            )
        else:
            self.zygote, self.broken = zygote, None
            log.info("serves %s as it is now", self.source.words)
        self._on_change()

    def look_for_changes(self) -> None:
        """Make a new zygote if a file of the source is not what it was when it was last imported."""
        if self._coming is not None or time.monotonic() < self._next_look:
            return
        began = time.thread_time()  # not steady time: on a busy machine that measures the neighbours
        has_changed = any(_stamp(path) != (time_ns, size) for path, time_ns, size in self._files)
        cost = time.thread_time() - began
        if cost > _CHEAP:
            self._next_look = time.monotonic() + cost / _LOOK_SHARE
        if has_changed:
            self._deaths = 0
            self._load_again()

    @property
    def is_ready(self) -> bool:
        """Whether attempts may be started: nothing is started from the old zygote while a new one imports."""
        return self.zygote is not None and self.zygote.is_alive and self._coming is None

    async def current(self) -> Zygote | None:
        """Return the zygote for an attempt that starts now, or None; waits while one is importing."""
        self.look_for_changes()
        while self._coming is not None and not self._is_over:
            await self._came.wait()
        return self.zygote

    def _retire(self) -> None:
        if self.zygote is not None:
            self._retired.add(self.zygote)
            self.zygote.retire()
            self.zygote = None

    def _mourn(self, zygote: Zygote) -> None:
        """Answer the end of a zygote: with another one, unless they all die young."""
        self._retired.discard(zygote)
        if zygote is not self.zygote or self._is_over:
            return
        self.zygote = None
        self._replace(zygote)

    def _replace(self, dead: Zygote) -> None:
        self._deaths = 1 if dead.served else self._deaths + 1
        if not dead.served:
            self.broken = (
                f"the process that imports it died before it did any work ({dead.death}), "
                f"{self._deaths} in a row; it is tried again now and then"
            )
            log.warning("%s: %s", self.source.words, self.broken)
            self._on_change()
        if self._deaths < _DEATHS:
            self._load_again()
            return
        pause = min(_SHORTEST_PAUSE * 2.0 ** (self._deaths - _DEATHS), _LONGEST_PAUSE)
        self._again = asyncio.get_running_loop().call_later(pause, self._load_again)

    def _load_again(self) -> None:
        if self._again is not None:
            self._again.cancel()
        if not self._is_over:
            self._loading = asyncio.ensure_future(self._bring_up(self._make()))

    def close(self) -> None:
        """Send the zygotes home."""
        self._is_over = True
        if self._again is not None:
            self._again.cancel()
        for zygote in list(self.zygotes):
            zygote.close()


class ServedSources:
    """All sources of a worker.

    Attributes:
        sources: by key.
    """

    def __init__(self, *, worker: str, lock: int, on_change: Callable[[], None]) -> None:
        self.sources: dict[str, ServedSource] = {}
        self._worker = worker
        self._lock = lock
        self._on_change = on_change

    async def add(self, source: Source) -> None:
        """Serve one more source; returns when it is imported, or found broken."""
        if source.key in self.sources:
            return
        served = ServedSource(source, worker=self._worker, lock=self._lock, on_change=self._on_change)
        self.sources[source.key] = served
        self._on_change()
        await served.load()

    async def zygote_for(self, key: str) -> Zygote | None:
        """Return the zygote for an attempt that starts now, if there is one that works.

        A file may have changed while the claim was on its way: then the new zygote is waited for.
        """
        served = self.sources.get(key)
        return await served.current() if served is not None else None

    def look_for_changes(self) -> None:
        """Import again what has changed on disk."""
        for served in self.sources.values():
            served.look_for_changes()

    def tasks(self) -> frozenset[tuple[str, str]]:
        """Return (task, source) for everything that can be started now."""
        return frozenset(
            (task, key)
            for key, served in self.sources.items()
            if served.is_ready
            for task in served.describe().tasks
        )

    def describe(self) -> dict[str, Served]:
        """Return what the worker's row says of its sources."""
        return {key: served.describe() for key, served in self.sources.items()}

    def pids(self) -> set[int]:
        """Return the processes of all zygotes."""
        return {zygote.pid for served in self.sources.values() for zygote in served.zygotes}

    def close(self) -> None:
        """Send all zygotes home."""
        for served in self.sources.values():
            served.close()


def _stamp(path: str) -> tuple[int, int]:
    try:
        found = Path(path).stat()
    except OSError:  # deleted, or being replaced; the same as `sources` has it
        return 0, -1
    return found.st_mtime_ns, found.st_size
