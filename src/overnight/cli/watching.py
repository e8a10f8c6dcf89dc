"""Watching a job until it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, TextIO

from overnight.app import App
from overnight.cli.endings import Exit
from overnight.cli.narrating import Narrator
from overnight.cli.terminal import console, is_live
from overnight.cli.views import PlainView, SilentView, View
from overnight.jobs import Job, State
from overnight.store.lines import Line, LineKey

#: Between two looks at a job, in seconds; its end is heard at once.
LOOK = 0.25


Style = Literal["auto", "tty", "plain", "none"]


def view_of(style: Style, stream: TextIO) -> View:
    """Return what is shown on a stream; a bar only where the cursor can be moved."""
    if style == "none":
        return SilentView()
    if style == "plain" or not is_live(stream):
        return PlainView()
    from overnight.cli.bars import LiveView  # rich takes 60 ms, paid where it draws

    return LiveView(console(stream))


def watch(app: App, job_id: str, view: View, *, with_logs: bool, attend: Callable[[Job], None]) -> Job:
    """Show a job until it has ended; return it as it stands then.

    Args:
        app: where it is.
        job_id: its full id.
        view: where it is shown.
        with_logs: show what it prints, too.
        attend: is given the job at every look.
    """
    narrator = Narrator()
    output = Output(app, job_id)
    while True:
        job = app.read(job_id)
        view.show(job)
        if with_logs and (lines := list(output.new())):
            view.print(lines)
        events = app.events(job_id) if job.n_event > narrator.heard else []
        for sentence in narrator.tell(job, events, now=app.store.clock.now()):
            view.say(sentence)
        if job.done:
            break
        attend(job)
        app.wait(job_id, LOOK)
    result = app.result(job_id) if job.state is State.SUCCEEDED else None
    for sentence in narrator.end(job, result):
        view.say(sentence)
    return job


def code_of_job(job: Job) -> Exit:
    """Return the exit code for a job that has ended."""
    if job.state is State.SUCCEEDED:
        return Exit.OK
    return Exit.JOB_CANCELLED if job.state is State.CANCELLED else Exit.JOB_FAILED


class Output:
    """What a job prints, read on from where it was read before.

    Args:
        app: where the job is.
        job_id: its full id.
        attempt: read this attempt alone.
    """

    def __init__(self, app: App, job_id: str, *, attempt: int | None = None) -> None:
        self._app = app
        self._job = job_id
        self._attempt = attempt
        self._after: LineKey | None = None

    def new(self) -> Iterator[Line]:
        """Yield the lines that are new."""
        for line in self._app.log_lines(self._job, attempt=self._attempt, after=self._after):
            self._after = line.key
            yield line
