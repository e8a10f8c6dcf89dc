"""How a command ends: its exit code, and what it says when something is wrong."""

from __future__ import annotations

import os
import re
import sys
import traceback
from contextlib import suppress
from enum import IntEnum
from typing import Any

import click

from overnight.cli.terminal import clean, json_text, say
from overnight.errors import (
    Conflict,
    JobCancelled,
    JobFailed,
    NotFound,
    OvernightError,
    Refused,
    SourceBroken,
    describe,
)


class Exit(IntEnum):
    """What the exit codes of all commands mean."""

    OK = 0  #: done; of a job that was waited for: it succeeded
    ERROR = 1  #: something else went wrong
    USAGE = 2  #: asked for something that cannot be: nothing was done
    JOB_FAILED = 3
    NOT_FOUND = 5
    CONFLICT = 6  #: the state of the job does not allow that
    JOB_CANCELLED = 8
    TIMEOUT = 124  #: waited as long as asked, as timeout(1)
    INTERRUPTED = 130  #: Ctrl-C; a job that was watched runs on
    TERMINATED = 143  #: SIGTERM or SIGHUP; likewise


class Terminated(BaseException):
    """Raised in the main thread by SIGTERM and SIGHUP."""


_CODES: tuple[tuple[type[BaseException], Exit], ...] = (
    (KeyboardInterrupt, Exit.INTERRUPTED),
    (click.Abort, Exit.INTERRUPTED),
    (Terminated, Exit.TERMINATED),
    (click.UsageError, Exit.USAGE),
    (Refused, Exit.USAGE),
    (SourceBroken, Exit.USAGE),
    (NotFound, Exit.NOT_FOUND),
    (Conflict, Exit.CONFLICT),
    (JobCancelled, Exit.JOB_CANCELLED),
    (JobFailed, Exit.JOB_FAILED),
    (TimeoutError, Exit.TIMEOUT),
)


def code_of(error: BaseException) -> Exit:
    """Return the exit code for an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.ERROR)


def complain(error: BaseException, *, as_json: bool = False) -> Exit:
    """Say on stderr what went wrong and what to do about it; return the exit code.

    Args:
        error: what was raised.
        as_json: say it as a problem object, for programs.
    """
    code = code_of(error)
    if code in {Exit.INTERRUPTED, Exit.TERMINATED}:
        return code
    problem = _problem(error)
    if as_json:
        say(json_text(problem))
        return code
    if told := problem.get("traceback"):
        say(str(told).rstrip())
    say(f"error: {problem['detail']}")
    if problem["hint"]:
        say(f"hint: {problem['hint']}")
    return code


def _problem(error: BaseException) -> dict[str, Any]:
    """Describe an error as an object; `type` is stable, the words are for people."""
    if isinstance(error, click.ClickException):
        kind, title = "usage", "The command cannot be understood"
        detail, hint = _usage(error)
    elif isinstance(error, OvernightError | TimeoutError):
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()
        title = (type(error).__doc__ or "").partition("\n")[0].rstrip(".") or "Time is up"
        detail = error.message if isinstance(error, OvernightError) else str(error)
        hint = getattr(error, "hint", None)
    else:
        kind, title = "unexpected", "Something went wrong that nobody expected"
        detail = f"unexpected {type(error).__name__}: {describe(error)}"
        hint = "this is a fault of overnight: please report it, with what OVERNIGHT_DEBUG=1 prints"
    problem = {"type": kind, "title": title, "detail": detail, "hint": hint}
    problem["field"] = getattr(error, "field", None)
    told = getattr(error, "traceback", None)
    if told is None and kind == "unexpected" and os.environ.get("OVERNIGHT_DEBUG"):
        told = "".join(traceback.format_exception(error))
    if told:
        problem["traceback"] = told
    return problem


def _usage(error: click.ClickException) -> tuple[str, str | None]:
    """Return what click found wrong, and where to look."""
    context = getattr(error, "ctx", None)
    look = f"{context.command_path} --help shows what there is" if context else None
    if isinstance(error, click.NoSuchOption):
        near = sorted(error.possibilities or ())
        hint = f"did you mean {' or '.join(near)}?" if near else look
        return f"there is no option {error.option_name}", hint
    message = clean(error.format_message()).rstrip(".")
    return f"{message[:1].lower()}{message[1:]}", look


def finish(code: int) -> None:
    """Leave the process; threads that a user's module left running do not hold it up."""
    import threading

    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # whoever read it is gone
            stream.flush()
    others = [it for it in threading.enumerate() if it is not threading.main_thread() and not it.daemon]
    if others:
        os._exit(code)
    sys.exit(code)
