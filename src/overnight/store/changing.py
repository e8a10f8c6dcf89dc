"""What happens to a job besides its attempts: people cancel and revive it, its time runs out, it moves on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, update

from overnight.errors import Conflict
from overnight.jobs import ErrorInfo, Job, Kind, Reason, State
from overnight.options import Options
from overnight.progress import Progress
from overnight.store.encoding import storable, to_json
from overnight.store.moving import Footing, move
from overnight.store.reading import find
from overnight.store.schema import attempt, is_running, job, may_become_void
from overnight.store.transaction import Statement, Transaction
from overnight.store.writer import urgent
from overnight.units import format_duration

_SET_VOID = Statement(update(job).where(job.c.id == bindparam("job")).values(void_at=bindparam("void_at")))


def ends(options: Options, now: float) -> dict[str, float | None]:
    """Return the moments by which a job that is submitted now must have started, and ended."""
    return {
        "expires_at": None if options.expires is None else now + options.expires,
        "deadline_at": None if options.deadline is None else now + options.deadline,
    }


def earlier(moments: Mapping[str, float | None]) -> float | None:
    """Return the earlier of these ends, if there is one."""
    return min((at for at in moments.values() if at is not None), default=None)


# -- by hand -----------------------------------------------------------------------------------------


@urgent
def cancel(tx: Transaction, job_id: str, reason: str | None = None) -> Job:
    """Cancel a job: one that waits ends at once, one that runs is asked to stop and then made to.

    Asked again, it answers the same.

    Raises:
        NotFound: there is no such job.
        Conflict: it has ended otherwise.
    """
    found = find(tx, job_id)
    asked = {
        "cancel_requested_at": tx.now,
        "cancel_reason": None if reason is None else storable(reason),
    }
    match found.state:
        case State.QUEUED:
            ended = {"state": State.CANCELLED, "reason": None, "error": None, "finished_at": tx.now}
            move(tx, _footing(found), Kind.CANCELLED, {**ended, **asked})
            tx.after_commit(tx.place.bells.ring_job, job_id)
        case State.RUNNING if found.cancel_requested_at is None:
            move(tx, _footing(found), Kind.CANCEL_REQUESTED, asked)
            tx.after_commit(tx.place.bells.ring_worker, found.worker)
            tx.after_commit(tx.place.bells.ring_job, job_id)
        case State.RUNNING | State.CANCELLED:
            return found
        case _:
            raise Conflict(
                f"job {job_id} has {found.state}: there is nothing left to cancel",
                hint="a failed job can be put back with `retry`" if found.state is State.FAILED else None,
            )
    return find(tx, job_id)


def revive(tx: Transaction, job_id: str) -> Job:
    """Put a failed or cancelled job back in the queue; it goes on from what it saved.

    Its counters begin anew, and so do the times by which it must have started and ended.

    Raises:
        NotFound: there is no such job.
        Conflict: it has not ended, or it succeeded, or its one start was spent.
    """
    found = find(tx, job_id)
    if found.state not in (State.FAILED, State.CANCELLED):
        raise Conflict(
            f"job {job_id} is {found.state}: only a failed or cancelled job can be put back",
            hint="submit the call again as a new job with `rerun`" if found.done else None,
        )
    if found.options.at_most_once and found.attempt:
        raise Conflict(
            f"job {job_id} is at_most_once, and it has been started",
            hint="submit the call again as a new job with `rerun`",
        )
    begins_anew = dict.fromkeys(
        ("error", "started_at", "finished_at", "cancel_requested_at", "cancel_reason")
    )
    counters = dict.fromkeys(("failures", "crashes", "interruptions"), 0)
    until = ends(found.options, tx.now)
    changes = {"state": State.QUEUED, "reason": Reason.REVIVED, "due_at": tx.now}
    move(tx, _footing(found), Kind.REVIVED, {**changes, **counters, **begins_anew, **until})
    tx.run(_SET_VOID, {"job": job_id, "void_at": earlier(until)})
    tx.after_commit(tx.place.bells.ring_work)
    tx.after_commit(tx.place.bells.ring_job, job_id)
    return find(tx, job_id)


def _footing(found: Job) -> Footing:
    return Footing(found.id, found.state.value, found.attempt, found.n_event)


# -- by time -----------------------------------------------------------------------------------------

_VOID = Statement(
    select(
        job.c.id, job.c.attempt, job.c.n_event, job.c.created_at, job.c.deadline_at, job.c.void_at
    )
    .where(may_become_void, job.c.void_at <= bindparam("now"))
    .order_by(job.c.void_at)
    .limit(bindparam("limit"))
    .with_hint(job, "INDEXED BY voiding", "sqlite")
)  # fmt: skip


def expire(tx: Transaction, limit: int = 100) -> int:
    """Fail the jobs that have waited for too long; return how many, at most `limit`."""
    rows = tx.rows(_VOID, {"now": tx.now, "limit": limit})
    for job_id, fence, n_event, created_at, deadline_at, void_at in rows:
        waited = format_duration(tx.now - created_at)
        if void_at == deadline_at:
            reason = Reason.DEADLINE
            error = ErrorInfo(
                kind="TimedOut", message=f"the time for the whole job was over, {waited} after its submit"
            )
        else:
            reason = Reason.EXPIRED
            error = ErrorInfo(
                kind="Expired", message=f"no worker had started it in time, {waited} after its submit"
            )
        move(
            tx,
            Footing(job_id, State.QUEUED.value, fence, n_event),
            Kind.EXPIRED,
            {"state": State.FAILED, "reason": reason, "error": error, "finished_at": tx.now},
        )
        tx.after_commit(tx.place.bells.ring_job, job_id)
    return len(rows)


_RUNNING_OF = Statement(
    select(job.c.id, job.c.attempt, job.c.n_event).where(is_running, job.c.worker == bindparam("by"))
)


def note_sleep(tx: Transaction, worker: str, seconds: float) -> None:
    """Record that the machine slept while a worker's jobs ran."""
    for job_id, fence, n_event in tx.rows(_RUNNING_OF, {"by": worker}):
        footing = Footing(job_id, State.RUNNING.value, fence, n_event)
        move(tx, footing, Kind.SLEPT, {}, {"seconds": seconds})


