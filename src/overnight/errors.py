"""Every exception of overnight, drawn as a tree.

OvernightError
├── Refused                 asked for something that cannot be: nothing was done
│   ├── BadTask             this function cannot be a task
│   ├── BadOption           no such option, or not that value
│   └── BadInput            the arguments do not fit the task's signature
├── NotFound                no such job or task in this store
├── Conflict                the job's state does not allow that
├── SourceBroken            a file of tasks fails when it is imported
├── JobFailed               the job ended without a result
│   └── JobCancelled        ... because somebody cancelled it
├── ResultRefused           a task returned what cannot be kept
├── SaveRefused             saved state that cannot be written as JSON
├── ResumeError             a loop cannot go on where it stopped
├── Fenced                  another attempt speaks for this job now
└── StoreError              the store cannot do it
    ├── StoreBusy           somebody holds the write lock
    ├── StoreFull           the disk is full
    ├── StoreReadOnly       the file or its folder cannot be written
    ├── StoreCorrupt        the file is no store of overnight, or is damaged
    └── StoreVersion        the store was made by another version

Raised by a task to steer its job: Retry, Snooze, GiveUp. They are plain exceptions.
Raised into a task to end it: Stopped, a BaseException, so that `except Exception` cannot eat a cancel.
"""

from __future__ import annotations

from typing import Any

from overnight.units import Duration, seconds


class OvernightError(Exception):
    """Says what happened and where; `hint` says what to do about it."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Without it an exception with keyword-only arguments breaks the process pool that it passes through.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[OvernightError], args: tuple[Any, ...], facts: dict[str, Any]) -> OvernightError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class Refused(OvernightError, ValueError):
    """What was asked for cannot be; nothing was done."""


class BadTask(Refused):
    """This function cannot be a task: a worker could not find it, or not call it, by its name."""


class BadOption(Refused):
    """There is no such option, or it does not take that value."""


class BadInput(Refused):
    """The arguments do not fit the task's signature; `field` names the first that does not."""

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.field = field


class NotFound(OvernightError, LookupError):
    """There is no such job or task in this store."""


class Conflict(OvernightError):
    """The state of the job does not allow that, for instance to cancel a finished one."""


class SourceBroken(OvernightError):
    """A file of tasks fails when it is imported; `traceback` is its own."""

    def __init__(self, message: str, *, traceback: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.traceback = traceback


class JobFailed(OvernightError):
    """The job ended without a result.

    Attributes:
        job_id: the job that failed.
        kind: the outcome's name: `Failed`, `TimedOut`, `OutOfMemory`, `Crashed`, `Lost`, `Expired`.
        type: the type of the exception that the task raised, where it raised one.
        traceback: its traceback as text, as it stood in the process that ran the task.
    """

    def __init__(
        self, message: str, *, job_id: str, kind: str, type: str | None = None, traceback: str | None = None
    ) -> None:
        super().__init__(message)
        self.job_id = job_id
        self.kind = kind
        self.type = type
        self.traceback = traceback

    def __str__(self) -> str:
        return f"{self.message}\n\n{self.traceback}" if self.traceback else self.message


class JobCancelled(JobFailed):
    """The job ended because somebody cancelled it."""


class ResultRefused(OvernightError):
    """A task returned what cannot be kept: too large, not JSON, not a number. Never tried again."""


class SaveRefused(OvernightError, TypeError):
    """Saved state cannot be written; the message names the place in it."""


class ResumeError(OvernightError, RuntimeError):
    """A loop cannot go on where it stopped, or could not be told from another one."""


class Fenced(OvernightError):
    """Another attempt speaks for this job now: stop writing."""


class StoreError(OvernightError):
    """The store cannot do what was asked."""


class StoreBusy(StoreError):
    """Somebody held the store's write lock for longer than we waited."""


class StoreFull(StoreError):
    """The disk under the store is full: nothing was accepted."""


class StoreReadOnly(StoreError):
    """The store's file or folder cannot be written."""


class StoreCorrupt(StoreError):
    """The file is no store of overnight, or it is damaged; it was left as it is."""


class StoreVersion(StoreError):
    """The store was made by another version of overnight."""


class Retry(Exception):
    """Raised by a task: this attempt failed, try again after so long (it costs an attempt).

    Args:
        after: how long to wait; by default the task's backoff decides.
        message: what people read as the reason.
    """

    def __init__(
        self, message: str = "the task asked to be tried again", *, after: Duration | None = None
    ) -> None:
        super().__init__(message)
        self.after = None if after is None else seconds(after)


class Snooze(Exception):
    """Raised by a task: not now, start me again after so long (it costs nothing)."""

    def __init__(self, wait: Duration, message: str = "the task asked to be started later") -> None:
        super().__init__(message)
        self.wait = seconds(wait)


class GiveUp(Exception):
    """Raised by a task: this cannot succeed, do not try again."""


class Stopped(BaseException):
    """Raised inside a running task to end it; `why` is cancel, timeout, deadline, memory or handover."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the job is being stopped: {why}")
        self.why = why


def describe(error: BaseException) -> str:
    """Return an exception's message, whatever its own `__str__` does."""
    try:
        text = str(error)
    except BaseException as broken:  # a user's `__str__` may raise anything; the type's name always stands
        return f"<{type(error).__name__} whose str() raised {type(broken).__name__}>"
    return text or type(error).__name__


def hint_of(error: BaseException) -> str | None:
    """Return the hint that an exception of ours carries, or None."""
    return error.hint if isinstance(error, OvernightError) else None
