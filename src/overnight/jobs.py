"""A job, its five states, and the table of the moves between them.

States are facts and requests are flags: a job that somebody wants to cancel is *running* with
`cancel_requested_at`. What people read is derived from both, in `status_text`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from overnight.options import Options
from overnight.progress import Progress


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"  #: waits for a worker, from `due_at` on
    RUNNING = "running"  #: one attempt holds it under a lease
    SUCCEEDED = "succeeded"  #: has its result
    FAILED = "failed"  #: ended without one
    CANCELLED = "cancelled"  #: ended because somebody asked for that

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class Kind(StrEnum):
    """What can happen to a job: the kinds of event."""

    SUBMITTED = "submitted"
    CLAIMED = "claimed"
    SETTLED = "settled"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"  #: before any attempt had it
    EXPIRED = "expired"
    REVIVED = "revived"  #: put back by hand
    SLEPT = "slept"  #: the machine did, while the job ran


#: The table of legal moves. The picture in the docs is drawn from it, and the checker walks it.
MOVES: dict[Kind, frozenset[tuple[State | None, State]]] = {
    Kind.SUBMITTED: frozenset({(None, State.QUEUED)}),
    Kind.CLAIMED: frozenset({(State.QUEUED, State.RUNNING)}),
    Kind.SETTLED: frozenset(
        (State.RUNNING, end) for end in (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.QUEUED)
    ),
    Kind.CANCEL_REQUESTED: frozenset({(State.RUNNING, State.RUNNING)}),
    Kind.CANCELLED: frozenset({(State.QUEUED, State.CANCELLED)}),
    Kind.EXPIRED: frozenset({(State.QUEUED, State.FAILED)}),
    Kind.REVIVED: frozenset({(State.FAILED, State.QUEUED), (State.CANCELLED, State.QUEUED)}),
    Kind.SLEPT: frozenset({(State.RUNNING, State.RUNNING)}),
}


class Reason(StrEnum):
    """Why a job is where it is, where the state alone does not say."""

    RETRY = "retry"
    SNOOZE = "snooze"
    INTERRUPTED = "interrupted"
    CRASHED = "crashed"
    LOST = "lost"
    REVIVED = "revived"
    POISON = "poison"  #: took down too many of its processes
    EXPIRED = "expired"  #: not started in time
    DEADLINE = "deadline"  #: the time for the whole job was over
    AT_MOST_ONCE = "at_most_once"  #: its one start was spent


class ErrorInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an attempt did not succeed, as it is kept and shown.

    Attributes:
        kind: the outcome's name: `Failed`, `TimedOut`, `OutOfMemory`, `Crashed`, `Lost`, `Expired`.
        message: what happened, in one line for people.
        type: the exception's type, where the task raised one: "ValueError", "app.errors.NoSuchUser".
        traceback: its traceback as text.
        hint: what to do about it.
        detail: facts of the kind: `signal`, `exit_code`, `peak`, `limit`, `stopped_by`.
    """

    kind: str
    message: str
    type: str | None = None
    traceback: str | None = None
    hint: str | None = None
    detail: dict[str, Any] = {}

    def to_json(self) -> dict[str, Any]:
        """Return the `error` of a job's JSON."""
        return {
            "kind": self.kind,
            "type": self.type,
            "message": self.message,
            "traceback": self.traceback,
            "hint": self.hint,
            "detail": self.detail,
        }


