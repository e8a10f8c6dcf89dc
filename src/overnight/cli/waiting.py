"""`overnight wait` and `overnight result`: how jobs end, and what they came to."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from overnight.app import App
from overnight.cli.attending import Attendant
from overnight.cli.endings import Exit
from overnight.cli.opening import find_job, find_jobs, json_option, open_app, program_of
from overnight.cli.terminal import clean, json_text, put, put_json, say
from overnight.cli.watching import LOOK, code_of_job
from overnight.cli.words import short
from overnight.codec import read_json
from overnight.errors import BadOption, Conflict, NotFound
from overnight.jobs import Job
from overnight.units import seconds

#: A job that still waits for a worker after so long is spoken of once, in seconds.
_SILENCE = 1.0


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--timeout", metavar="DURATION", help="Wait no longer than that; then exit with 124.")
@click.option("--any", "any_one", is_flag=True, help="Wait for the first of them to end.")
@json_option("Print each job as JSON when it has ended, one a line.")
@click.pass_context
def wait(
    ctx: click.Context, ids: tuple[str, ...], *, timeout: str | None, any_one: bool, as_json: bool
) -> int:
    """Wait for jobs, silently; the exit code says how they ended.

    0 if all succeeded, 3 if one failed, 8 if one was cancelled, 124 if the time was up before.
    """
    until = None if timeout is None else time.monotonic() + _seconds(timeout)
    with open_app(ctx) as app:
        ended = _wait(app, find_jobs(app, ids), until=until, any_one=any_one)
        for job in ended if as_json else ():
            put_json(app.read(job.id).to_json(time.time()))
    codes = {code_of_job(job) for job in ended}
    return next((code for code in (Exit.JOB_FAILED, Exit.JOB_CANCELLED) if code in codes), Exit.OK)


def _seconds(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as wrong:
        raise BadOption(f"--timeout: {wrong}") from None


def _wait(app: App, ids: Sequence[str], *, until: float | None, any_one: bool) -> list[Job]:
    """Return those that have ended, all or the first.

    Raises:
        TimeoutError: the time was up before.
    """
    open_ids, ended = list(ids), list[Job]()
    attend = {job_id: Attendant(app, replaces_only=True) for job_id in ids}
    began, told = time.monotonic(), set[str]()
    while open_ids:
        for job in [app.read(job_id) for job_id in open_ids]:
            if job.done:
                ended.append(job)
                open_ids.remove(job.id)
                continue
            attend[job.id](job)
            if job.unserved and job.id not in told and time.monotonic() - began > _SILENCE:
                told.add(job.id)
                say(f"job {short(job.id)} waits: {job.unserved}")
        if not open_ids or (ended and any_one):
            break
        left = LOOK if until is None else min(until - time.monotonic(), LOOK)
        if left <= 0:
            states = ", ".join(f"{short(job_id)} is {app.read(job_id).state}" for job_id in open_ids)
            raise TimeoutError(f"the time is up: {states}")
        app.wait(open_ids[0], left)
    return ended


@click.command()
@click.argument("job", metavar="ID")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file.")
@json_option("Say errors as JSON; the result is JSON in any case.")
@click.pass_context
def result(ctx: click.Context, job: str, *, output: Path | None, as_json: bool) -> int:
    """Print the result of a job as JSON.

    Exit code 6 if the job has not ended, 3 if it failed, 8 if it was cancelled.
    """
    del as_json  # every command takes it; here there is nothing else to print
    with open_app(ctx) as app:
        handle = app.get(find_job(app, job))
        snapshot = handle.snapshot()
        if not snapshot.done:
            raise Conflict(
                f"job {short(handle.id)} has no result yet: it is {snapshot.status_text(time.time())}",
                hint=f"wait for it: {program_of(ctx)} wait {short(handle.id)}",
            )
        handle.result()  # says why there is none
        data = app.result(handle.id)
        if data is None:
            raise NotFound(f"the result of job {short(handle.id)} is not kept any more")
        if output is not None:
            output.write_bytes(data + b"\n")
        elif sys.stdout.isatty():
            put(clean(json_text(read_json(data), indent=2)))
        else:
            put(data.decode())
    return Exit.OK


COMMANDS = {"wait": wait, "result": result}
