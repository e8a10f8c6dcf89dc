"""`overnight cancel` and `overnight retry`."""

from __future__ import annotations

import time

import click

from overnight.app import App
from overnight.cli.attending import Attendant
from overnight.cli.opening import each, find_jobs, json_option, open_app
from overnight.cli.terminal import put, put_json
from overnight.cli.words import end_text, short
from overnight.jobs import Job


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--reason", metavar="TEXT", help="What people read.")
@click.option("--wait", "waits", is_flag=True, help="Wait until they have ended, and say how.")
@json_option("Print each job as JSON, one a line.")
@click.pass_context
def cancel(
    ctx: click.Context, ids: tuple[str, ...], *, reason: str | None, waits: bool, as_json: bool
) -> int:
    """Cancel jobs: those that wait never start; those that run are asked to stop, then made to.

    Exit code 6 if one has ended already.
    """
    with open_app(ctx) as app:

        def act(job_id: str) -> None:
            job = app.get(job_id).cancel(reason)
            if waits:
                _wait_for(app, job)
            _tell(app, job_id, as_json=as_json)

        return each(find_jobs(app, ids), act, as_json=as_json)


def _wait_for(app: App, job: Job) -> None:
    attend = Attendant(app, replaces_only=True)  # a dead worker's job is cancelled by the next worker
    while not app.wait(job.id, 1.0):
        attend(app.read(job.id))


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@json_option("Print each job as JSON, one a line.")
@click.pass_context
def retry(ctx: click.Context, ids: tuple[str, ...], *, as_json: bool) -> int:
    """Put failed or cancelled jobs back into their queue, with fresh counters and what they had saved.

    Exit code 6 if one has not ended, or has succeeded.
    """
    with open_app(ctx) as app:

        def act(job_id: str) -> None:
            app.get(job_id).retry()
            _tell(app, job_id, as_json=as_json)

        return each(find_jobs(app, ids), act, as_json=as_json)


def _tell(app: App, job_id: str, *, as_json: bool) -> None:
    job = app.read(job_id)
    now = time.time()
    if as_json:
        put_json(job.to_json(now))
    elif job.done:
        put(f"{short(job_id)} {end_text(job)}")
    else:
        put(f"{short(job_id)} {job.status_text(now)}")


COMMANDS = {"cancel": cancel, "retry": retry}
