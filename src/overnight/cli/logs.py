"""`overnight logs`: what a job prints."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import click

from overnight.app import App
from overnight.cli.attending import Attendant
from overnight.cli.opening import find_job, json_option, open_app
from overnight.cli.terminal import clean_line, json_text, put
from overnight.cli.watching import LOOK, Output
from overnight.cli.words import clock_time
from overnight.jobs import iso_time
from overnight.store.lines import Line


@click.command()
@click.argument("job", metavar="ID")
@click.option("-f", "--follow", is_flag=True, help="Go on printing until the job has ended.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Of this attempt alone.")
@click.option("-n", "--lines", type=click.IntRange(0), metavar="N", help="Begin with the last N lines.")
@click.option("--timestamps", is_flag=True, help="Print the time in front of each line.")
@click.option("--raw", is_flag=True, help="Leave control characters in, colours for instance.")
@json_option("Print each line as JSON: at, attempt, n, stream, level, logger, text.")
@click.pass_context
def logs(
    ctx: click.Context,
    job: str,
    *,
    follow: bool,
    attempt: int | None,
    lines: int | None,
    timestamps: bool,
    raw: bool,
    as_json: bool,
) -> None:
    """Print what a job has printed and logged, in order, all of its attempts.

    Control characters are left out: a job's output does nothing to your terminal.
    """
    with open_app(ctx) as app:
        job_id = find_job(app, job)
        output = Output(app, job_id, attempt=attempt)
        for line in _all(app, output, job_id, last=lines, follow=follow):
            put(_written(line, timestamps=timestamps, raw=raw, as_json=as_json))


COMMANDS = {"logs": logs}


def _all(app: App, output: Output, job_id: str, *, last: int | None, follow: bool) -> Iterator[Line]:
    is_over = app.read(job_id).done  # what was printed before the end is in the store by the end
    yield from output.new() if last is None else deque(output.new(), maxlen=last)
    attend = Attendant(app, replaces_only=True)
    while follow and not is_over:
        app.wait(job_id, LOOK)
        job = app.read(job_id)
        is_over = job.done
        yield from output.new()
        if not is_over:
            attend(job)


def _written(line: Line, *, timestamps: bool, raw: bool, as_json: bool) -> str:
    if as_json:
        return json_text(_to_json(line))
    text = line.text if raw else clean_line(line.text)
    if raw and not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return f"{clock_time(line.at)} {text}" if timestamps else text


def _to_json(line: Line) -> dict[str, Any]:
    return {
        "at": iso_time(line.at),
        "attempt": line.attempt,
        "n": line.n,
        "stream": line.stream,
        "level": line.level,
        "logger": line.logger,
        "text": line.text,
    }
