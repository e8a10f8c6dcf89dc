"""How an attempt can end, and what becomes of the job: the decisions, all of them pure.

The store persists what is decided here, in the transaction that reads the job, so that a cancel which
arrives between the end of an attempt and its settling is seen.
"""

from __future__ import annotations

from typing import Any, assert_never

import msgspec

from overnight.jobs import ErrorInfo, Kind, Reason, State
from overnight.options import Options

#: Crashes and losses in a row, without new saved state, after which a job is called poison.
CRASH_LIMIT = 3

#: Crashes, losses and interruptions that nobody announced, in all, whatever was saved between them.
HARD_CRASH_LIMIT = 20

#: So many of them go on at once when they were interruptions: a neighbour that ends a zygote costs nothing.
_PATIENCE = 5


class Succeeded(msgspec.Struct, frozen=True):
    """The function returned; `result` is JSON, `digest` names its bytes."""

    result: bytes
    digest: str


class Failed(msgspec.Struct, frozen=True):
    """The function raised, or returned what cannot be kept.

    `retried` says whether its exception is worth another attempt, `after` what the task itself asked for.
    """

    error: ErrorInfo
    retried: bool = True
    after: float | None = None


class TimedOut(msgspec.Struct, frozen=True):
    """The attempt took longer than its timeout, or the job longer than its deadline."""

    error: ErrorInfo
    deadline: bool = False


class OutOfMemory(msgspec.Struct, frozen=True):
    """The processes of the attempt used more memory than the job may."""

    error: ErrorInfo


class Crashed(msgspec.Struct, frozen=True):
    """The process of the attempt died without a word."""

    error: ErrorInfo


class Lost(msgspec.Struct, frozen=True):
    """The worker of the attempt died, or could not renew its lease."""

    error: ErrorInfo


class Cancelled(msgspec.Struct, frozen=True):
    """The attempt was ended because somebody cancelled the job; `stopped_by` says what it took."""

    stopped_by: str = "asked"


class Interrupted(msgspec.Struct, frozen=True):
    """The attempt was ended to hand the job over; nothing is spent.

    Not `announced` where it was not the worker that ended it, but somebody's SIGTERM, or the death of its
    zygote. A job may do that to itself, at every start, so it is borne for a while only. Not `was_started`
    where its function was never called: then not even a job with one start has lost anything.
    """

    stopped_by: str = "asked"
    announced: bool = True
    was_started: bool = True


class Snoozed(msgspec.Struct, frozen=True):
    """The task asked to be started again after so many seconds."""

    wait: float


