"""The handle of a job: what its submitter may ask and say, from this process or any other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from overnight.errors import JobCancelled, JobFailed, NotFound
from overnight.jobs import Call, ErrorInfo, Job, State
from overnight.progress import Progress

R = TypeVar("R")

#: The slow look behind the bell of an end, in seconds: a bell may get lost, a job may not.
_SLOW_LOOK = 1.0

#: How often `watch` looks for what rings no bell, in seconds.
_LOOK = 0.25


class LogLine(Protocol):
    """A line that a job wrote."""

    @property
    def at(self) -> float:
        """When, in seconds since the epoch."""

    @property
    def attempt(self) -> int:
        """Which attempt wrote it."""

    @property
    def stream(self) -> str:
        """Where it was written to: "stdout", "stderr" or "log"."""

    @property
    def text(self) -> str:
        """The line, without its end."""

    @property
    def level(self) -> int | None:
        """The level as `logging` counts it, where it was logged."""

    @property
    def logger(self) -> str | None:
        """The name of the logger, where it was logged."""


class Bell(Protocol):
    """Rings when a job has ended."""

    def fileno(self) -> int:
        """Return a descriptor that is readable once it has rung."""

    def drain(self) -> None:
        """Make it silent again."""

    def close(self) -> None:
        """Stop listening."""


class Keeper(Protocol):
    """What tasks and handles ask of the application: the one inversion of the house."""

    def submit(self, calls: Sequence[Call], /) -> list[str]:
        """Take calls as jobs, all or none; return their ids in order."""

    def read(self, job_id: str, /) -> Job:
        """Return a job as it is now."""

    def wait(self, job_id: str, timeout: float | None, /) -> bool:
        """Wait until a job has ended, for so many seconds at most; say whether it has."""

    def listen(self, job_id: str, /) -> Bell:
        """Return a bell that rings when a job ends."""

    def cancel(self, job_id: str, reason: str | None, /) -> Job:
        """Ask for a job to end; return it."""

    def revive(self, job_id: str, /) -> Job:
        """Put a failed or cancelled job back into its queue; return it."""

    def rerun(self, job_id: str, changed: dict[str, Any], /) -> str:
        """Submit a job's call again with some arguments changed; return the id of the new job."""

    def result(self, job_id: str, /) -> bytes | None:
        """Return the result of a job as JSON; None where there is none."""

    def log_lines(self, job_id: str, /, *, attempt: int | None = None) -> Iterable[LogLine]:
        """Return what a job wrote so far, in one attempt or in all."""


