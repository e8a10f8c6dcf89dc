"""What the tests of the store put into one."""

import os
from collections.abc import Iterable
from typing import Any

import msgspec

from overnight.clock import boot_id
from overnight.codec import digest
from overnight.jobs import Call, Claim, ErrorInfo
from overnight.options import Options
from overnight.outcome import Failed, Succeeded
from overnight.store import Store, jobs, workers
from overnight.store.jobs import Ask
from overnight.store.workers import Served, WorkerRow

SOURCE = "/home/ada/talks.py"
TASK = "talks.transcribe"

#: Nobody's lease runs out while a test moves the clock, unless it says so.
LONG = 10.0**9


def call(
    task: str = TASK, *, source: str = SOURCE, data: bytes = b'{"folder":"/talks"}', **options: Any
) -> Call:
    return Call(task=task, source=source, options=Options(**options), input=data)


def submit(store: Store, task: str = TASK, *, source: str = SOURCE, **options: Any) -> str:
    """Add one job and return its id."""
    [job] = store.write(jobs.add, [call(task, source=source, **options)])
    return job


def register(
    store: Store,
    worker: str = "w1",
    *,
    tasks: Iterable[str] = (TASK,),
    source: str = SOURCE,
    broken: str | None = None,
    lease: float = LONG,
    **fields: Any,
) -> str:
    """Write a worker's row and return its id."""
    row = WorkerRow(
        id=worker,
        host="here",
        pid=os.getpid(),
        boot=boot_id(),
        started_at=store.clock.now(),
        queues=None,
        sources={source: Served(tasks={task: {"schema": {}} for task in tasks}, broken=broken)},
        slots=2,
        memory_budget=1 << 30,
        lease_until=store.clock.steady() + lease,
    )
    store.write(workers.register, msgspec.structs.replace(row, **fields))
    return worker


def ask(worker: str = "w1", *served: tuple[str, str], slots: int = 1, **fields: Any) -> Ask:
    """Return what a worker asks that serves these (task, source), or the one task of the tests."""
    return Ask(
        **{"worker": worker, "served": frozenset(served or [(TASK, SOURCE)]), "slots": slots, "all_slots": 8}
        | fields
    )


def claim(store: Store, worker: str = "w1") -> Claim:
    """Claim the one job that is due."""
    [claimed] = store.write(jobs.claim, ask(worker))
    return claimed


def running(store: Store, worker: str = "w1", **options: Any) -> Claim:
    """Add a job and claim it."""
    if worker not in [row.id for row in store.read(workers.all_workers)]:
        register(store, worker)
    submit(store, **options)
    return claim(store, worker)


def error(kind: str = "Failed", message: str = "no such file", **fields: Any) -> ErrorInfo:
    return ErrorInfo(kind=kind, message=message, **fields)


def failed(**fields: Any) -> Failed:
    return Failed(error(**fields))


def succeeded(result: bytes = b"42") -> Succeeded:
    return Succeeded(result, digest(result))
