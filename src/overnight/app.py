"""The application: a store, an engine and settings, behind one door.

This module alone owns a global: the default application, made from the settings at its first use.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from overnight.engines.inline import Inline
from overnight.events import Event
from overnight.handle import JobHandle, Watch
from overnight.jobs import Attempt, Call, Job, State
from overnight.settings import Settings, load_settings
from overnight.store import Store, changing, jobs, open_store, reading, workers
from overnight.store import events as store_events
from overnight.store.bells import Bell
from overnight.store.logs import Line, LineKey
from overnight.store.workers import WorkerRow
from overnight.tasks import call_again, offer_keeper

log = logging.getLogger("overnight")

EngineName = Literal["native", "inline"]

#: The bell of a job may be lost with the process that should ring it; then this notices.
_POLL_EVERY = 1.0


class App:
    """Where jobs are submitted and found.

    Args:
        home: the folder of the store; by default the settings say.
        engine: "native" leaves jobs to workers, "inline" runs them at submit, in this process.
        settings: what holds instead of what the environment and files say.
    """

    def __init__(
        self,
        home: str | Path | None = None,
        *,
        engine: EngineName = "native",
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or load_settings(flags={"home": home})
        self._engine_name = engine
        self._opening = Lock()
        self._store: Store | None = None
        self._inline: Inline | None = None
        self._warned: set[str] = set()

    @property
    def store(self) -> Store:
        """The store, opened at its first use."""
        with self._opening:
            if self._store is None:
                self._store = open_store(self.settings.home, crash_limit=self.settings.crash_limit)
            return self._store

    def close(self) -> None:
        """Close the store; the application opens it again when it is used again."""
        with self._opening:
            if self._inline is not None:
                self._inline.close()
            if self._store is not None:
                self._store.close()
            self._store = self._inline = None

    # -- what tasks and handles ask ------------------------------------------------------------------

    def submit(self, calls: Sequence[Call]) -> list[str]:
        """Make jobs of calls, all or none, and return their ids; they are durable when this returns."""
        ids = self.store.write(jobs.add, calls)
        if self._engine_name == "inline":
            for job in ids:
                self._run_inline(job)
        else:
            self._say_if_unserved(calls, ids)
        return ids

    def _run_inline(self, job: str) -> None:
        if self._inline is None:
            self._inline = Inline(self.store)
        self._inline.announce(job)

    def _say_if_unserved(self, calls: Sequence[Call], ids: Sequence[str]) -> None:
        """Say at once, and once for each source, that nobody works on what was submitted."""
        fresh = {
            call.source: job for call, job in zip(calls, ids, strict=True) if call.source not in self._warned
        }
        for source, job in fresh.items():
            self._warned.add(source)
            if why := self.read(job).unserved:
                log.warning("job %s waits: %s", job[-8:], why)

    def read(self, job_id: str) -> Job:
        """Return a job as it stands, with its input and result.

        Raises:
            NotFound: there is no such job.
        """
        return self.store.read(reading.find, job_id, with_payload=True)

    def wait(self, job_id: str, timeout: float | None) -> bool:
        """Wait until a job has ended; False if it has not by then."""
        until = None if timeout is None else time.monotonic() + timeout
        with self.store.bells.listen_job(job_id) as bell:
            while not self.store.read(reading.find, job_id).done:
                left = _POLL_EVERY if until is None else min(until - time.monotonic(), _POLL_EVERY)
                if left <= 0:
                    return False
                bell.wait(left)
        return True

    def listen(self, job_id: str) -> Bell:
        """Return a bell that rings when a job has ended."""
        return self.store.bells.listen_job(job_id)

    def rerun(self, job_id: str, changed: dict[str, Any]) -> str:
        """Submit the call of a job again, with some arguments changed; return the id of the new job."""
        return self.submit([call_again(self.read(job_id), changed)])[0]

    def cancel(self, job_id: str, reason: str | None = None) -> Job:
        """Cancel a job: it never starts, or is asked to stop and then made to.

        Raises:
            Conflict: it has ended.
        """
        return self.store.write(changing.cancel, job_id, reason)

    def revive(self, job_id: str) -> Job:
        """Put a failed or cancelled job back in the queue; it goes on from what it saved.

        Raises:
            Conflict: it is not over, or it succeeded.
        """
        job = self.store.write(changing.revive, job_id)
        if self._engine_name == "inline":
            self._run_inline(job_id)
        return job

    def result(self, job_id: str) -> bytes | None:
        """Return a job's result as JSON, or None while it has none."""
        return self.store.read(reading.payload, job_id, "result")

    def log_lines(
        self, job_id: str, *, attempt: int | None = None, after: LineKey | None = None
    ) -> Iterator[Line]:
        """Yield what a job's attempts printed and logged so far, in order.

        Args:
            job_id: its full id.
            attempt: only lines of this attempt.
            after: only lines behind this place, the `key` of a line.
        """
        while page := self.store.logs.lines(job_id, attempt=attempt, after=after):
            yield from page
            after = page[-1].key

    # -- what faces ask ------------------------------------------------------------------------------

    def get(self, job_id: str) -> JobHandle[Any]:
        """Return the handle of a job.

        Args:
            job_id: its id, its last 8 digits, or a beginning of it that is unique.

        Raises:
            NotFound: there is no such job in this store.
        """
        return JobHandle(self, self.store.read(reading.resolve, job_id))

    def jobs(
        self,
        *,
        state: State | None = None,
        task: str | None = None,
        queue: str | None = None,
        limit: int = 50,
        before: tuple[float, str] | None = None,
    ) -> list[Job]:
        """Return jobs, the newest first; what is left out does not matter.

        Args:
            state: as they stand.
            task: by the name of their task.
            queue: by their queue.
            limit: this many at most.
            before: (created_at, id) of the last job of the page before.
        """
        return self.store.read(reading.jobs, state=state, task=task, queue=queue, limit=limit, before=before)

    def attempts(self, job_id: str) -> list[Attempt]:
        """Return the attempts of a job, the first first."""
        return self.store.read(reading.attempts, job_id)

    def events(self, job_id: str) -> list[Event]:
        """Return what has happened to a job, the first first."""
        return self.store.read(store_events.of, job_id)

    def workers(self) -> list[WorkerRow]:
        """Return the workers of this store."""
        return self.store.read(workers.all_workers)

    def watch(self, job_id: str) -> Watch:
        """Return a job as it stands, again and again as it changes, until it has ended."""
        return Watch(self, job_id)


_default: App | None = None
_making = Lock()


def default_app() -> App:
    """Return the application that the settings describe, the same for the whole process."""
    global _default  # noqa: PLW0603 -- the one global of the house, see the head of this file
    with _making:
        if _default is None:
            _default = App()
        return _default


def get(job_id: str) -> JobHandle[Any]:
    """Return the handle of a job of the default application.

    Args:
        job_id: its id, its last 8 digits, or a beginning of it that is unique.

    Raises:
        NotFound: there is no such job in this store.
    """
    return default_app().get(job_id)


offer_keeper(default_app)
