"""What is shown of a job while it is watched: plain lines, or nothing. `bars` has the line of a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from overnight.cli.narrating import Sentence
from overnight.cli.terminal import clean_line, say
from overnight.cli.words import clock_time, progress_text, short
from overnight.handle import LogLine
from overnight.jobs import Job, State

#: At most one plain line of progress in this time, in seconds, or for one of so many parts of the work.
_EVERY, _PARTS = 10.0, 10


class View(AbstractContextManager["View"], Protocol):
    """Where people watch a job."""

    def show(self, job: Job) -> None:
        """Show the job as it stands now."""

    def say(self, sentence: Sentence) -> None:
        """Show something that has happened; it stays."""

    def print(self, lines: Sequence[LogLine]) -> None:
        """Show what the job has printed; it stays."""


class SilentView(View):
    """Shows nothing."""

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind."""

    def show(self, job: Job) -> None:
        """Show nothing."""

    def say(self, sentence: Sentence) -> None:
        """Show nothing."""

    def print(self, lines: Sequence[LogLine]) -> None:
        """Show nothing."""


class PlainView(View):
    """Writes a line when something changes, and few of progress: for pipes, CI and log files."""

    def __init__(self) -> None:
        self._status = ""
        self._part = -1
        self._said_at = 0.0
        self._progress = ""

    def __exit__(self, *_: object) -> None:
        """Leave everything as it was written."""

    def show(self, job: Job) -> None:
        """Write a line where the job changed its state or moved on far enough."""
        if job.state is State.RUNNING:
            self._show_status(job, f"running, attempt {job.attempt}" if job.attempt > 1 else "running")
            self._show_progress(job)
        elif not job.attempt:  # why it waits again after an attempt is told when that ends
            self._show_status(job, job.status_text(time.time()))

    def _show_status(self, job: Job, status: str) -> None:
        if status != self._status and not job.done:
            self._status = status
            self._say(job, status)

    def _show_progress(self, job: Job) -> None:
        text = progress_text(job.progress)
        part = int((job.progress.fraction or 0.0) * _PARTS + 1e-9)
        is_time = part != self._part or time.monotonic() - self._said_at >= _EVERY
        if not text or text == self._progress or not is_time:
            return
        self._progress, self._part, self._said_at = text, part, time.monotonic()
        self._say(job, text)

    def _say(self, job: Job, text: str) -> None:
        say(f"{clock_time(time.time())} {short(job.id)} {text}")

    def say(self, sentence: Sentence) -> None:
        """Write what has happened."""
        say(sentence.text)

    def print(self, lines: Sequence[LogLine]) -> None:
        """Write what the job has printed, as it is."""
        for line in lines:
            say(clean_line(line.text))
