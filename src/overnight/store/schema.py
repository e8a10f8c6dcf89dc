"""The tables of the truth. Times are seconds since the epoch, unless a column is steady.

Steady times count while the machine is awake and mean something only beside the boot they belong to. JSON is
kept as text that msgspec wrote.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    and_,
)

#: The number of this schema: the newest of the migrations.
SCHEMA = 1

#: What a file must carry in its header to be ours: "ovnt".
APPLICATION_ID = 0x6F766E74

metadata = MetaData()


def _job_key() -> Column[Any]:
    return Column("job", Text, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)


job = Table(
    "job",
    metadata,
    Column("id", Text, primary_key=True),
    # The last 8 digits of the id, backwards: any number of last digits is then the beginning of an index.
    Column("tail", Text, nullable=False),
    Column("n_event", Integer, nullable=False),
    Column("task", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("options", Text, nullable=False),
    Column("needs_memory", BigInteger, nullable=False),
    Column("needs_cpus", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    # The life: every change of these is written with its event.
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("attempt", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("interruptions", Integer, nullable=False),
    Column("saved_n", Integer, nullable=False),
    Column("worker", Text),
    Column("due_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("deadline_at", Double),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("cancel_requested_at", Double),
    Column("cancel_reason", Text),
    Column("error", Text),
    Column("result_digest", Text),
    # Progress: newest wins, no event.
    Column("done", Double),
    Column("total", Double),
    Column("message", Text),
    Column("rate", Double),
    Column("basis", Text),
    Column("progress_at", Double),
    # When it is over as long as it waits: the earlier of both ends, and once it has started, the deadline.
    Column("void_at", Double),
    # The rows lie in the order of their ids, which grow with time: a list needs no index, and the commit of a
    # new job writes 10 pages instead of 13.
    sqlite_with_rowid=False,
)

is_queued = job.c.state == "queued"
is_running = job.c.state == "running"
#: Only these need somebody to look at the clock; what was due at once when it was submitted does not.
is_put_off = and_(is_queued, job.c.due_at > job.c.created_at)
may_become_void = and_(is_queued, job.c.void_at.is_not(None))

# The last three columns of `claim` make it answer by itself, without a look at the rows.
Index(
    "claim",
    job.c.source,
    job.c.task,
    job.c.queue,
    job.c.priority.desc(),
    job.c.due_at,
    job.c.id,
    job.c.needs_memory,
    job.c.needs_cpus,
    job.c.void_at,
    sqlite_where=is_queued,
)
Index("running", job.c.worker, sqlite_where=is_running)
Index("put_off", job.c.due_at, sqlite_where=is_put_off)
Index("voiding", job.c.void_at, sqlite_where=may_become_void)
Index("by_state", job.c.state, job.c.id)
Index("by_task", job.c.task, job.c.id)
Index("by_tail", job.c.tail)

payload = Table(
    "payload",
    metadata,
    _job_key(),
    Column("what", Text, primary_key=True),  # "input" or "result": a list never drags them along
    Column("data", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

attempt = Table(
    "attempt",
    metadata,
    _job_key(),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("worker", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("outcome", Text),
    Column("detail", Text),
    Column("cpu_seconds", Double),
    Column("peak_memory", BigInteger),
    sqlite_with_rowid=False,
)

event = Table(
    "event",
    metadata,
    # Grows for as long as the newest event is not deleted; who prunes must leave that one.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("job", Text, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    Column("n", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("kind", Text, nullable=False),
    Column("changes", Text, nullable=False),
    Column("detail", Text),
)
Index("event_of", event.c.job, event.c.n, unique=True)

saved_state = Table(
    "saved_state",
    metadata,
    _job_key(),
    Column("attempt", Integer, nullable=False),
    Column("n", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

worker = Table(
    "worker",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("boot", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("queues", Text),  # JSON list; null for all
    Column("sources", Text, nullable=False),
    Column("all_files", Integer, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("memory_budget", BigInteger, nullable=False),
    Column("beat_at", Double, nullable=False),  # steady
    Column("lease_until", Double, nullable=False),  # steady
    Column("leaving", Integer, nullable=False),
)

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
