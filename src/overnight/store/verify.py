"""Whether a store keeps its word: the invariants, checked from its tables alone, on a live store.

Jobs are independent of each other, so each page of them is read in a short transaction of its own, and nobody
is held up. The numbers are those of the promise in the docs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import msgspec
from sqlalchemy import bindparam, select, text

from overnight.codec import digest
from overnight.events import Event, IllegalHistory, fold
from overnight.jobs import LIFE, Attempt, Job, Kind, State
from overnight.outcome import HARD_CRASH_LIMIT, Crashed, Lost
from overnight.store import events, reading
from overnight.store.encoding import from_json
from overnight.store.schema import job, saved_state, worker
from overnight.store.store import Store
from overnight.store.transaction import Statement, Transaction

#: Jobs are read so many at a time.
_PAGE = 100


class Violation(msgspec.Struct, frozen=True):
    """Something that must never be.

    Attributes:
        invariant: its number, or "fold" where the record does not add up to the row.
        job: which job it is about; None for the store as a whole.
        message: what was found.
    """

    invariant: str
    job: str | None
    message: str


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All that a store knows of one job, at one moment.

    Attributes:
        row: the columns of its life, as they are kept.
        result: its result as JSON.
        saved: (attempt, n) of its saved state.
        has_worker: whether the worker that it names has a row.
    """

    job: Job
    row: dict[str, Any]
    events: list[Event]
    attempts: list[Attempt]
    result: bytes | None
    saved: tuple[int, int] | None
    has_worker: bool


_IDS = Statement(
    select(job.c.id).where(job.c.id > bindparam("after")).order_by(job.c.id).limit(bindparam("page"))
)
_LIFE = Statement(select(*(job.c[name] for name in LIFE)).where(job.c.id == bindparam("job")))
_SAVED = Statement(
    select(saved_state.c.attempt, saved_state.c.n).where(saved_state.c.job == bindparam("job"))
)
_WORKER = Statement(select(worker.c.id).where(worker.c.id == bindparam("worker")))
_INTEGRITY = Statement(text("PRAGMA integrity_check"))


def verify(store: Store) -> list[Violation]:
    """Return every violation of an invariant that can be seen in a store."""
    found = list(store.read(_check_file))
    after = ""
    while page := store.read(_page, after):
        after = page[-1].job.id
        found += (violation for history in page for violation in check(history))
    return found


def _check_file(tx: Transaction) -> list[Violation]:
    said = [row[0] for row in tx.rows(_INTEGRITY)]
    return [Violation("I20", None, line) for line in said if line != "ok"]


def _page(tx: Transaction, after: str) -> list[History]:
    return [_history(tx, row[0]) for row in tx.rows(_IDS, {"after": after, "page": _PAGE})]


def _history(tx: Transaction, job_id: str) -> History:
    found = reading.find(tx, job_id)
    life = tx.rows(_LIFE, {"job": job_id})[0]
    saved = tx.one(_SAVED, {"job": job_id})
    row = {name: life[name] for name in LIFE}
    row["error"] = None if row["error"] is None else from_json(row["error"])
    return History(
        job=found,
        row=row,
        events=events.of(tx, job_id),
        attempts=reading.attempts(tx, job_id),
        result=reading.payload(tx, job_id, "result"),
        saved=None if saved is None else (saved[0], saved[1]),
        has_worker=tx.one(_WORKER, {"worker": found.worker}) is not None,
    )


def check(history: History) -> Iterator[Violation]:
    """Find what is wrong with one job."""
    for invariant, find in _CHECKS.items():
        for message in find(history):
            yield Violation(invariant, history.job.id, message)


def _record(history: History) -> Iterator[str]:
    """The record adds up to the row."""
    try:
        life = fold(history.events)
    except IllegalHistory:
        return  # told as I4
    for name in LIFE:
        if life[name] != history.row[name]:
            yield f"{name} is {history.row[name]!r}, and its events say {life[name]!r}"
    if len(history.events) != history.job.n_event:
        yield f"it counts {history.job.n_event} events, and has {len(history.events)}"