Outcome = Succeeded | Failed | TimedOut | OutOfMemory | Crashed | Lost | Cancelled | Interrupted | Snoozed


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What `settle` must know of the job whose attempt has ended.

    Attributes:
        crashes_in_all: attempts since the job began or was revived that ended as Crashed or Lost, or were
            interrupted unannounced.
        saved_n: how far saved state had come at the last crash, `saved_now`: how far it has come.
    """

    options: Options
    failures: int = 0
    crashes: int = 0
    interruptions: int = 0
    crashes_in_all: int = 0
    saved_n: int = 0
    saved_now: int = 0
    deadline_at: float | None = None
    cancel_requested_at: float | None = None


class Change(msgspec.Struct, frozen=True):
    """What becomes of a job: the columns to write, and the event that records them."""

    kind: Kind
    columns: dict[str, Any]
    detail: dict[str, Any] = {}

    @property
    def state(self) -> State:
        """The state the job moves to."""
        return State(self.columns["state"])


def settle(
    job: Standing, outcome: Outcome, *, now: float, jitter: float, crash_limit: int = CRASH_LIMIT
) -> Change:
    """Decide what becomes of a job now that this attempt has ended.

    Args:
        job: how the job stands.
        outcome: how the attempt ended.
        now: wall time in seconds since the epoch.
        jitter: a number in [0, 1) that spreads waits.
        crash_limit: crashes in a row that make a job poison.
    """
    match outcome:
        case Succeeded():
            return _end(State.SUCCEEDED, outcome, now, result_digest=outcome.digest)
        case Cancelled():
            return _end(State.CANCELLED, outcome, now)
        case Failed() | TimedOut() | OutOfMemory():
            return _after_failure(job, outcome, now, jitter)
        case Crashed() | Lost():
            return _after_crash(job, outcome, now, jitter, crash_limit)
        case Interrupted():
            return _after_interruption(job, outcome, now, jitter, crash_limit)
        case Snoozed():
            return _again(job, outcome, now, wait=outcome.wait, reason=Reason.SNOOZE, spent={})
        case _:
            assert_never(outcome)


def _after_failure(
    job: Standing, outcome: Failed | TimedOut | OutOfMemory, now: float, jitter: float
) -> Change:
    failures = job.failures + 1
    spent = {"failures": failures}
    if isinstance(outcome, TimedOut) and outcome.deadline:
        return _fail(outcome, now, Reason.DEADLINE, spent)
    retried = outcome.retried if isinstance(outcome, Failed) else True
    if not retried or failures >= job.options.attempts:
        return _fail(outcome, now, None, spent)
    asked = outcome.after if isinstance(outcome, Failed) else None
    wait = job.options.backoff.wait_after(failures, jitter=jitter) if asked is None else asked
    return _again(job, outcome, now, wait=wait, reason=Reason.RETRY, spent=spent)


def _after_crash(
    job: Standing, outcome: Crashed | Lost, now: float, jitter: float, crash_limit: int
) -> Change:
    moved = job.saved_now > job.saved_n
    crashes = 1 if moved else job.crashes + 1
    spent = {"crashes": crashes, "saved_n": max(job.saved_now, job.saved_n)}
    if crashes >= crash_limit or job.crashes_in_all + 1 >= max(HARD_CRASH_LIMIT, crash_limit):
        return _fail(outcome, now, Reason.POISON, spent)
    reason = Reason.CRASHED if isinstance(outcome, Crashed) else Reason.LOST
    wait = job.options.backoff.wait_after_crash(crashes, jitter=jitter)
    return _again(job, outcome, now, wait=wait, reason=reason, spent=spent)


def _after_interruption(
    job: Standing, outcome: Interrupted, now: float, jitter: float, crash_limit: int
) -> Change:
    spent = {"interruptions": job.interruptions + 1}
    wait = 0.0
    if not outcome.announced:
        in_all = job.crashes_in_all + 1
        if in_all >= max(HARD_CRASH_LIMIT, crash_limit):
            return _fail(outcome, now, Reason.POISON, spent)
        wait = job.options.backoff.wait_after_crash(max(in_all - _PATIENCE, 1), jitter=jitter)
    return _again(job, outcome, now, wait=wait, reason=Reason.INTERRUPTED, spent=spent)


def _again(
    job: Standing, outcome: Outcome, now: float, *, wait: float, reason: Reason, spent: dict[str, Any]
) -> Change:
    """Put the job back in the queue, unless something says that it may not run again."""
    if job.cancel_requested_at is not None:
        return _end(State.CANCELLED, outcome, now, **spent)
    was_started = outcome.was_started if isinstance(outcome, Interrupted) else True
    if job.options.at_most_once and was_started:
        return _fail(outcome, now, Reason.AT_MOST_ONCE, spent)
    due_at = now + wait
    if job.deadline_at is not None and due_at >= job.deadline_at:
        return _fail(outcome, now, Reason.DEADLINE, spent)
    columns = {"state": State.QUEUED, "reason": reason, "due_at": due_at, "worker": None, **spent}
    error = getattr(outcome, "error", None)
    if error is not None:
        columns["error"] = error
    return Change(Kind.SETTLED, columns, _facts(outcome))


def _fail(outcome: Outcome, now: float, reason: Reason | None, spent: dict[str, Any]) -> Change:
    error = getattr(outcome, "error", None) or ErrorInfo(
        kind=name_of(outcome),
        message=_NO_MORE.get(reason, "the attempt was interrupted and the job may not be started again"),
        hint=_POISON_HINT if reason is Reason.POISON else None,
    )
    return _end(State.FAILED, outcome, now, reason=reason, error=error, **spent)


_NO_MORE: dict[Reason | None, str] = {
    Reason.DEADLINE: "the time for the whole job is over before it could be started again",
    Reason.POISON: "its attempts were interrupted too often by others than their worker",
}
_POISON_HINT = "does the task signal its own process group, or end its parent?"


def _end(state: State, outcome: Outcome, now: float, **columns: Any) -> Change:
    settled = {"state": state, "reason": None, "finished_at": now, "worker": None, "error": None, **columns}
    return Change(Kind.SETTLED, settled, _facts(outcome))


def _facts(outcome: Outcome) -> dict[str, Any]:
    facts: dict[str, Any] = {"outcome": name_of(outcome)}
    if isinstance(outcome, (Cancelled, Interrupted)):
        facts["stopped_by"] = outcome.stopped_by
    if isinstance(outcome, Interrupted) and not outcome.announced:
        facts["announced"] = False
    return facts


def name_of(outcome: Outcome) -> str:
    """Return the outcome's name, the word that people read."""
    return type(outcome).__name__
