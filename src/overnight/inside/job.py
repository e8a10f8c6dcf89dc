"""The `job` that a function sees: facts, progress, a log, and what is kept across attempts.

It works outside of a job too: progress is a bar in the terminal, values are what they are, and nothing is
kept. So a task is tested, and used in a notebook, as the plain function that it is.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TypeVar

from overnight.inside import outside
from overnight.inside.context import here, here_or_parents
from overnight.inside.logging import job_log
from overnight.inside.restoring import check
from overnight.inside.stopping import HANDOVER

T = TypeVar("T")


class CurrentJob:
    """The job whose function is running here."""

    @property
    def id(self) -> str | None:
        """The job's id; None outside of a job."""
        inside = here_or_parents()
        return inside.job if inside else None

    @property
    def attempt(self) -> int | None:
        """The number of this attempt, from 1; None outside of a job."""
        inside = here_or_parents()
        return inside.attempt if inside else None

    @property
    def owner(self) -> str | None:
        """For whom the job runs; None where nobody was named."""
        inside = here_or_parents()
        return inside.owner if inside else None

    @property
    def directory(self) -> Path:
        """A folder for the job's files; it stays across attempts.

        Outside of a job it is a temporary folder, the same as long as this process lives.
        """
        inside = here_or_parents()
        if inside is None:
            return outside.directory()
        inside.directory.mkdir(parents=True, exist_ok=True)
        return inside.directory

    @property
    def idempotency_key(self) -> str | None:
        """A text that is the same at every attempt, for outside calls that must not happen twice."""
        return self.id

    @property
    def log(self) -> logging.Logger:
        """A logger; what it is told stands in the job's log, from INFO upward."""
        return job_log()

    @property
    def cancelled(self) -> bool:
        """Whether this attempt should end: it was cancelled, or its time or memory is over.

        Who has asked and was told so is expected to return or raise by himself, within the task's `grace`:
        no exception ends him before most of it has passed.
        """
        inside = here()
        if inside is None:
            return False
        inside.link.watch_for_stop()  # who only asks this has sent nothing yet, so nothing listens
        stop = inside.link.stop
        if stop.asked is None or stop.asked == HANDOVER:
            return False
        if stop.is_functions_thread:
            stop.take("asked")
        return True

    def progress(
        self, done: float | None = None, total: float | None = None, message: str | None = None
    ) -> None:
        """Say how far the work is; what is left out is taken from the outermost loop of `track`.

        Args:
            done: units that are done.
            total: units in all.
            message: what is being done.

        Raises:
            ValueError: a number is negative, or none.
        """
        inside = here()
        if inside is not None:
            inside.shown.say(done, total, message)
            inside.link.stop.check()
        elif here_or_parents() is None:
            outside.show(done, total, message)

    def restore(self, default: T, name: str | None = None) -> T:
        """Return `default`, filled with what an earlier attempt had saved of it.

        From now on it is part of the job's saved state: change it in place, and every save writes it. What
        is restored inside an item of a resumable loop belongs to that item, and is forgotten with it.

        Args:
            default: a dict, list, set, Counter, deque, bytearray, dataclass or pydantic model.
            name: what it is known by; without one, the order of the calls tells values apart.

        Raises:
            SaveRefused: `default` is nothing that is changed in place, or holds what cannot be saved.
            ResumeError: what was saved is of another kind.
        """
        inside = here()
        if inside is None:
            check(default)
            return default
        return inside.saved.restore(default, name)

    def save(self) -> None:
        """Save all restored values and the positions of all resumable loops; return when that is durable.

        Raises:
            SaveRefused: a restored value holds what cannot be saved.
            Fenced: another attempt speaks for this job.
        """
        inside = here()
        if inside is not None:
            inside.saved.save()

    def __repr__(self) -> str:
        return f"<job {self.id}, attempt {self.attempt}>" if self.id else "<job: none runs here>"


job = CurrentJob()