class JobHandle(Generic[R]):
    """A job, seen from outside. Properties are one short read each and never wait.

    Args:
        keeper: The application that has it.
        job_id: The id of the job, in full.
        read_result: Makes the result of its JSON, typed as the task says; by default as JSON has it.
    """

    def __init__(
        self, keeper: Keeper, job_id: str, *, read_result: Callable[[bytes], Any] = msgspec.json.decode
    ) -> None:
        self._keeper = keeper
        self._id = job_id
        self._read_result = read_result

    def __repr__(self) -> str:
        return f"<job {self._id}>"

    @property
    def id(self) -> str:
        """The id of the job; its last 8 digits are its short form."""
        return self._id

    @property
    def state(self) -> State:
        """Where the job stands."""
        return self.snapshot().state

    @property
    def progress(self) -> Progress:
        """How far along the job is."""
        return self.snapshot().progress

    @property
    def error(self) -> ErrorInfo | None:
        """Why its last attempt did not succeed; None where none has failed."""
        return self.snapshot().error

    def snapshot(self) -> Job:
        """Return all of the job as it is now, in one read."""
        return self._keeper.read(self._id)

    # -- waiting -------------------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended, well or badly.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether it has ended.
        """
        return self._keeper.wait(self._id, timeout)

    def result(self, timeout: float | None = None) -> R:
        """Wait for the job and return what its function returned.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            JobFailed: it ended without a result.
            JobCancelled: it was cancelled.
            TimeoutError: it has not ended yet.
        """
        deadline = _Deadline(timeout)
        while self._keeper.wait(self._id, deadline.left()):
            job = self.snapshot()
            if job.done:  # else somebody revived it in between
                return self._answer(job)
        raise self._still_open(timeout)

    def __await__(self) -> Generator[Any, None, R]:
        return self.result_async().__await__()

    async def wait_async(self, timeout: float | None = None) -> bool:
        """Do as `wait` does, without holding up the event loop or a thread."""
        return await self._ended(_Deadline(timeout)) is not None

    async def result_async(self, timeout: float | None = None) -> R:
        """Do as `result` does, without holding up the event loop or a thread; `await handle` is the same."""
        job = await self._ended(_Deadline(timeout))
        if job is None:
            raise self._still_open(timeout)
        return await asyncio.to_thread(self._answer, job)

    async def _ended(self, deadline: _Deadline) -> Job | None:
        # No thread is parked for the wait: the default pool has six on two cores, and jobs take hours.
        async with _listening(self._keeper, self._id) as ring:
            while True:
                job = await asyncio.to_thread(self._keeper.read, self._id)
                if job.done:
                    return job
                left = deadline.left()
                if left == 0:
                    return None
                await ring(_SLOW_LOOK if left is None else min(left, _SLOW_LOOK))

    def _answer(self, job: Job) -> R:
        named = f"job {job.short_id} ({job.task})"
        if job.state is State.SUCCEEDED:
            data = self._keeper.result(self._id)
            if data is None:
                raise NotFound(f"{named} succeeded, but its result is not kept any more")
            result: R = self._read_result(data)
            return result
        if job.state is State.CANCELLED:
            because = f": {job.cancel_reason}" if job.cancel_reason else ""
            raise JobCancelled(f"{named} was cancelled{because}", job_id=job.id, kind="Cancelled")
        error = job.error or ErrorInfo(kind="Failed", message="no reason is known")
        raise JobFailed(
            f"{named} failed: {error.message}",
            job_id=job.id,
            kind=error.kind,
            type=error.type,
            traceback=error.traceback,
        )

    def _still_open(self, timeout: float | None) -> TimeoutError:
        job = self.snapshot()
        return TimeoutError(f"job {job.short_id} ({job.task}) is still {job.state} after {timeout:g} s")

    # -- steering ------------------------------------------------------------------------------------

    def cancel(self, reason: str | None = None) -> Job:
        """Ask the job to end, and return it; one that runs takes a moment.

        Args:
            reason: What people read.

        Raises:
            Conflict: it has ended already, in another way.
        """
        return self._keeper.cancel(self._id, reason)

    async def cancel_async(self, reason: str | None = None) -> Job:
        """Do as `cancel` does, without holding up the event loop."""
        return await asyncio.to_thread(self.cancel, reason)

    def retry(self) -> Job:
        """Put the job back into its queue, with its saved state and fresh counters, and return it.

        Raises:
            Conflict: it has neither failed nor been cancelled.
        """
        return self._keeper.revive(self._id)

    def rerun(self, **changed: Any) -> JobHandle[R]:
        """Submit the same call again as a new job.

        Args:
            **changed: Arguments that are to be different.

        Raises:
            BadInput: the changed arguments do not fit the task's signature.
        """
        job_id = self._keeper.rerun(self._id, changed)
        return JobHandle(self._keeper, job_id, read_result=self._read_result)

    # -- watching ------------------------------------------------------------------------------------

    def watch(self) -> Watch:
        """Return the job as it stands, again and again as it changes; for `for` and for `async for`."""
        return Watch(self._keeper, self._id)

    def logs(self, *, attempt: int | None = None) -> Iterable[LogLine]:
        """Return what the job wrote so far.

        Args:
            attempt: Of this attempt only.
        """
        return self._keeper.log_lines(self._id, attempt=attempt)


class Watch:
    """A job as it stands, and again whenever it has changed; it ends with the job.

    Made for looking, not for counting: two changes within a quarter of a second are seen as one.
    """

    def __init__(self, keeper: Keeper, job_id: str) -> None:
        self._keeper = keeper
        self._id = job_id

    def __iter__(self) -> Iterator[Job]:
        shown: Job | None = None
        while True:
            job = self._keeper.read(self._id)
            if job != shown:
                yield job
            shown = job
            if job.done:
                return
            self._keeper.wait(self._id, _LOOK)

    async def __aiter__(self) -> AsyncIterator[Job]:
        shown: Job | None = None
        async with _listening(self._keeper, self._id) as ring:
            while True:
                job = await asyncio.to_thread(self._keeper.read, self._id)
                if job != shown:
                    yield job
                shown = job
                if job.done:
                    return
                await ring(_LOOK)


class _Deadline:
    """A moment on the steady clock until which somebody waits, or none."""

    def __init__(self, timeout: float | None) -> None:
        self._at = None if timeout is None else time.monotonic() + timeout

    def left(self) -> float | None:
        """Return the seconds left, 0 when it has passed, None where there is no end."""
        return None if self._at is None else max(self._at - time.monotonic(), 0.0)


@asynccontextmanager
async def _listening(keeper: Keeper, job_id: str) -> AsyncIterator[Callable[[float], Any]]:
    """Give an `await ring(seconds)` that returns when the job's bell rings, or after so many seconds."""
    bell = keeper.listen(job_id)
    rung = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(bell.fileno(), rung.set)

    async def ring(within: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(rung.wait(), within)
        bell.drain()
        rung.clear()

    try:
        yield ring
    finally:
        loop.remove_reader(bell.fileno())
        bell.close()