#: The columns of a job that make up its life. Every change of one of them is written with its event.
LIFE = (
    "state", "reason", "attempt", "failures", "crashes", "interruptions", "saved_n", "worker",
    "due_at", "expires_at", "deadline_at", "started_at", "finished_at",
    "cancel_requested_at", "cancel_reason", "error", "result_digest",
)  # fmt: skip


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a task, at one moment. Times are seconds since the epoch.

    Attributes:
        id: a UUID (version 7); its last 8 digits are the short form.
        task: the task's name, `source`: the file or module it comes from.
        input: the arguments as JSON values, by name; None where they were not read.
        result: the result as JSON, None unless `state` is succeeded.
        attempt: the fence: counts the starts, never given back.
        failures, crashes, interruptions: how attempts ended, each with a budget of its own.
        saved_n: how far its saved state had come when an attempt last crashed.
        n_event: how many events it has.
        unserved: why no worker serves it, where that is known; derived, not stored.
    """

    id: str
    task: str
    source: str
    state: State
    options: Options
    created_at: float
    due_at: float
    reason: str | None = None
    input: dict[str, Any] | None = None
    result: Any = None
    result_digest: str | None = None
    error: ErrorInfo | None = None
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    interruptions: int = 0
    saved_n: int = 0
    n_event: int = 1
    worker: str | None = None
    cancel_requested_at: float | None = None
    cancel_reason: str | None = None
    progress: Progress = Progress()
    expires_at: float | None = None
    deadline_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    unserved: str | None = None

    @property
    def short_id(self) -> str:
        """The last 8 digits of the id, accepted wherever an id is."""
        return self.id[-8:]

    @property
    def done(self) -> bool:
        """Whether the job has ended."""
        return self.state.is_final

    def status_text(self, now: float) -> str:
        """Say in words how the job stands at a wall time."""
        if self.state is State.RUNNING:
            return "cancelling" if self.cancel_requested_at is not None else "running"
        if self.state is State.QUEUED:
            if self.due_at > now:
                when = _clock_time(self.due_at, now)
                return f"retrying at {when}" if self.reason in _TRIED_AGAIN else f"scheduled for {when}"
            return f"queued: {self.unserved}" if self.unserved else "queued"
        if self.state is State.FAILED and self.reason:
            return f"failed: {self.reason.replace('_', ' ')}"
        return self.state.value

    def to_json(self, now: float) -> dict[str, Any]:
        """Return the job as the JSON that every face shows.

        Args:
            now: wall time in seconds since the epoch, for the words of `status_text`.
        """
        return {
            "id": self.id,
            "task": self.task,
            "source": self.source,
            "state": self.state.value,
            "done": self.done,
            "reason": self.reason,
            "status_text": self.status_text(now),
            "queue": self.options.queue,
            "priority": self.options.priority,
            "owner": self.options.owner,
            "tags": list(self.options.tags),
            "input": self.input,
            "result": self.result,
            "error": self.error.to_json() if self.error else None,
            "attempt": self.attempt,
            "attempts": self.options.attempts,
            "failures": self.failures,
            "crashes": self.crashes,
            "interruptions": self.interruptions,
            "worker": self.worker,
            "cancel_requested_at": iso_time(self.cancel_requested_at),
            "progress": self.progress.to_json(),
            "created_at": iso_time(self.created_at),
            "due_at": iso_time(self.due_at),
            "started_at": iso_time(self.started_at),
            "finished_at": iso_time(self.finished_at),
        }


_TRIED_AGAIN = (Reason.RETRY, Reason.CRASHED, Reason.LOST, Reason.INTERRUPTED)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a task that is to become a job: its arguments as canonical JSON, checked."""

    task: str
    source: str
    options: Options
    input: bytes


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One start of a job, as it is kept.

    Attributes:
        n: its number, from 1; the fence under which it wrote.
        outcome: how it ended, None while it runs.
        detail: facts of its end.
        cpu_seconds, peak_memory: what its processes used; memory in bytes.
    """

    job: str
    n: int
    worker: str
    started_at: float
    ended_at: float | None = None
    outcome: str | None = None
    detail: dict[str, Any] = {}
    cpu_seconds: float | None = None
    peak_memory: int | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The right to run one attempt of a job, and to write about it: held by one worker at a time.

    Attributes:
        input: the arguments as JSON bytes.
        saved: the saved state that an earlier attempt left, and `saved_n`, how many saves that were.
    """

    job: str
    attempt: int
    worker: str
    task: str
    source: str
    options: Options
    input: bytes
    started_at: float
    deadline_at: float | None = None
    saved: bytes | None = None
    saved_n: int = 0


def iso_time(at: float | None) -> str | None:
    """Write seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clock_time(at: float, now: float) -> str:
    """Write a moment as people say it: the time, with the day unless it is today."""
    moment, today = datetime.fromtimestamp(at).astimezone(), datetime.fromtimestamp(now).astimezone()
    return moment.strftime("%H:%M:%S" if moment.date() == today.date() else "%Y-%m-%d %H:%M")