# -- by itself ---------------------------------------------------------------------------------------


class ProgressNote(msgspec.Struct, frozen=True):
    """How far along an attempt says its job is."""

    job: str
    attempt: int
    progress: Progress


_NOTE = Statement(
    update(job)
    .where(job.c.id == bindparam("job"), job.c.attempt == bindparam("fence"), is_running)
    .values(
        {
            name: bindparam(name)
            for name in ("done", "total", "message", "rate", "basis", "progress_at")
        }
    )
)  # fmt: skip


def note_progress(tx: Transaction, notes: Sequence[ProgressNote]) -> None:
    """Write how far along jobs are; what an attempt says that is over is dropped."""
    tx.run_many(_NOTE, [_note(tx, note) for note in notes])


def _note(tx: Transaction, note: ProgressNote) -> dict[str, Any]:
    said = note.progress
    return {
        "job": note.job,
        "fence": note.attempt,
        "done": said.done,
        "total": said.total,
        "message": None if said.message is None else storable(said.message),
        "rate": said.rate,
        "basis": said.basis,
        "progress_at": tx.now,
    }


class ProcessNote(msgspec.Struct, frozen=True):
    """Which process works on an attempt."""

    job: str
    attempt: int
    pid: int


_NOTE_PROCESS = Statement(
    update(attempt)
    .where(attempt.c.job == bindparam("of"), attempt.c.n == bindparam("fence"), attempt.c.outcome.is_(None))
    .values(detail=bindparam("detail"))
)


def note(tx: Transaction, progress: Sequence[ProgressNote], processes: Sequence[ProcessNote] = ()) -> None:
    """Write how far along jobs are and who works on them; what an attempt says that is over is dropped."""
    note_progress(tx, progress)
    for it in processes:
        tx.run(_NOTE_PROCESS, {"of": it.job, "fence": it.attempt, "detail": to_json({"pid": it.pid})})
