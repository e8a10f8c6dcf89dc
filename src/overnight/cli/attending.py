"""Seeing to it that a job which somebody waits for has a worker."""

from __future__ import annotations

from overnight.app import App
from overnight.engines.workers import ensure_worker, is_attended
from overnight.jobs import Job

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
        if is_attended(self._app.store, job):
            self._missed = False
        elif not self._missed:
            self._missed = True
        elif not self._replaces_only or self._was_attended(job):
            ensure_worker(self._app.store, self._app.settings, job)

    def _was_attended(self, job: Job) -> bool:
        """Whether a row is left of a worker that looked after a job."""
        return any(
            row.looks_after(job.source) and row.has_queue(job.options.queue) for row in self._app.workers()
        )

    def _steady(self) -> float:
        return self._app.store.clock.steady()
