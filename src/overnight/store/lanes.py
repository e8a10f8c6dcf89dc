"""Which jobs come next: a lane is what one task has waiting in one queue.

Jobs that nobody here serves, or that are due tomorrow, must not be stepped over one by one: the index is
entered once for each lane and each priority in it, never once for each job.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import msgspec
from sqlalchemy import bindparam, or_, select, tuple_

from overnight.store.schema import is_queued, job
from overnight.store.transaction import Statement, Transaction

#: How many jobs of a lane are looked at when the first do not fit.
DEPTH = 32

#: A job that does not fit and has been due for so many seconds is waited for: what comes behind it is left
#: alone until there is room.
STARVING = 30.0

#: Behind every text there is.
_LAST = "\U0010ffff"

#: Makes a text the next one behind itself. SQLite enters an index at the first row that equals what it was
#: given, and would walk through all jobs of a lane to find the one behind: 4 ms for 50,000 instead of 10 µs.
_NEXT = "\x01"


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker has room for.

    Attributes:
        worker: its id.
        served: (task, source) of everything that it can start.
        queues: which queues it serves; None for all.
        slots: how many of its slots are free.
        all_slots: how many it has.
        memory: bytes of its budget that are free; None for no limit.
        all_memory: its whole budget, where jobs that wait for memory should be waited for.
    """

    worker: str
    served: frozenset[tuple[str, str]]
    slots: int
    all_slots: int
    queues: frozenset[str] | None = None
    memory: int | None = None
    all_memory: int | None = None


class Head(msgspec.Struct, frozen=True):
    """A job that is due, with what decides whether it is next."""

    id: str
    priority: int
    due_at: float
    memory: int
    cpus: int


_lane = tuple_(job.c.source, job.c.task, job.c.queue)

_NEXT_LANE = Statement(
    select(job.c.source, job.c.task, job.c.queue, job.c.priority)
    .where(is_queued, _lane > tuple_(bindparam("source"), bindparam("task"), bindparam("queue")))
    .order_by(job.c.source, job.c.task, job.c.queue, job.c.priority.desc())
    .limit(1)
    .with_hint(job, "INDEXED BY claim", "sqlite")
)

_in_lane = (
    is_queued,
    job.c.source == bindparam("source"),
    job.c.task == bindparam("task"),
    job.c.queue == bindparam("queue"),
)

_LOWER_PRIORITY = Statement(
    select(job.c.priority)
    .where(*_in_lane, job.c.priority < bindparam("priority"))
    .order_by(job.c.priority.desc())
    .limit(1)
)

_DUE = Statement(
    select(job.c.id, job.c.priority, job.c.due_at, job.c.needs_memory, job.c.needs_cpus)
    .where(
        *_in_lane,
        job.c.priority == bindparam("priority"),
        job.c.due_at <= bindparam("now"),
        or_(job.c.void_at.is_(None), job.c.void_at > bindparam("now")),
    )
    .order_by(job.c.due_at, job.c.id)
    .limit(bindparam("depth"))
)


class Lane(msgspec.Struct, frozen=True):
    """What one task has waiting in one queue; `priority` is the highest among it."""

    source: str
    task: str
    queue: str
    priority: int


def waiting(tx: Transaction, sources: Collection[str] | None = None) -> Iterator[Lane]:
    """Find the lanes in which jobs wait, due or not; of these sources only, if they are given."""
    after = {"source": "", "task": "", "queue": ""}
    while row := tx.one(_NEXT_LANE, after):
        lane = Lane(*row)
        if sources is None or lane.source in sources:
            after = {"source": lane.source, "task": lane.task, "queue": lane.queue + _NEXT}
            yield lane
        else:
            after = {"source": lane.source, "task": _LAST, "queue": _LAST}


def waiting_sources(tx: Transaction) -> list[str]:
    """Return the sources of all jobs that wait."""
    found: list[str] = []
    after = {"source": "", "task": "", "queue": ""}
    while row := tx.one(_NEXT_LANE, after):
        found.append(row[0])
        after = {"source": found[-1], "task": _LAST, "queue": _LAST}
    return found


def pick(tx: Transaction, ask: Ask) -> list[str]:
    """Return the jobs to claim now, the first first."""
    if ask.slots < 1:
        return []
    chosen, stepped_over = choose(_heads(tx, ask, ask.slots), ask, now=tx.now)
    if stepped_over and ask.slots < DEPTH:
        chosen, _ = choose(_heads(tx, ask, DEPTH), ask, now=tx.now)
    return chosen


def choose(heads: Iterable[Head], ask: Ask, *, now: float) -> tuple[list[str], bool]:
    """Choose among jobs that are due: by priority, then by age, as long as they fit.

    Returns:
        The ids, and whether one that does not fit was stepped over.
    """
    slots, memory = ask.slots, ask.memory
    chosen: list[str] = []
    stepped_over = False
    for head in sorted(heads, key=lambda head: (-head.priority, head.due_at, head.id)):
        # Who wants more slots than there are gets them all.
        cpus = min(head.cpus, ask.all_slots)
        if cpus > slots or (memory is not None and head.memory > memory):
            stepped_over = True
            if now - head.due_at > STARVING and _could_fit(head, ask):
                break
            continue
        chosen.append(head.id)
        slots -= cpus
        memory = None if memory is None else memory - head.memory
        if not slots:
            break
    return chosen, stepped_over


def _could_fit(head: Head, ask: Ask) -> bool:
    if ask.memory is None or head.memory <= ask.memory:
        return True
    return ask.all_memory is not None and head.memory <= ask.all_memory


def _heads(tx: Transaction, ask: Ask, depth: int) -> Iterator[Head]:
    """Find the first jobs of every lane that is served."""
    for lane in waiting(tx, {source for _, source in ask.served}):
        if (lane.task, lane.source) in ask.served and (ask.queues is None or lane.queue in ask.queues):
            yield from _first_of_lane(tx, lane, depth)


def _first_of_lane(tx: Transaction, lane: Lane, depth: int) -> Iterator[Head]:
    place = {"source": lane.source, "task": lane.task, "queue": lane.queue, "priority": lane.priority}
    while True:
        rows = tx.rows(_DUE, {**place, "now": tx.now, "depth": depth})
        for row in rows:
            yield Head(*row)
        depth -= len(rows)
        lower = tx.one(_LOWER_PRIORITY, place) if depth > 0 else None
        if lower is None:
            return
        place["priority"] = lower[0]