def _path(history: History) -> Iterator[str]:
    """Events walk the table of moves, each under the fence of its time."""
    try:
        fold(history.events)
    except IllegalHistory as error:
        yield str(error)


def _fence(history: History) -> Iterator[str]:
    """The fence rises with every claim and is never given back."""
    numbers = [attempt.n for attempt in history.attempts]
    if numbers != list(range(1, history.job.attempt + 1)):
        yield f"its fence is {history.job.attempt}, and its attempts are {numbers}"
    claims = [event.attempt for event in history.events if event.kind is Kind.CLAIMED]
    if any(later <= earlier for earlier, later in pairwise(claims)):
        yield f"its claims carry the fences {claims}"


def _authority(history: History) -> Iterator[str]:
    """One attempt at a time speaks for a job, and only while it runs."""
    live = [attempt.n for attempt in history.attempts if attempt.outcome is None]
    expected = [history.job.attempt] if history.job.state is State.RUNNING else []
    if live != expected:
        yield f"it is {history.job.state}, and the attempts that have not ended are {live}"
    if (history.job.worker is not None) != (history.job.state is State.RUNNING):
        yield f"it is {history.job.state}, and its worker is {history.job.worker}"


def _stale_writes(history: History) -> Iterator[str]:
    """Nothing was written by an attempt that had not begun."""
    if history.saved is not None and not 1 <= history.saved[0] <= history.job.attempt:
        yield f"its saved state is of attempt {history.saved[0]}, and its fence is {history.job.attempt}"


def _budgets(history: History) -> Iterator[str]:
    """No budget is overdrawn."""
    it = history.job
    if it.failures > it.options.attempts:
        yield f"it has failed {it.failures} times, and has {it.options.attempts} attempts"
    if it.options.at_most_once and it.attempt > 1:
        yield f"it is at_most_once, and was started {it.attempt} times"
    revived = max((event.attempt for event in history.events if event.kind is Kind.REVIVED), default=0)
    lost = [
        attempt.n
        for attempt in history.attempts
        if attempt.n > revived and attempt.outcome in (Crashed.__name__, Lost.__name__)
    ]
    if len(lost) > HARD_CRASH_LIMIT:
        yield f"it has crashed or been lost {len(lost)} times"


def _result(history: History) -> Iterator[str]:
    """A job has a result, one and the right one, if and only if it succeeded."""
    if (history.result is not None) != (history.job.state is State.SUCCEEDED):
        yield f"it is {history.job.state}, and has {'a' if history.result is not None else 'no'} result"
    elif history.result is not None and digest(history.result) != history.job.result_digest:
        yield f"its result has the digest {digest(history.result)}, not {history.job.result_digest}"


def _stuck(history: History) -> Iterator[str]:
    """Whoever runs a job can be found dead."""
    if history.job.state is State.RUNNING and not history.has_worker:
        yield f"it runs on worker {history.job.worker}, which has no row: nobody would rescue it"


def _cancels(history: History) -> Iterator[str]:
    """After a cancel nothing is started, and nothing is put back, but by hand."""
    asked: int | None = None
    for event in history.events:
        if event.kind in (Kind.CANCEL_REQUESTED, Kind.CANCELLED):
            asked = event.n
        elif event.kind is Kind.REVIVED:
            asked = None
        elif asked is not None and event.changes.get("state") in (State.QUEUED, State.RUNNING):
            yield f"event {event.n} {event.kind} comes after the cancel in event {asked}"


def _saves(history: History) -> Iterator[str]:
    """Saved state never goes back."""
    if history.saved is None:
        if history.job.saved_n and history.job.state is not State.SUCCEEDED:
            yield f"it had saved {history.job.saved_n} times at its last crash, and has no saved state"
    elif history.saved[1] < history.job.saved_n:
        yield f"its saved state is number {history.saved[1]}, and was {history.job.saved_n} at its last crash"


_CHECKS: dict[str, Callable[[History], Iterator[str]]] = {
    "I4": _path,
    "fold": _record,
    "I6": _fence,
    "I7": _authority,
    "I8": _stale_writes,
    "I10": _budgets,
    "I11": _result,
    "I12": _stuck,
    "I13": _cancels,
    "I15": _saves,
}
