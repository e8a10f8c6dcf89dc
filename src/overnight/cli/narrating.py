"""The story of a job, told while it happens: from its events, and the first progress after a crash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from overnight.cli.words import clock_time, end_text, error_text, grouped
from overnight.events import Event
from overnight.jobs import ErrorInfo, Job, Kind, State
from overnight.progress import Progress
from overnight.units import format_duration

#: An attempt that says nothing of its progress for so long is told of without it, in seconds.
_PATIENCE = 2.0


class Sentence(NamedTuple):
    """Something that happened, for people.

    Attributes:
        tone: "good", "bad", "again" (it is tried again) or "note".
        text: what it was, with its sign in front.
    """

    tone: str
    text: str


class _Break(NamedTuple):
    """An attempt that ended without ending the job, until it is known where the next one goes on."""

    why: str
    attempt: int
    before: Progress


class Narrator:
    """Tells what has happened to one job since it was last asked.

    Attributes:
        heard: how many of the job's events were told.
        began: when its first attempt started, in seconds since the epoch; None before that.
    """

    def __init__(self) -> None:
        self.heard = 0
        self.began: float | None = None
        self._break: _Break | None = None
        self._claimed_at = 0.0

    def tell(self, job: Job, events: Sequence[Event], *, now: float) -> Iterator[Sentence]:
        """Yield what is new.

        Args:
            job: the job as it stands.
            events: all that has happened to it; may be left empty when it has no more than were heard.
            now: wall time in seconds since the epoch.
        """
        for event in events[self.heard :]:
            yield from self._event(job, event)
            self.heard = event.n
        yield from self._resume(job, now)

    def end(self, job: Job, result: bytes | None) -> Iterator[Sentence]:
        """Yield how the job ended.

        Args:
            job: the job, which has ended.
            result: its result as JSON, or None.
        """
        yield from self._mend(_without_a_place(job))
        yield Sentence(
            "good" if job.state is State.SUCCEEDED else "bad", end_text(job, began=self.began, result=result)
        )

    # -- events --------------------------------------------------------------------------------------

    def _event(self, job: Job, event: Event) -> Iterator[Sentence]:
        match event.kind:
            case Kind.CLAIMED:
                self.began = self.began or event.at
                self._claimed_at = event.at
            case Kind.SETTLED if event.changes.get("state") == State.QUEUED:
                yield from self._settled(job, event)
            case Kind.CANCEL_REQUESTED:
                reason = event.changes.get("cancel_reason")
                yield Sentence("note", f"· cancel requested{f': {reason}' if reason else ''}")
            case Kind.SLEPT:
                slept = event.detail.get("seconds")
                yield Sentence("note", f"· the machine slept{f' {format_duration(slept)}' if slept else ''}")
            case Kind.REVIVED:
                yield from self._mend("started again")
                yield Sentence("again", "↻ put back in the queue by hand")

    def _settled(self, job: Job, event: Event) -> Iterator[Sentence]:
        yield from self._mend("started again")
        outcome = event.detail.get("outcome")
        due_at = event.changes.get("due_at", event.at)
        when = f"again at {clock_time(due_at)}" if due_at - event.at > 1 else "again now"
        error = _error(event.changes)
        if outcome in {"Crashed", "Lost"}:
            self._break = _Break(error_text(error) if error else "process lost", event.attempt, job.progress)
        elif outcome == "Interrupted":
            was_announced = event.detail.get("announced", True)
            why = "its worker handed it over" if was_announced else "its process was ended from outside"
            self._break = _Break(why, event.attempt, job.progress)
        elif outcome == "Snoozed":
            yield Sentence("again", f"↻ snoozed; {when}")
        else:
            why = error_text(error) if error else str(outcome)
            attempts = (
                f"attempt {event.attempt} failed" if outcome == "Failed" else f"attempt {event.attempt}"
            )
            yield Sentence("again", f"↻ {attempts}: {why}; {when}")

    # -- where it goes on ----------------------------------------------------------------------------

    def _resume(self, job: Job, now: float) -> Iterator[Sentence]:
        pause = self._break
        if pause is None or job.attempt <= pause.attempt:
            return
        progress = job.progress
        if progress.done is None:
            self._break = pause._replace(before=progress)  # the new attempt begins with none
        elif progress != pause.before:
            place = f"item {grouped(progress.done)}"
            if progress.total is not None:
                place += f" of {grouped(progress.total)}"
            has_saved = job.saved_n > 0 and progress.done > 0
            yield from self._mend(f"went on at {place}" if has_saved else "started again")
            return
        if now - self._claimed_at > _PATIENCE:
            yield from self._mend(_without_a_place(job))

    def _mend(self, how: str) -> Iterator[Sentence]:
        pause, self._break = self._break, None
        if pause is not None:
            yield Sentence("again", f"↻ {pause.why}; {how}")


def _without_a_place(job: Job) -> str:
    return "went on from what it had saved" if job.saved_n else "started again"


def _error(changes: dict[str, Any]) -> ErrorInfo | None:
    """Return the error that a settling recorded."""
    known = changes.get("error")
    return known if isinstance(known, ErrorInfo | None) else ErrorInfo(**known)
