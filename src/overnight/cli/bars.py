"""The live bar on a terminal: one line at the bottom, everything else scrolls by above it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from overnight.cli.narrating import Sentence
from overnight.cli.terminal import clean, clean_line
from overnight.cli.views import View
from overnight.cli.words import count, done_of, pace
from overnight.handle import LogLine
from overnight.jobs import Job, State
from overnight.units import format_duration

_COLOURS = {"good": "green", "bad": "red", "again": "yellow", "note": "dim"}

#: A bar is at most so wide, in columns; where there is room for less than the least, there is none.
_WIDEST, _LEAST = 40, 8

#: How often the line is drawn anew, in times a second.
_RATE = 10


class LiveView(View):
    """Draws the bar of one job, ten times a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._job: Job | None = None
        self._live = Live(
            console=console,
            get_renderable=self._line,
            refresh_per_second=_RATE,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away and give the cursor back."""
        with suppress(OSError):  # the terminal is gone: nothing is left to be tidied there
            self._live.stop()

    def _line(self) -> RenderableType:
        return Text() if self._job is None or self._job.done else JobLine(self._job, now=time.time())

    def show(self, job: Job) -> None:
        """Draw the job as it stands now."""
        self._job = job

    def say(self, sentence: Sentence) -> None:
        """Write above the bar what has happened."""
        self._write(Text(clean(sentence.text), style=_COLOURS[sentence.tone]))

    def print(self, lines: Sequence[LogLine]) -> None:
        """Write above the bar what the job has printed."""
        text = Text("\n").join(Text(clean_line(line.text), style=_style_of(line)) for line in lines)
        self._write(text)

    def _write(self, text: Text) -> None:
        with suppress(OSError):  # as above
            self._console.print(text, soft_wrap=True)


def _style_of(line: LogLine) -> str:
    if line.level is not None and line.level >= logging.WARNING:
        return "red" if line.level >= logging.ERROR else "yellow"
    return ""


class JobLine:
    """A job in one line: what is done, a bar, the rate and the time left.

    Args:
        job: the job as it stands.
        now: wall time in seconds since the epoch.
    """

    def __init__(self, job: Job, *, now: float) -> None:
        self._job = job
        self._now = now

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it as wide as there is room."""
        job, progress = self._job, self._job.progress
        if job.state is State.QUEUED:
            yield _fitting(f" · {job.status_text(self._now)}", options.max_width, style="dim")
            return
        elapsed = format_duration(max(self._now - (job.started_at or self._now), 0))
        shown = done_of(progress)
        # As wide as it will be at the end, so that the bar stays where it is.
        widest = 2 * len(count(progress.total)) + 1 if progress.total else 0
        before = f"{shown.rjust(widest) if shown else job.status_text(self._now)} "
        after = f"  {pace(progress) or elapsed}"
        if job.cancel_requested_at is not None:
            after += "  cancelling"
        room = options.max_width - len(before) - len(after) - 1
        if room >= _LEAST:
            yield Text(before, end="")
            width = min(room, _WIDEST)
            # Padded: without colours rich leaves out what is not done yet, and the line would wander.
            yield from console.render_lines(self._bar(width), options.update(width=width), pad=True)[0]
            room -= width
        else:
            after = before.rstrip() + after
            room = options.max_width - len(after) - 1
        message = f"  {clean(progress.message).partition(chr(10))[0]}" if progress.message else ""
        yield _fitting(after + message, len(after) + max(room, 0))

    def _bar(self, width: int) -> ProgressBar:
        progress = self._job.progress
        has_end = progress.done is not None and progress.total is not None
        return ProgressBar(
            total=max(progress.total or 0, 1e-9) if has_end else None,
            completed=progress.done or 0,
            width=width,
            pulse=not has_end,
            animation_time=self._now,
        )


def _fitting(words: str, width: int, *, style: str = "") -> Text:
    text = Text(clean(words), style=style, no_wrap=True, end="")
    text.truncate(max(width, 1), overflow="ellipsis")
    return text
