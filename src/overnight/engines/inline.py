"""The inline engine: jobs run at submit, in this process; for tests and notebooks.

The same store, the same claim, the same settle. What stands on a process of its own cannot be promised here:
a timeout is obeyed only at the function's next call of ours, memory and processors are not limited, what is
printed goes where the program prints, and `os._exit` ends the program. A cancel from elsewhere is seen when
the function has ended. Nobody keeps time: backoff is not waited for, and what is delayed, snoozes or should
expire is left to a worker. Ctrl-C cancels the job and reaches the program.
"""

from __future__ import annotations

import atexit
import os
import socket
import time
import uuid
from threading import Timer
from typing import Any

import msgspec

from overnight.clock import boot_id
from overnight.errors import BadTask, NotFound, SourceBroken
from overnight.inside import context
from overnight.inside.context import Inside
from overnight.inside.link import Link
from overnight.inside.messages import Logged, Progressed, Raised, Returned, Save, Saved, Start
from overnight.jobs import Claim, Reason, State
from overnight.outcome import Cancelled, Outcome
from overnight.progress import Meter, Progress
from overnight.runner.calling import call
from overnight.runner.raising import refused
from overnight.runner.verdict import Seen, verdict
from overnight.sources import Source
from overnight.store import Store, changing, jobs, saves, workers
from overnight.store.changing import ProgressNote
from overnight.store.logs import Line
from overnight.store.workers import WorkerRow
from overnight.tasks import find_task

#: Its lock, not its lease, tells whether an inline worker lives: nothing beats while a function runs.
_FOREVER = 1e18

#: What was put back for one of these goes on at once; a snooze or a delay is left to a worker.
_AT_ONCE = (Reason.RETRY, Reason.CRASHED, Reason.LOST)

#: The person at the terminal has ended the job.
_BY_CTRL_C = Cancelled("interrupted")

_encode_options = msgspec.json.Encoder().encode


class Inline:
    """Runs jobs of a store in this process."""

    def __init__(self, store: Store) -> None:
        self.id = uuid.uuid4().hex
        self._store = store
        self._lock = workers.take_lock(store.home, self.id)
        store.write(
            workers.register,
            WorkerRow(
                id=self.id,
                host=socket.gethostname(),
                pid=os.getpid(),
                boot=boot_id(),
                started_at=store.clock.now(),
                queues=(),
                sources={},
                slots=1,
                memory_budget=0,
                lease_until=_FOREVER,
            ),
        )

        self._pid = os.getpid()
        atexit.register(self.close)

    def announce(self, job: str) -> None:
        """Run a job that is due, until it ended or asked to be started later."""
        while (claim := self._store.write(jobs.claim_one, job, self.id)) is not None:
            outcome = self._run(claim)
            change = self._store.write(jobs.settle, job, claim.attempt, outcome)
            if outcome == _BY_CTRL_C:
                raise KeyboardInterrupt
            if change.state is not State.QUEUED or change.columns.get("reason") not in _AT_ONCE:
                return

    def _run(self, claim: Claim) -> Outcome:
        link = Link(_StoreLine(self._store, claim))
        directory = self._store.home / "jobs" / claim.job
        start = Start(
            job=claim.job,
            attempt=claim.attempt,
            task=claim.task,
            options=_encode_options(claim.options),
            input=claim.input,
            saved=claim.saved,
            saved_n=claim.saved_n,
            directory=str(directory),
            mark="",
        )
        inside = Inside.of(start, claim.options.owner, link)
        alarm = _alarm(claim, link, self._store.clock.now())
        began = time.monotonic()
        last = _call(claim, start, inside)
        if alarm is not None:
            alarm.cancel()
        link.close()
        self._store.logs.flush()  # who sees the end of a job finds all that it said
        if isinstance(last, Raised) and last.type == KeyboardInterrupt.__name__:
            return _BY_CTRL_C
        took = time.monotonic() - began
        return verdict(
            Seen(options=claim.options, last=last, stop=last.stopped, stopped_by="asked", took=took)
        )

    def close(self) -> None:
        """Take this worker's row away; done at exit, if not before."""
        atexit.unregister(self.close)
        if os.getpid() != self._pid:
            return  # a fork of the process whose worker it is
        self._store.write(workers.leave, self.id)
        workers.release_lock(self._store.home, self.id, self._lock)


def _call(claim: Claim, start: Start, inside: Inside) -> Returned | Raised:
    try:
        task = find_task(Source.parse(claim.source), claim.task)
    except (NotFound, BadTask, SourceBroken) as error:
        return refused(error)
    with context.enter(inside):
        return call(task, start, claim.options, inside)


class _StoreLine:
    """Carries what a function says straight into the store: the transport of an inline link."""

    def __init__(self, store: Store, claim: Claim) -> None:
        self._store = store
        self._claim = claim
        self._meter = Meter()
        self._answers: list[Any] = []

    def fileno(self) -> int | None:
        """Return None: what comes down this line comes at once, while something is sent up."""
        return None

    def receive(self) -> list[Any] | None:
        """Return the acknowledgements of what was saved."""
        answers, self._answers = self._answers, []
        return answers

    def send(self, message: Any) -> None:
        """Write what the function said."""
        job, attempt = self._claim.job, self._claim.attempt
        match message:
            case Progressed(done, total, words):
                if done is not None:
                    self._meter.note(done, at=time.monotonic())
                rate, basis = self._meter.rate()
                progress = Progress(done=done, total=total, message=words, rate=rate, basis=basis)
                self._store.write(changing.note_progress, [ProgressNote(job, attempt, progress)])
            case Save(n, data):
                self._store.write(saves.write, job, attempt, n, data)
                self._answers.append(Saved(n))
            case Logged(at, stream, level, logger, text):
                line = Line(at=at, stream=stream, text=text, level=level, logger=logger)
                self._store.logs.append(job, attempt, [line])
            case _:
                return


def _alarm(claim: Claim, link: Link, now: float) -> Timer | None:
    """Return a timer that asks the function to stop when its time is over."""
    limits = []
    if claim.options.timeout is not None:
        limits.append((claim.options.timeout, "timeout"))
    if claim.deadline_at is not None:
        limits.append((max(claim.deadline_at - now, 0.0), "deadline"))
    if not limits:
        return None
    after, why = min(limits)

    def ask() -> None:
        link.stop.ask(why)
        link.attention = True

    alarm = Timer(after, ask)
    alarm.daemon = True
    alarm.start()
    return alarm
