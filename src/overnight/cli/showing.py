"""`overnight show`: one job, its attempts, and what has happened to it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from overnight.cli.opening import find_job, json_option, open_app
from overnight.cli.terminal import clean, draw, put, put_json
from overnight.cli.words import ago, clock_time, error_text, failure_text, moment, one_line, progress_text
from overnight.events import Event
from overnight.jobs import Attempt, ErrorInfo, Job, Kind, State, iso_time
from overnight.units import format_duration, format_size


@click.command()
@click.argument("job", metavar="ID")
@json_option("Print the job as JSON, with `attempt_list` and `events` beside what every job has.")
@click.pass_context
def show(ctx: click.Context, job: str, *, as_json: bool) -> None:
    """Show one job: how it stands, its attempts, what has happened."""
    with open_app(ctx) as app:
        job_id = find_job(app, job)
        found, attempts, events = app.read(job_id), app.attempts(job_id), app.events(job_id)
    now = time.time()
    if as_json:
        # The field `attempts` of every job is a number: how often its function may fail.
        lists = {"attempt_list": [*map(_attempt_json, attempts)], "events": [*map(_event_json, events)]}
        put_json({**found.to_json(now), **lists})
        return
    draw(_facts(found, now))
    if attempts:
        put("\nattempts")
        draw(_attempts(attempts, now))
    put("\nwhat has happened")
    draw(_timeline(events))
    if found.error is not None and found.error.traceback:
        put(f"\n{clean(found.error.traceback).rstrip()}")


COMMANDS = {"show": show}


def _attempt_json(attempt: Attempt) -> dict[str, Any]:
    return {
        "n": attempt.n,
        "worker": attempt.worker,
        "started_at": iso_time(attempt.started_at),
        "ended_at": iso_time(attempt.ended_at),
        "outcome": attempt.outcome,
        "detail": attempt.detail,
        "cpu_seconds": attempt.cpu_seconds,
        "peak_memory": attempt.peak_memory,
    }


def _event_json(event: Event) -> dict[str, Any]:
    return {
        "n": event.n,
        "at": iso_time(event.at),
        "kind": event.kind.value,
        "attempt": event.attempt,
        "changes": event.changes,
        "detail": event.detail,
    }


# -- the job -----------------------------------------------------------------------------------------


def _facts(job: Job, now: float) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, words in _words(job, now):
        table.add_row(name, Text(clean(words)))
    return table


def _words(job: Job, now: float) -> Iterator[tuple[str, str]]:
    yield "job", job.id
    yield "task", job.task
    yield "state", _state(job, now)
    if text := progress_text(job.progress):
        yield "progress", text
    if job.error is not None and job.state is not State.FAILED:
        yield "last error", error_text(job.error)
    if job.error is not None and job.error.hint:
        yield "hint", job.error.hint
    yield "input", one_line(job.input)
    if job.state is State.SUCCEEDED:
        yield "result", one_line(job.result)
    yield "source", job.source
    options = job.options
    yield "queue", f"{options.queue}, priority {options.priority}" if options.priority else options.queue
    if options.tags:
        yield "tags", ", ".join(options.tags)
    if options.owner:
        yield "owner", options.owner
    if limits := _limits(job):
        yield "options", limits
    yield "submitted", f"{moment(job.created_at)} ({ago(job.created_at, now)} ago)"
    if job.finished_at is not None:
        yield "ended", f"{moment(job.finished_at)} ({ago(job.finished_at, now)} ago)"


def _state(job: Job, now: float) -> str:
    text = f"failed: {failure_text(job)}" if job.state is State.FAILED else job.status_text(now)
    counters = {"failure": job.failures, "crash": job.crashes, "interruption": job.interruptions}
    plural = {"crash": "crashes"}
    spent = [
        f"{number} {name if number == 1 else plural.get(name, f'{name}s')}"
        for name, number in counters.items()
        if number
    ]
    tail = f" · attempt {job.attempt}" if job.state is State.RUNNING else ""
    return text + tail + (f" · {', '.join(spent)}" if spent else "")


def _limits(job: Job) -> str:
    options = job.options
    words = [f"attempts {options.attempts}"] if options.attempts != 1 else []
    spans = {"timeout": options.timeout, "expires": options.expires, "deadline": options.deadline}
    words += [f"{name} {format_duration(span)}" for name, span in spans.items() if span is not None]
    if options.memory is not None:
        words.append(f"memory {format_size(options.memory)}")
    if options.cpus != 1:
        words.append(f"cpus {options.cpus}")
    if options.at_most_once:
        words.append("at most once")
    return ", ".join(words)


# -- attempts and events -----------------------------------------------------------------------------


def _attempts(attempts: Sequence[Attempt], now: float) -> Table:
    table = Table.grid(padding=(0, 2))
    for attempt in attempts:
        took = attempt.detail.get("took") or max((attempt.ended_at or now) - attempt.started_at, 0)
        used = [f"process {attempt.detail['pid']}"] if "pid" in attempt.detail else []
        if attempt.cpu_seconds is not None:
            used.append(f"CPU {format_duration(attempt.cpu_seconds)}")
        if attempt.peak_memory:
            used.append(f"peak {format_size(attempt.peak_memory)}")
        message = attempt.detail.get("message") or ""
        if attempt.detail.get("type"):
            message = f"{attempt.detail['type']}: {message}"
        table.add_row(
            f"  {attempt.n}",
            attempt.outcome or "running",
            f"{clock_time(attempt.started_at)} for {format_duration(took)}",
            Text(", ".join(used)),
            Text(clean(message).partition("\n")[0]),
        )
    return table


def _timeline(events: Sequence[Event]) -> Table:
    table = Table.grid(padding=(0, 2))
    for event in events:
        table.add_row(f"  {moment(event.at)}", event.kind.value.replace("_", " "), Text(clean(_story(event))))
    return table


def _story(event: Event) -> str:
    changes, detail = event.changes, event.detail
    match event.kind:
        case Kind.CLAIMED:
            return f"attempt {event.attempt}, by worker {str(changes.get('worker') or '')[:8]}"
        case Kind.SETTLED:
            known = changes.get("error")
            error = ErrorInfo(**known) if isinstance(known, dict) else known
            words = [str(detail.get("outcome")), error_text(error) if error else ""]
            if changes.get("state") == State.QUEUED:
                words.append(f"again at {clock_time(changes['due_at'])}")
            elif changes.get("reason"):
                words.append(str(changes["reason"]))
            return ": ".join(word.partition("\n")[0] for word in words if word)
        case Kind.CANCEL_REQUESTED | Kind.CANCELLED:
            return str(changes.get("cancel_reason") or "")
        case Kind.EXPIRED:
            return str(changes.get("reason") or "")
        case Kind.SLEPT:
            return f"the machine, for {format_duration(detail.get('seconds', 0))}"
    return ""
