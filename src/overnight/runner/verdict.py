"""What an attempt came to, from all that was seen of it: pure."""

from __future__ import annotations

import signal
from typing import Any

import msgspec

from overnight.codec import digest
from overnight.inside.messages import Raised, Returned
from overnight.jobs import ErrorInfo
from overnight.options import Options
from overnight.outcome import (
    Cancelled,
    Crashed,
    Failed,
    Interrupted,
    Lost,
    Outcome,
    OutOfMemory,
    Snoozed,
    Succeeded,
    TimedOut,
)
from overnight.units import format_duration, format_size

#: A kill from outside at this part of the memory limit was most likely the kernel's.
_NEARLY = 0.9


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """All that the worker saw of an attempt.

    Attributes:
        options: the job's.
        last: the last word of the child, if it had one.
        code: its exit code, or minus the signal that ended it; None if it is not known.
        stop: why the worker stopped it, if it did.
        stopped_by: what it took: "asked", "terminated" or "killed".
        guard_killed: the guard killed, because the lease had run out.
        zygote_died: the child ended together with its zygote.
        was_ready: the child was ready for work; else nothing of the task's has run.
        nonsense: what it sent that was no message.
        cut_off: it has closed its line to the worker.
        peak: the most memory that was seen in use, in bytes.
        took: how long the attempt ran, in seconds.
    """

    options: Options
    last: Returned | Raised | None = None
    code: int | None = None
    stop: str | None = None
    stopped_by: str | None = None
    guard_killed: bool = False
    zygote_died: bool = False
    was_ready: bool = True
    nonsense: str | None = None
    cut_off: bool = False
    peak: int = 0
    took: float = 0.0


def verdict(seen: Seen) -> Outcome:
    """Name the outcome of an attempt."""
    if isinstance(seen.last, Returned):
        return _after_return(seen, seen.last)
    if isinstance(seen.last, Raised):
        return _after_raise(seen, seen.last)
    return _after_silence(seen)


def _after_return(seen: Seen, last: Returned) -> Outcome:
    # A stop that was never raised in the function came too late; a hand-over that it outran is no loss.
    if not _has_stopped(seen, last) or seen.stop in (None, "handover"):
        return Succeeded(last.data, digest(last.data))
    return _stopped(seen, None)


def _after_raise(seen: Seen, last: Raised) -> Outcome:
    if _has_stopped(seen, last):
        return _stopped(seen, last)
    if last.snooze is not None:
        return Snoozed(last.snooze)
    if last.memory:
        seen = msgspec.structs.replace(seen, peak=max(seen.peak, last.peak))
        words = _memory_words(seen, "its allocation failed")
        return OutOfMemory(_error("OutOfMemory", words, last, _memory(seen)))
    return Failed(_error("Failed", last.message, last), last.retried, last.after)


def _has_stopped(seen: Seen, last: Returned | Raised) -> bool:
    """Whether the function had been told to stop when it came to its end."""
    return last.stopped is not None or (last.takes_signals and seen.stopped_by == "terminated")


def _after_silence(seen: Seen) -> Outcome:
    if seen.guard_killed:
        message = "the worker was frozen for longer than its lease, so its guard killed the attempt"
        return Lost(_error("Lost", message))
    if seen.stop is not None:
        return _stopped(seen, None)
    if seen.zygote_died or not seen.was_ready:
        return Interrupted("killed", announced=False, was_started=seen.was_ready)
    if seen.nonsense is not None:
        message = f"the process of the attempt spoke nonsense: {seen.nonsense}"
        hint = "does the task write into descriptors that it did not open?"
        return Crashed(_error("Crashed", message, hint=hint))
    if seen.cut_off:
        message = "the process of the attempt closed its line to the worker"
        hint = "does the task close descriptors that it did not open, as a daemon does at its start?"
        return Crashed(_error("Crashed", message, hint=hint))
    if _was_killed_for_memory(seen):
        detail = {**_memory(seen), "certainty": "probable"}
        return OutOfMemory(
            _error("OutOfMemory", _memory_words(seen, "the kernel killed it, probably"), None, detail)
        )
    return Crashed(_crash(seen))


def _stopped(seen: Seen, last: Raised | None) -> Outcome:
    by = seen.stopped_by or "terminated"
    match seen.stop:
        case "cancel":
            return Cancelled(by)
        case "timeout":
            limit = format_duration(seen.options.timeout or seen.took)
            message = f"the attempt took longer than its timeout of {limit}; {_how(seen, by)}"
            return TimedOut(_error("TimedOut", message, last, {"stopped_by": by}))
        case "deadline":
            message = f"the time for the whole job was over; {_how(seen, by)}"
            return TimedOut(_error("TimedOut", message, last, {"stopped_by": by}), deadline=True)
        case "memory":
            detail = {**_memory(seen), "stopped_by": by}
            return OutOfMemory(_error("OutOfMemory", _memory_words(seen, "measured"), last, detail))
        case _:
            return Interrupted(by, announced=seen.stop is not None, was_started=seen.was_ready)


def _how(seen: Seen, by: str) -> str:
    match by:
        case "asked":
            return "it stopped when it was asked to"
        case "terminated":
            return "it stopped when it was told to"
        case _:
            return f"it was killed after {format_duration(seen.options.grace)}, since it did not react"


def _was_killed_for_memory(seen: Seen) -> bool:
    limit = seen.options.memory
    return seen.code == -signal.SIGKILL and limit is not None and seen.peak >= _NEARLY * limit


def _crash(seen: Seen) -> ErrorInfo:
    if seen.code is None:
        return _error("Crashed", "the process of the attempt vanished")
    if seen.code >= 0:
        hint = "something called os._exit() or ended the interpreter: return from the function instead"
        message = f"the process ended by itself with exit code {seen.code} before the function returned"
        return _error("Crashed", message, None, {"exit_code": seen.code}, hint=hint)
    name = _signal_name(-seen.code)
    return _error("Crashed", f"process killed by {name}", None, {"signal": name}, hint=_CRASH_HINTS.get(name))


_NATIVE_FAILURE = "a native library failed: the end of the attempt's log shows what was running"

_CRASH_HINTS = {
    "SIGKILL": "somebody killed it, or the machine was short of memory (see the kernel's log)",
    **dict.fromkeys(("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"), _NATIVE_FAILURE),
}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has a number only
        return f"signal {number}"


def _memory(seen: Seen) -> dict[str, Any]:
    return {"peak": seen.peak, "limit": seen.options.memory}


def _memory_words(seen: Seen, how: str) -> str:
    limit = format_size(seen.options.memory or 0)
    peak = f"; at its peak it used {format_size(seen.peak)}" if seen.peak else ""
    return f"the job may use {limit} of memory and needed more ({how}){peak}"


def _error(
    kind: str,
    message: str,
    last: Raised | None = None,
    detail: dict[str, Any] | None = None,
    *,
    hint: str | None = None,
) -> ErrorInfo:
    return ErrorInfo(
        kind=kind,
        message=message,
        type=last.type if last else None,
        traceback=last.traceback or None if last else None,
        hint=hint or (last.hint if last else None),
        detail=detail or {},
    )
