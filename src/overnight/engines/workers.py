"""Workers as processes: serving in the foreground, and starting one that outlives the terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence

from overnight.engines.native import Worker, WorkerOptions
from overnight.errors import OvernightError
from overnight.jobs import Job
from overnight.settings import Settings
from overnight.sources import Source
from overnight.store import Store, serving, workers

#: A worker that was started for somebody who waits has its row by then, or something is wrong.
_PATIENCE = 20.0

_LOG = "worker.log"
_TAIL = 2000


def serve(store: Store, sources: Sequence[Source], options: WorkerOptions) -> None:
    """Work in this process until told to leave, or idle for long enough."""

    async def once() -> bool:
        return await Worker(store, sources, options).serve()

    while not asyncio.run(once()):
        # Others took this worker's jobs back while it could not beat: under a new name it is as good as new.
        continue


def is_attended(store: Store, job: Job) -> bool:
    """Whether a worker that lives looks after a job, if only after its source that is broken at present.

    A worker that was killed has its row until its lease ends or another one clears it away, but not its lock.
    """
    rows = store.read(serving.attendants, job.source, queue=job.options.queue)
    return any(not workers.is_lock_free(store.home, row.id) for row in rows)


def ensure_worker(store: Store, settings: Settings, job: Job) -> int | None:
    """See to it that a live worker looks after a job; return the process that was started, if any.

    Raises:
        OvernightError: one was started and did not come up.
    """
    # One at a time: twenty commands at once must not start twenty workers.
    with pathlib.Path(store.home / "starting.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_attended(store, job):
            return None
        process = _start(settings)
        until = time.monotonic() + _PATIENCE
        while not is_attended(store, job):
            if process.poll() is not None or time.monotonic() > until:
                raise OvernightError(
                    f"the worker that was started did not come up; {store.home / _LOG} ends with:\n"
                    + _tail(store),
                    hint="the job is kept; start one by hand: overnight worker FILE.py",
                )
            time.sleep(0.01)
        return process.pid


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    """Start a worker in a session of its own, with our environment and working directory."""
    with pathlib.Path(settings.home / _LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "overnight", "--home", str(settings.home),
             "worker", "--idle", f"{settings.idle}s", "--all-files"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ,
        )  # fmt: skip


def _tail(store: Store) -> str:
    try:
        return (store.home / _LOG).read_bytes()[-_TAIL:].decode(errors="replace").strip()
    except OSError as error:
        return f"(it cannot be read: {error})"
