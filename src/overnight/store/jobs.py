"""The verbs that write about jobs: add, claim, settle, cancel, revive, expire.

Each is a function of a transaction. What becomes of a job is decided in `outcome`; here it is read, written
under the fence, and recorded.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import starmap
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, null, or_, select, update
from uuid_utils import uuid7

from overnight.events import Event
from overnight.jobs import Call, Claim, ErrorInfo, Kind, Reason, State
from overnight.options import Options
from overnight.outcome import Change, Crashed, Interrupted, Lost, Outcome, Standing, Succeeded, name_of
from overnight.outcome import settle as decide
from overnight.store import events
from overnight.store.changing import (
    ProgressNote,
    cancel,
    earlier,
    ends,
    expire,
    note_progress,
    note_sleep,
    revive,
)
from overnight.store.encoding import from_json, options_from_json, options_to_json, to_json
from overnight.store.lanes import Ask, pick
from overnight.store.moving import Footing, fenced, move
from overnight.store.schema import attempt, event, is_queued, is_running, job, payload, saved_state
from overnight.store.transaction import Statement, Transaction
from overnight.store.workers import has_lease
from overnight.store.writer import urgent

__all__ = [
    "Ask",
    "ProgressNote",
    "add",
    "cancel",
    "claim",
    "claim_one",
    "expire",
    "note_progress",
    "note_sleep",
    "revive",
    "settle",
]


def _insertion(*names: str) -> dict[str, Any]:
    return {name: bindparam(name) for name in names}


# -- add ---------------------------------------------------------------------------------------------

_NOT_YET = dict.fromkeys(("attempt", "failures", "crashes", "interruptions", "saved_n"), 0)

_ADD = Statement(
    insert(job).values(
        _insertion(
            "id", "tail", "n_event", "task", "source", "queue", "priority", "options", "needs_memory",
            "needs_cpus", "created_at", "state", "due_at", "expires_at", "deadline_at", "void_at", *_NOT_YET,
        )
    )
)  # fmt: skip
_ADD_PAYLOAD = Statement(insert(payload).values(_insertion("job", "what", "data")))


def add(tx: Transaction, calls: Sequence[Call]) -> list[str]:
    """Make jobs of calls and return their ids, in order."""
    ids, rows, inputs, happened = [], [], [], []
    options: Options | None = None
    life: dict[str, Any] = {}
    same: dict[str, Any] = {}
    for call in calls:
        if call.options is not options:  # the calls of one submit nearly always share them
            options = call.options
            life = _new_life(options, tx.now)
            same = {**life, **_fixed(options, tx.now), **_NOT_YET}
        job_id = str(uuid7())
        ids.append(job_id)
        rows.append({**same, "id": job_id, "tail": job_id[:-9:-1], "task": call.task, "source": call.source})
        inputs.append({"job": job_id, "what": "input", "data": call.input})
        happened.append(Event(job=job_id, n=1, attempt=0, at=tx.now, kind=Kind.SUBMITTED, changes=life))
    tx.run_many(_ADD, rows)
    tx.run_many(_ADD_PAYLOAD, inputs)
    events.record_all(tx, happened)
    tx.after_commit(tx.place.bells.ring_work)
    return ids


def _new_life(options: Options, now: float) -> dict[str, Any]:
    due_at = options.at if options.at is not None else now + options.delay
    return {"state": str(State.QUEUED), "due_at": due_at, **ends(options, now)}


def _fixed(options: Options, now: float) -> dict[str, Any]:
    return {
        "n_event": 1,
        "queue": options.queue,
        "priority": options.priority,
        "options": options_to_json(options),
        "needs_memory": options.memory or 0,
        "needs_cpus": options.cpus,
        "created_at": now,
        "void_at": earlier(ends(options, now)),
    }


# -- claim -------------------------------------------------------------------------------------------

_TAKE = Statement(
    update(job)
    .where(job.c.id == bindparam("job"), is_queued)
    .values(
        state="running",
        reason=null(),
        attempt=job.c.attempt + 1,
        n_event=job.c.n_event + 1,
        worker=bindparam("by"),
        started_at=bindparam("now"),
        void_at=job.c.deadline_at,
        # How far an earlier attempt had come says nothing of this one.
        **dict.fromkeys(("done", "total", "message", "rate", "basis", "progress_at"), null()),
    )
    .returning(
        job.c.attempt, job.c.n_event, job.c.task, job.c.source, job.c.options, job.c.deadline_at
    )
)  # fmt: skip
_BEGIN_ATTEMPT = Statement(insert(attempt).values(_insertion("job", "n", "worker", "started_at")))
_BELONGINGS = Statement(
    select(payload.c.data, saved_state.c.data, saved_state.c.n)
    .select_from(payload.outerjoin(saved_state, saved_state.c.job == payload.c.job))
    .where(payload.c.job == bindparam("job"), payload.c.what == "input")
)
_IS_DUE = Statement(
    select(job.c.id).where(
        job.c.id == bindparam("job"),
        is_queued,
        or_(
            job.c.due_at <= bindparam("now"),
            job.c.reason.in_([Reason.RETRY.value, Reason.CRASHED.value, Reason.LOST.value]),
        ),
        or_(job.c.void_at.is_(None), job.c.void_at > bindparam("now")),
    )
)


def claim(tx: Transaction, ask: Ask) -> list[Claim]:
    """Take the jobs that come next and fit, each for one attempt; none for a worker without a lease."""
    return _take(tx, pick(tx, ask), ask.worker) if has_lease(tx, ask.worker) else []


def claim_one(tx: Transaction, job_id: str, worker: str) -> Claim | None:
    """Take this very job, if it waits and is due; the wait before another attempt is not waited for."""
    if not has_lease(tx, worker) or tx.one(_IS_DUE, {"job": job_id, "now": tx.now}) is None:
        return None
    return _take(tx, [job_id], worker)[0]


def _take(tx: Transaction, ids: Sequence[str], worker: str) -> list[Claim]:
    claims, begun, happened = [], [], []
    for job_id in ids:
        row = tx.one(_TAKE, {"job": job_id, "by": worker, "now": tx.now})
        if row is None:
            continue  # somebody else was faster
        n, n_event, task, source, options, deadline_at = row
        data, saved, saved_n = tx.rows(_BELONGINGS, {"job": job_id})[0]
        claims.append(
            Claim(
                job=job_id,
                attempt=n,
                worker=worker,
                task=task,
                source=source,
                options=options_from_json(options),
                input=data,
                started_at=tx.now,
                deadline_at=deadline_at,
                saved=saved,
                saved_n=saved_n or 0,
            )
        )
        begun.append({"job": job_id, "n": n, "worker": worker, "started_at": tx.now})
        changes = {
            "state": str(State.RUNNING),
            "reason": None,
            "attempt": n,
            "worker": worker,
            "started_at": tx.now,
        }
        happened.append(
            Event(job=job_id, n=n_event, attempt=n, at=tx.now, kind=Kind.CLAIMED, changes=changes)
        )
    if claims:
        tx.run_many(_BEGIN_ATTEMPT, begun)
        events.record_all(tx, happened)
    return claims


# -- settle ------------------------------------------------------------------------------------------

_STANDING = Statement(
    select(
        job.c.n_event, job.c.options, job.c.failures, job.c.crashes, job.c.interruptions, job.c.saved_n,
        job.c.deadline_at, job.c.cancel_requested_at,
    ).where(job.c.id == bindparam("job"), job.c.attempt == bindparam("fence"), is_running)
)  # fmt: skip
_END_ATTEMPT = Statement(
    update(attempt)
    .where(attempt.c.job == bindparam("of"), attempt.c.n == bindparam("fence"))
    .values(_insertion("ended_at", "outcome", "detail", "cpu_seconds", "peak_memory"))
)
_FORGET_SAVED = Statement(delete(saved_state).where(saved_state.c.job == bindparam("of")))
_SAVED_N = Statement(select(saved_state.c.n).where(saved_state.c.job == bindparam("of")))
_CRASHES = Statement(
    select(attempt.c.outcome, attempt.c.detail).where(
        attempt.c.job == bindparam("of"),
        attempt.c.outcome.in_([Crashed.__name__, Lost.__name__, Interrupted.__name__]),
        # Those before somebody put the job back by hand are forgiven.
        attempt.c.n
        > func.coalesce(
            select(func.max(event.c.attempt))
            .where(event.c.job == bindparam("of"), event.c.kind == Kind.REVIVED.value)
            .scalar_subquery(),
            0,
        ),
    )
)


@urgent
def settle(
    tx: Transaction,
    job_id: str,
    fence: int,
    outcome: Outcome,
    *,
    detail: Mapping[str, Any] | None = None,
    cpu_seconds: float | None = None,
    peak_memory: int | None = None,
    jitter: float | None = None,
) -> Change:
    """End an attempt: decide what becomes of its job, and write it.

    Args:
        tx: the transaction.
        job_id: the job.
        fence: the number of the attempt.
        outcome: how it ended.
        detail: more facts about that, for people.
        cpu_seconds: what its processes used.
        peak_memory: the most memory that they used, in bytes.
        jitter: a number in [0, 1) that spreads waits; by default a random one.

    Raises:
        Fenced: the attempt is not the one that runs; nothing was written.
    """
    row = tx.one(_STANDING, {"job": job_id, "fence": fence})
    if row is None:
        raise fenced(job_id, fence)
    n_event, *_ = row
    change = decide(
        _standing(tx, job_id, row, outcome),
        outcome,
        now=tx.now,
        jitter=random.random() if jitter is None else jitter,
        crash_limit=tx.place.crash_limit,
    )
    facts = {**change.detail, **(detail or {})}
    move(tx, Footing(job_id, State.RUNNING, fence, n_event), change.kind, change.columns, facts)
    if isinstance(outcome, Succeeded):
        tx.run(_ADD_PAYLOAD, {"job": job_id, "what": "result", "data": outcome.result})
        tx.run(_FORGET_SAVED, {"of": job_id})
    tx.run(
        _END_ATTEMPT,
        {
            "of": job_id,
            "fence": fence,
            "ended_at": tx.now,
            "outcome": name_of(outcome),
            "detail": _facts(outcome, facts),
            "cpu_seconds": cpu_seconds,
            "peak_memory": peak_memory,
        },
    )
    tx.after_commit(tx.place.bells.ring_job, job_id)
    if change.state is State.QUEUED:
        tx.after_commit(tx.place.bells.ring_work)
    return change


def _standing(tx: Transaction, job_id: str, row: Any, outcome: Outcome) -> Standing:
    _, options, failures, crashes, interruptions, saved_n, deadline_at, cancel_requested_at = row
    crashes_in_all = saved_now = 0
    if isinstance(outcome, (Crashed, Lost, Interrupted)):  # nothing else asks for what is read here
        crashes_in_all = sum(starmap(_is_crash, tx.rows(_CRASHES, {"of": job_id})))
        saved = tx.one(_SAVED_N, {"of": job_id})
        saved_now = saved[0] if saved else 0
    return Standing(
        options=options_from_json(options),
        failures=failures,
        crashes=crashes,
        interruptions=interruptions,
        crashes_in_all=crashes_in_all,
        saved_n=saved_n,
        saved_now=saved_now,
        deadline_at=deadline_at,
        cancel_requested_at=cancel_requested_at,
    )


def _is_crash(outcome: str, detail: str | None) -> bool:
    """Whether an attempt counts against its job: all do, except an interruption that was announced."""
    return outcome != Interrupted.__name__ or not from_json(detail or "{}").get("announced", True)


def _facts(outcome: Outcome, facts: Mapping[str, Any]) -> str | None:
    error: ErrorInfo | None = getattr(outcome, "error", None)
    told = {name: fact for name, fact in facts.items() if name != "outcome"}
    if error is not None:
        told |= {"message": error.message, "type": error.type, **error.detail}
    return to_json(told) if told else None
