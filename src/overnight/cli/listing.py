"""`overnight ls`: jobs, the newest first."""

from __future__ import annotations

import time
from collections.abc import Iterable

import click
from rich.table import Table
from rich.text import Text

from overnight.app import App
from overnight.cli.opening import has_store, json_option, open_app, settings_of
from overnight.cli.targets import short_name
from overnight.cli.terminal import clean, draw, put_json, say
from overnight.cli.words import ago, progress_text, short
from overnight.jobs import Job, State

#: Short names are looked up among so many jobs.
_RECENT = 1000

_COLOURS = {
    State.QUEUED: "",
    State.RUNNING: "cyan",
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.CANCELLED: "yellow",
}


@click.command(name="ls")
@click.option("--state", type=click.Choice([it.value for it in State]), help="Only those in this state.")
@click.option("--task", metavar="NAME", help="Only those of this task.")
@click.option("--queue", metavar="NAME", help="Only those of this queue.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, metavar="N", help="At most so many; 50.")
@json_option("Print a JSON list of jobs, without their input and result.")
@click.pass_context
def list_jobs(
    ctx: click.Context, *, state: str | None, task: str | None, queue: str | None, limit: int, as_json: bool
) -> None:
    """List jobs, the newest first."""
    settings = settings_of(ctx)
    found: list[Job] = []
    if has_store(settings):
        with open_app(ctx) as app:
            chosen = State(state) if state else None
            names = _full_names(app, task) if task else [None]
            found = [
                job for name in names for job in app.jobs(state=chosen, task=name, queue=queue, limit=limit)
            ]
            found = sorted(found, key=lambda job: (job.created_at, job.id), reverse=True)[:limit]
    now = time.time()
    if as_json:
        put_json([job.to_json(now) for job in found])
    elif found:
        draw(_table(found, now))
        if len(found) == limit:
            say(f"the newest {limit}; more with --limit")
    else:
        wanted = "job" if (state, task, queue) == (None, None, None) else "such job"
        say(f"there is no {wanted} in {settings.home} ({settings.origins['home']})")
    for reason, waiting in _unserved(found).items() if not as_json else ():
        say(f"{waiting} of them {'waits' if waiting == 1 else 'wait'}: {reason}")


COMMANDS = {"ls": list_jobs}


def _full_names(app: App, task: str) -> list[str]:
    """Return the full names that a short one stands for among the newest jobs; else the name itself."""
    recent = {job.task for job in app.jobs(limit=_RECENT)}
    return sorted(name for name in recent if task in {name, short_name(name)}) or [task]


def _table(jobs: Iterable[Job], now: float) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("ID", "TASK", "STATE"):
        table.add_column(name, no_wrap=True)
    table.add_column("PROGRESS", no_wrap=True, overflow="ellipsis")
    table.add_column("AGE", justify="right", no_wrap=True)
    for job in jobs:
        table.add_row(
            short(job.id),
            Text(clean(job.task)),
            Text(_state(job, now), style=_COLOURS[job.state]),
            Text(clean(progress_text(job.progress)).replace("\n", " ")),
            ago(job.created_at, now),
        )
    return table


def _state(job: Job, now: float) -> str:
    # Why a job is not served stands below the table, once for all.
    text = "queued" if job.unserved and job.due_at <= now else job.status_text(now)
    return f"{text} ({job.attempt}/{job.options.attempts})" if job.failures and not job.done else text


def _unserved(jobs: Iterable[Job]) -> dict[str, int]:
    reasons: dict[str, int] = {}
    for job in jobs:
        if job.unserved:
            reasons[job.unserved] = reasons.get(job.unserved, 0) + 1
    return reasons
