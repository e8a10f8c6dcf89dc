"""Seeing to it that a job which somebody waits for has a worker."""

from __future__ import annotations

from overnight.app import App
from overnight.clock import boot_id
from overnight.engines.workers import ensure_worker
from overnight.jobs import Job
from overnight.store.workers import WorkerRow, is_lock_free

#: Workers are looked at so often, in seconds; one that is missed at two looks is replaced.
_LOOK_EVERY = 1.0


class Attendant:
    """Starts a worker for a job that has lost its own.

    Args:
        app: where the job is.
        replaces_only: only where a worker was killed, not where there has never been one: who submitted the
            job may want to start a worker by hand.
    """

    def __init__(self, app: App, *, replaces_only: bool = False) -> None:
        self._app = app
        self._replaces_only = replaces_only
        self._next_look = self._steady() + _LOOK_EVERY
        self._missed = False

    def __call__(self, job: Job) -> None:
        """Look after a job that has not ended.

        Raises:
            OvernightError: a worker was started, and did not come up.
        """
        if self._steady() < self._next_look:
            return
        self._next_look = self._steady() + _LOOK_EVERY
        rows = [
            row
            for row in self._app.workers()
            if job.source in row.sources and row.has_queue(job.options.queue)
        ]
        if any(map(self._is_alive, rows)):
            self._missed = False
        elif not self._missed:
            self._missed = True
        elif rows or not self._replaces_only:
            ensure_worker(self._app.store, self._app.settings, job.source)

    def _is_alive(self, row: WorkerRow) -> bool:
        holds = row.is_alive(boot=boot_id(), steady=self._steady())
        return holds and not row.leaving and not is_lock_free(self._app.settings.home, row.id)

    def _steady(self) -> float:
        return self._app.store.clock.steady()
