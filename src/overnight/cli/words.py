"""Jobs in words and numbers for people."""

from __future__ import annotations

import json
from datetime import datetime

from overnight.jobs import ErrorInfo, Job, Reason, State
from overnight.progress import Progress
from overnight.units import format_duration

#: A result longer than this is not shown in a line, in characters.
_LONGEST_RESULT = 60


def short(job_id: str) -> str:
    """Write the short form of an id, which every command takes."""
    return f"…{job_id[-8:]}"


def count(number: float) -> str:
    """Write a count of units: 812, 0.5, 1.2e+09."""
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else f"{number:.4g}"


def grouped(number: float) -> str:
    """Write a count of units for a sentence: 1,640."""
    return f"{int(number):,}" if number == int(number) and abs(number) < 1e15 else f"{number:.4g}"


def rate_text(rate: float) -> str:
    """Write a rate per second, minute or hour, whichever can be read."""
    seconds, unit = next(((it, name) for it, name in _PER if rate * it >= 1), _PER[-1])
    shown = rate * seconds
    return f"{shown:,.0f}/{unit}" if shown >= 100 else f"{shown:.1f}/{unit}"


_PER = ((1, "s"), (60, "min"), (3600, "h"))


def time_left(seconds: float) -> str:
    """Write an estimate as one: about how long."""
    for length, most, unit in ((1, 90, "s"), (60, 90, "min"), (3600, 48, "h")):
        if seconds < most * length:
            return f"~{max(round(seconds / length), 1)} {unit} left"
    return f"~{round(seconds / 86400)} d left"


def done_of(progress: Progress) -> str:
    """Write how much is done, and of how much: "812/1640"."""
    if progress.done is None:
        return ""
    total = "" if progress.total is None else f"/{count(progress.total)}"
    return f"{count(progress.done)}{total}"


def pace(progress: Progress) -> str:
    """Write the rate and the time left, where they are known."""
    words = [rate_text(progress.rate)] if progress.rate else []
    if progress.eta:
        words.append(time_left(progress.eta))
    return "  ".join(words)


def progress_text(progress: Progress) -> str:
    """Write progress in a line: "812/1640  49 %  3.1/s  ~4 min left  message"."""
    fraction = progress.fraction
    part = "" if fraction is None else f"{int(fraction * 100)} %"
    words = (done_of(progress), part, pace(progress), progress.message or "")
    return "  ".join(word for word in words if word)


def clock_time(at: float) -> str:
    """Write the time of day of a moment."""
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")


def moment(at: float) -> str:
    """Write a moment with its day."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def ago(at: float, now: float) -> str:
    """Write how long ago something was, in one unit."""
    past = max(now - at, 0)
    for length, most, unit in ((1, 60, "s"), (60, 60, "m"), (3600, 48, "h")):
        if past < most * length:
            return f"{int(past / length)}{unit}"
    return f"{int(past / 86400)}d"


def took(job: Job, *, began: float | None = None) -> str:
    """Write how long a job that has ended took."""
    began = began or job.started_at or job.created_at
    return format_duration(max((job.finished_at or began) - began, 0))


def result_text(data: bytes) -> str | None:
    """Write a result that is short enough for a line, else None."""
    text = data.decode()
    return text if len(text) <= _LONGEST_RESULT and "\x7f" not in text else None


def error_text(error: ErrorInfo) -> str:
    """Write what an attempt ended with: "ValueError: no such file"."""
    return f"{error.type}: {error.message}" if error.type and error.kind == "Failed" else error.message


def failure_text(job: Job) -> str:
    """Write why a job has failed."""
    said = error_text(job.error) if job.error else "no reason is known"
    match job.reason:
        case Reason.POISON:
            times = f"{job.crashes} times in a row" if job.crashes > 1 else "too often"
            return f"its process died {times}, the last time: {said}"
        case Reason.AT_MOST_ONCE:
            return f"{said}; it may not be started again (at_most_once)"
        case Reason.DEADLINE if job.error and job.error.kind != "TimedOut":
            return f"{said}; there is no time left for another attempt (deadline)"
    if job.options.attempts > 1 and job.failures >= job.options.attempts:
        return f"{said} (attempt {job.failures} of {job.options.attempts})"
    return said


def end_text(job: Job, *, began: float | None = None, result: bytes | None = None) -> str:
    """Write how a job ended, with its sign in front."""
    if job.state is State.SUCCEEDED:
        shown = None if result is None else result_text(result)
        arrow = f" → {shown}" if shown not in {None, "null"} else ""
        return f"✔ succeeded in {took(job, began=began)}{arrow}"
    if job.state is State.CANCELLED:
        return f"✘ cancelled: {job.cancel_reason}" if job.cancel_reason else "✘ cancelled"
    return f"✘ failed: {failure_text(job)}"


def one_line(value: object, most: int = 200) -> str:
    """Write a JSON value in one line, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[:most]}…"
