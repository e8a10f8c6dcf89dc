"""`overnight run`: a task becomes a durable job, and is watched."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Unpack

import click

from overnight.app import App
from overnight.cli.arguments import Arguments
from overnight.cli.attending import Attendant
from overnight.cli.calling import Given, call_options, read_options
from overnight.cli.endings import Exit, Terminated, code_of
from overnight.cli.opening import has_store, json_option, live_workers, open_app, program_of
from overnight.cli.targets import find_target
from overnight.cli.terminal import clean, is_live, json_text, put, put_json, say
from overnight.cli.watching import Style, code_of_job, view_of, watch
from overnight.cli.words import result_text, short
from overnight.codec import read_json
from overnight.engines.workers import ensure_worker
from overnight.errors import BadInput, BadOption, OvernightError, Refused
from overnight.jobs import Call, Job, State
from overnight.tasks import Task


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("target")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[THE TASK'S OPTIONS]...")
@json_option("Print the job as JSON when it has ended (with --detach: at once).")
@click.option("--detach", is_flag=True, help="Submit it and leave; prints its id.")
@click.option(
    "--input", "given", metavar="JSON|FILE|-", help="The arguments as a JSON object; options win over it."
)
@call_options
@click.option(
    "--progress",
    type=click.Choice(["auto", "tty", "plain", "none"]),
    default="auto",
    help="A bar on a terminal, plain lines, or nothing; auto chooses.",
)
@click.option("--no-logs", is_flag=True, help="Do not show what the job prints.")
@click.pass_context
def run(
    ctx: click.Context,
    /,
    target: str,
    words: tuple[str, ...],
    *,
    as_json: bool,
    detach: bool,
    given: str | None,
    progress: Style,
    no_logs: bool,
    **options: Unpack[Given],
) -> int:
    """Run a task as a durable job, and watch it.

    TARGET is FILE.py:function, package.module:function, or the name of a known task; behind it stand the
    task's own options, which `overnight run TARGET --help` lists. If no worker is there, one is started in
    the background. Ctrl-C, or a closed terminal, leaves the job running.
    """
    with open_app(ctx, makes_store=True) as app:
        task = find_target(target, app.settings, lambda: live_workers(app) if has_store(app.settings) else [])
        program = f"{ctx.command_path} {target}"
        call = _call(task, _arguments(task, words, program=program, given=given), options, program=program)
        job_id = app.submit([call])[0]
        try:
            return _follow(app, job_id, detach=detach, as_json=as_json, style=progress, with_logs=not no_logs)
        except (KeyboardInterrupt, Terminated) as left:
            _say_how_to_come_back(program_of(ctx), app, job_id)
            return code_of(left)


COMMANDS = {"run": run}


# -- the call ----------------------------------------------------------------------------------------


def _arguments(
    task: Task[..., Any, Any], words: tuple[str, ...], *, program: str, given: str | None
) -> dict[str, Any]:
    arguments = Arguments(task.signature.schema)
    try:
        values = arguments.read(words, program=program, under=None if given is None else _input(given))
    except click.NoSuchOption as wrong:
        ours = {flag for parameter in run.params for flag in parameter.opts}
        if wrong.option_name not in ours:
            raise
        hint = "it is one of overnight, not of the task: write it before the target"
        raise Refused(f"there is no option {wrong.option_name} of {task.name}", hint=hint) from None
    arguments.demand(values, program=program)
    return values


def _input(given: str) -> dict[str, Any]:
    """Return the object that `--input` names."""
    if given == "-":
        text: str | bytes = sys.stdin.buffer.read()
    elif given.lstrip().startswith("{"):
        text = given
    else:
        try:
            text = Path(given).read_bytes()
        except OSError as wrong:
            hint = "write a JSON object, the path of a file with one, or - for stdin"
            raise BadInput(f"--input {given}: {wrong.strerror}", hint=hint) from None
    try:
        values = read_json(text)
    except BadInput as wrong:
        raise BadInput(f"--input: {wrong.message}", hint=wrong.hint) from None
    if not isinstance(values, dict):
        raise BadInput("--input is no JSON object", hint='write the arguments by name: {"top": 20}')
    return values


def _call(task: Task[..., Any, Any], values: dict[str, Any], options: Given, *, program: str) -> Call:
    try:
        called = task.with_options(**read_options(options))
    except BadOption as wrong:
        look = "overnight run --help lists the options, with examples"
        raise BadOption(wrong.message, hint=wrong.hint or look) from None
    try:
        data = task.signature.pack_json(values)
    except BadInput as wrong:
        # How the function is called in Python helps nobody here.
        is_python = wrong.hint is None or wrong.hint.startswith("call it as ")
        hint = f"{program} --help shows all options of the task" if is_python else wrong.hint
        raise BadInput(wrong.message, field=wrong.field, hint=hint) from None
    return Call(task=task.name, source=task.source.key, options=called.options, input=data)


# -- the job -----------------------------------------------------------------------------------------


def _follow(app: App, job_id: str, *, detach: bool, as_json: bool, style: Style, with_logs: bool) -> int:
    job = app.read(job_id)
    if detach:
        ensure_worker(app.store, app.settings, job)
        if as_json:
            put_json(app.read(job_id).to_json(time.time()))
        else:
            put(job_id)
        return Exit.OK
    if style != "none":
        say(f"job {short(job_id)} {job.task} · Ctrl-C leaves it running")
    ensure_worker(app.store, app.settings, job)
    with view_of(style, sys.stderr) as view:
        job = watch(app, job_id, view, with_logs=with_logs, attend=Attendant(app))
    _answer(app, job, as_json=as_json, style=style)
    return code_of_job(job)


def _answer(app: App, job: Job, *, as_json: bool, style: Style) -> None:
    """Print what was asked for: the job, or its result; else why there is none."""
    if as_json:
        put_json(job.to_json(time.time()))
        return
    if job.state is State.SUCCEEDED:
        _put_result(app.result(job.id) or b"null", is_shown=style != "none")
        return
    if job.state is State.FAILED and job.error is not None:
        if job.error.traceback:
            say(job.error.traceback.rstrip())
        if style == "none":
            say(f"error: {job.error.message}")
        if job.error.hint:
            say(f"hint: {job.error.hint}")


def _put_result(data: bytes, *, is_shown: bool) -> None:
    """Print a result; a person who has just read it at the end of the line is spared it."""
    if sys.stdout.isatty():
        if not (is_shown and is_live(sys.stderr) and result_text(data) is not None):
            put(clean(json_text(read_json(data), indent=2)))
        return
    put(data.decode())


def _say_how_to_come_back(program: str, app: App, job_id: str) -> None:
    try:
        state = app.read(job_id).state
    except OvernightError:
        state = State.RUNNING  # the store is busy at this very moment; the job is as it was
    if state.is_final:
        say(f"it has {state}: {program} show {short(job_id)}")
        return
    say(f"still {state}; come back: {program} wait {short(job_id)}")
    say(f"see what it prints: {program} logs -f {short(job_id)}; end it: {program} cancel {short(job_id)}")
