"""Our own options of `run`: they stand before the target, and have the names that they have in Python."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypedDict, TypeVar, cast

import click

from overnight.errors import BadOption
from overnight.options import CallOptions

F = TypeVar("F", bound=Callable[..., Any])


class Given(TypedDict, total=False):
    """The options of a call as text, None or empty where they were not given."""

    queue: str | None
    priority: int | None
    tags: tuple[str, ...]
    owner: str | None
    attempts: int | None
    backoff: str | None
    timeout: str | None
    expires: str | None
    deadline: str | None
    grace: str | None
    memory: str | None
    cpus: int | None
    delay: str | None
    at: str | None


#: Options that can be switched off for a call.
_LIMITS = ("timeout", "expires", "deadline", "memory")

_OPTIONS = (
    click.option("--queue", metavar="NAME", help="The lane in which the job waits."),
    click.option("--priority", type=int, metavar="N", help="Higher goes first."),
    click.option("--tag", "tags", multiple=True, metavar="TAG", help="A label; repeatable."),
    click.option("--owner", metavar="NAME", help="Whose job it is."),
    click.option("--attempts", type=int, metavar="N", help="How often the function may fail."),
    click.option(
        "--backoff", metavar="FIRST[,LONGEST]", help='The wait before another attempt: "10s", or "10s,1h".'
    ),
    click.option("--timeout", metavar="DURATION", help="The longest that one attempt may take, or none."),
    click.option("--expires", metavar="DURATION", help="Not started by then: the job fails."),
    click.option("--deadline", metavar="DURATION", help="The longest that the whole job may take."),
    click.option("--grace", metavar="DURATION", help="Between asking an attempt to stop and killing it."),
    click.option("--memory", metavar="SIZE", help='The most that its processes may use: "4GiB".'),
    click.option("--cpus", type=int, metavar="N", help="The slots it takes, and threads of BLAS and OpenMP."),
    click.option("--delay", metavar="DURATION", help="Start it so long after now."),
    click.option("--at", metavar="TIME", help='Start it then: "14:30", "2026-12-24T18:00".'),
)  # fmt: skip


def call_options(function: F) -> F:
    """Give a command the options of a call."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def read_options(given: Given) -> CallOptions:
    """Return the options that were given, as Python takes them.

    Raises:
        BadOption: a value cannot be read.
    """
    options: dict[str, Any] = {name: value for name, value in given.items() if value not in {None, ()}}
    for name in _LIMITS:
        if options.get(name) == "none":
            options[name] = None
    if "backoff" in options:
        first, comma, longest = options["backoff"].partition(",")
        options["backoff"] = (first, longest) if comma else first
    if "at" in options:
        options["at"] = _moment(options["at"])
    return cast(CallOptions, options)


def _moment(text: str) -> datetime:
    """Read a moment; a time of day alone is the next such time."""
    try:
        clock = datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        pass  # a whole moment, then
    else:
        now = datetime.now().astimezone()
        today = now.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
        return today if today > now else today + timedelta(days=1)
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise BadOption(
            f"option at={text!r} is no moment", hint="write 14:30, 2026-12-24T18:00 or 2026-12-24T18:00+01:00"
        ) from None
