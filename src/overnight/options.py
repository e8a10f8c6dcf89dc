"""How a task wants to be run: one name for each option, in Python, on the command line and in JSON.

A call's options win over the task's, and the task's over the application's. They are merged once, at submit,
and kept with the job: a worker with newer code still obeys what was promised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypedDict, cast

import msgspec

from overnight.errors import BadOption
from overnight.retrying import ANY_EXCEPTION, Backoff, class_name
from overnight.units import Duration, Size, byte_count, seconds

ErrorClasses = type[BaseException] | Iterable[type[BaseException]]


class _EverywhereOptions(TypedDict, total=False):
    """What both a task and a call of it may say."""

    queue: str
    priority: int
    tags: Iterable[str]
    owner: str
    attempts: int
    retry_on: ErrorClasses
    backoff: Duration | tuple[Duration, Duration]
    timeout: Duration | None
    expires: Duration | None
    deadline: Duration | None
    grace: Duration
    memory: Size | None
    cpus: int


class CallOptions(_EverywhereOptions, total=False):
    """What `task.with_options(...)` takes."""

    delay: Duration
    at: datetime


class TaskOptions(_EverywhereOptions, total=False):
    """What `@task(...)` takes."""

    name: str
    version: int
    at_most_once: bool


class Options(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The options of one job, complete and checked; times in seconds, memory in bytes.

    Attributes:
        version: of the meaning of arguments, result and saved state.
        queue: the lane in which the job waits.
        priority: higher goes first.
        attempts: how often the function may fail.
        retry_on: names of the exception classes that are worth another attempt.
        backoff: how long to wait before it.
        timeout: the longest that one attempt may take.
        expires: not started by then, counted from the submit: the job fails.
        deadline: the longest that the whole job may take, counted from the submit.
        grace: between asking an attempt to stop and killing it.
        memory: the most that the processes of an attempt may use together.
        cpus: the slots taken, and the threads of BLAS and OpenMP.
        at_most_once: one start, ever.
        delay: how long after the submit the job is due.
        at: the moment at which it is due, in seconds since the epoch; wins over `delay`.
    """

    version: int = 1
    queue: str = "default"
    priority: int = 0
    tags: tuple[str, ...] = ()
    owner: str | None = None
    attempts: int = 1
    retry_on: tuple[str, ...] = ANY_EXCEPTION
    backoff: Backoff = Backoff()
    timeout: float | None = None
    expires: float | None = None
    deadline: float | None = None
    grace: float = 10.0
    memory: int | None = None
    cpus: int = 1
    at_most_once: bool = False
    delay: float = 0.0
    at: float | None = None


#: How other systems say it; the cure is our own word.
FOREIGN = {
    "retries": "attempts (the first try counts: retries=2 is attempts=3)",
    "max_retries": "attempts (the first try counts: max_retries=2 is attempts=3)",
    "autoretry_for": "retry_on",
    "retry_backoff": "backoff",
    "default_retry_delay": "backoff",
    "retry_delay": "backoff",
    "countdown": "delay",
    "eta": "at",
    "schedule_at": "at",
    "time_limit": "timeout",
    "soft_time_limit": "timeout, with grace",
    "job_timeout": "timeout",
    "ttl": "expires",
    "queue_name": "queue",
    "routing_key": "queue",
    "memory_limit": "memory",
    "threads": "cpus",
    "bind": "the `job` of `from overnight import job`, which needs no binding",
    "acks_late": "nothing: a job that dies is always taken back",
}


def merge(given: Options, changed: Mapping[str, Any]) -> Options:
    """Return options with some of them changed, each checked.

    Args:
        given: what holds so far.
        changed: option names and values, as a `TaskOptions` or `CallOptions`; `name` is not ours.

    Raises:
        BadOption: there is no such option, or it does not take that value.
    """
    checked = {}
    for name, value in changed.items():
        try:
            check = _CHECKS[name]
        except KeyError:
            raise BadOption(f"there is no option {name!r}", hint=_hint_for(name)) from None
        try:
            checked[name] = check(value)
        except (ValueError, TypeError) as wrong:
            raise BadOption(f"option {name}={value!r}: {wrong}") from None
    merged = msgspec.structs.replace(given, **checked)
    if merged.at_most_once and merged.attempts > 1:
        raise BadOption(
            f"at_most_once means one start, ever; attempts={merged.attempts} asks for more",
            hint="leave one of the two out",
        )
    return merged


def _hint_for(name: str) -> str:
    if name in FOREIGN:
        return f"here it is called {FOREIGN[name]}"
    return f"the options are {', '.join(sorted(_CHECKS))}"


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > 200 or not value.isprintable():
        raise ValueError("expected a short printable text")
    return value


def _whole(least: int, most: int) -> Any:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"expected a whole number from {least} to {most}")
        return value

    return check


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected True or False")
    return value


def _span(value: object) -> float:
    return seconds(cast(Duration, value))


def _some_span(value: object) -> float | None:
    if value is None:
        return None
    span = _span(value)
    if span == 0:
        raise ValueError("expected more than no time at all, or None for no limit")
    return span


def _some_size(value: object) -> int | None:
    return None if value is None else byte_count(cast(Size, value))


def _backoff(value: object) -> Backoff:
    if isinstance(value, Backoff):
        return value
    if isinstance(value, tuple):
        first, longest = value
        return Backoff(_span(first), _span(longest))
    first = _span(value)
    return Backoff(first, max(first, Backoff().longest))


def _error_classes(value: object) -> tuple[str, ...]:
    classes = value if isinstance(value, (tuple, list, set, frozenset)) else (value,)
    for kind in classes:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise ValueError(f"expected exception classes, not {kind!r}")
    return tuple(class_name(kind) for kind in classes)


def _tags(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        raise ValueError("expected a list of texts; for one tag write [...] around it")
    return tuple(dict.fromkeys(_text(tag) for tag in cast(Iterable[object], value)))


def _moment(value: object) -> float:
    if not isinstance(value, datetime):
        raise ValueError("expected a datetime")
    return value.timestamp()


_CHECKS: dict[str, Any] = {
    "version": _whole(1, 2**31 - 1),
    "queue": _text,
    "priority": _whole(-(2**31), 2**31 - 1),
    "tags": _tags,
    "owner": _text,
    "attempts": _whole(1, 1_000_000),
    "retry_on": _error_classes,
    "backoff": _backoff,
    "timeout": _some_span,
    "expires": _some_span,
    "deadline": _some_span,
    "grace": _span,
    "memory": _some_size,
    "cpus": _whole(1, 4096),
    "at_most_once": _yes_or_no,
    "delay": _span,
    "at": _moment,
}

#: Which options a call may change; the others are the task's own.
CALL_OPTIONS = frozenset(CallOptions.__annotations__)
TASK_OPTIONS = frozenset(TaskOptions.__annotations__)
