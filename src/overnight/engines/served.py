"""The sources that a worker serves: their zygotes, their tasks, and whether their files have changed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from overnight.runner.nursery import Zygote
from overnight.sources import Source
from overnight.store.workers import IMPORTING, Served

log = logging.getLogger("overnight.worker")

#: Files are looked at for changes no more often than this, in seconds.
_LOOK_EVERY = 0.5

#: A zygote that dies before any of its children has done any work, so many times in a row, is broken;
#: it is tried again after a pause, in seconds.
_DEATHS = 3
_PAUSE = 10.0


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
        self._deaths: deque[float] = deque(maxlen=_DEATHS)
        self._coming: Zygote | None = None
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
        self._coming = Zygote(self.source, worker=self._worker, lock=self._lock, on_end=self._mourn)
        return self._coming

    async def _bring_up(self, zygote: Zygote) -> None:
        await zygote.ready.wait()
        if self._coming is zygote:
            self._coming = None
        if self._is_over:
            zygote.close()
            return
        self._retire()
        self._files = zygote.files
        if zygote.broken is not None:
            self.broken = zygote.broken
            log.warning(
                "%s is not served until it is repaired:\n%s", self.source.words, zygote.broken.strip()
            )
        else:
            self.zygote, self.broken = zygote, None
            log.info("serves %s as it is now", self.source.words)
        self._on_change()

    def has_changed(self) -> bool:
        """Whether a file of the source is not what it was when it was imported."""
        return any(_stamp(path) != (time_ns, size) for path, time_ns, size in self._files)

    @property
    def is_ready(self) -> bool:
        """Whether attempts may be started: a changed file is imported before the next one."""
        return self.zygote is not None and self._coming is None

    def reload_if_changed(self) -> None:
        """Make a new zygote if the files have changed; nothing is started from the old one meanwhile."""
        if self._coming is None and self.has_changed():
            self._load_again()

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
        now = time.monotonic()
        if zygote.served:
            self._deaths.clear()
        self._deaths.append(now)
        loop = asyncio.get_running_loop()
        if len(self._deaths) == _DEATHS:
            self.broken = f"its zygote died {_DEATHS} times in a row before it had done any work"
            self._deaths.clear()
            self._again = loop.call_later(_PAUSE, self._load_again)
            self._on_change()
        else:
            self._load_again()

    def _load_again(self) -> None:
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
        self._looked = 0.0

    async def add(self, source: Source) -> None:
        """Serve one more source; returns when it is imported, or found broken."""
        if source.key in self.sources:
            return
        served = ServedSource(source, worker=self._worker, lock=self._lock, on_change=self._on_change)
        self.sources[source.key] = served
        await served.load()

    def zygote_of(self, key: str) -> Zygote | None:
        """Return the zygote for attempts of a source, if there is one now."""
        served = self.sources.get(key)
        return served.zygote if served is not None else None

    def look_for_changes(self) -> None:
        """Reload what has changed on disk, if it was not looked at just now."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        for served in self.sources.values():
            served.reload_if_changed()

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


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:  # deleted, or being replaced: changed, in any case
        return None
    return found.st_mtime_ns, found.st_size
