"""What happens to a job is told from its events; where it goes on, from its first progress after a crash."""

from typing import Any

import msgspec
import pytest

from overnight.cli.narrating import Narrator
from overnight.events import Event
from overnight.jobs import ErrorInfo, Job, Kind, Reason, State
from overnight.options import Options
from overnight.progress import Progress

KILLED = ErrorInfo(kind="Crashed", message="process killed by SIGKILL")


class Story:
    """A job that lives through one event after another."""

    def __init__(self, **options: Any) -> None:
        self.job = Job(
            id="01a20d8f-0171-72e0-956f-3265df930b34",
            task="talks.transcribe",
            source="/x/talks.py",
            state=State.QUEUED,
            options=Options(**options),
            created_at=1000.0,
            due_at=1000.0,
            attempt=0,
        )
        self.now = 1000.0
        self.events: list[Event] = []
        self.narrator = Narrator()
        self.happens(Kind.SUBMITTED)

    def happens(self, kind: Kind, detail: dict[str, Any] | None = None, **changes: Any) -> list[str]:
        self.job = msgspec.structs.replace(self.job, **changes, n_event=len(self.events) + 1)
        # As the store gives them back: plain values.
        plain = msgspec.to_builtins(changes)
        event = Event(
            job=self.job.id,
            n=len(self.events) + 1,
            attempt=self.job.attempt,
            at=self.now,
            kind=kind,
            changes=plain,
            detail=detail or {},
        )
        self.events.append(event)
        return self.told()

    def told(self) -> list[str]:
        return [sentence.text for sentence in self.narrator.tell(self.job, self.events, now=self.now)]

    def is_claimed(self) -> list[str]:
        attempt = self.job.attempt + 1
        return self.happens(Kind.CLAIMED, state=State.RUNNING, attempt=attempt, started_at=self.now)

    def is_settled(self, outcome: str, **changes: Any) -> list[str]:
        return self.happens(Kind.SETTLED, {"outcome": outcome}, **changes)

    def crashes(self, *, saved_n: int) -> list[str]:
        return self.is_settled(
            "Crashed",
            state=State.QUEUED,
            reason=Reason.CRASHED,
            due_at=self.now,
            error=KILLED,
            crashes=self.job.crashes + 1,
            saved_n=saved_n,
        )

    def progresses(self, done: float, total: float | None = None, *, rate: float | None = None) -> list[str]:
        self.job = msgspec.structs.replace(self.job, progress=Progress(done=done, total=total, rate=rate))
        return self.told()

    def ends(self, result: bytes | None = None) -> list[str]:
        return [sentence.text for sentence in self.narrator.end(self.job, result)]


def test_an_undisturbed_job_tells_only_its_end() -> None:
    story = Story()
    assert story.told() == []
    assert story.is_claimed() == []
    story.now = 1542.0
    assert story.is_settled("Succeeded", state=State.SUCCEEDED, finished_at=story.now) == []
    assert story.ends(b"1640") == ["✔ succeeded in 9m 02s → 1640"]


def test_a_crash_is_told_with_the_item_at_which_the_job_goes_on() -> None:
    story = Story()
    story.is_claimed()
    story.progresses(815, 1640, rate=3.1)
    assert story.crashes(saved_n=5) == []
    assert story.is_claimed() == []
    assert story.told() == []
    assert story.progresses(812, 1640) == ["↻ process killed by SIGKILL; went on at item 812 of 1,640"]
    assert story.progresses(813, 1640) == []


def test_without_saved_state_it_started_again() -> None:
    story = Story()
    story.is_claimed()
    story.progresses(815, 1640)
    story.crashes(saved_n=0)
    story.is_claimed()
    assert story.progresses(3, 1640) == ["↻ process killed by SIGKILL; started again"]


def test_a_job_without_progress_is_not_waited_for() -> None:
    story = Story()
    story.is_claimed()
    story.crashes(saved_n=2)
    story.is_claimed()
    story.now += 1
    assert story.told() == []
    story.now += 2
    assert story.told() == ["↻ process killed by SIGKILL; went on from what it had saved"]


def test_an_end_that_comes_before_any_progress_is_told_after_the_crash() -> None:
    story = Story()
    story.is_claimed()
    story.crashes(saved_n=3)
    story.is_claimed()
    story.is_settled("Succeeded", state=State.SUCCEEDED, finished_at=story.now)
    assert story.ends(b"1")[0] == "↻ process killed by SIGKILL; went on from what it had saved"


def test_a_crash_is_told_before_what_follows_it() -> None:
    story = Story()
    story.is_claimed()
    story.crashes(saved_n=0)
    story.is_claimed()
    story.crashes(saved_n=0)
    assert story.narrator.heard == 5
    story.is_claimed()
    story.is_settled("Succeeded", state=State.SUCCEEDED, finished_at=story.now)
    assert story.ends(b"1") == ["↻ process killed by SIGKILL; started again", "✔ succeeded in 0s → 1"]


def test_a_failure_that_is_tried_again_says_when() -> None:
    story = Story(attempts=3)
    story.is_claimed()
    error = ErrorInfo(kind="Failed", type="OSError", message="no route")
    failed = {"state": State.QUEUED, "reason": Reason.RETRY, "error": error, "failures": 1}
    assert story.is_settled("Failed", due_at=story.now, **failed) == [
        "↻ attempt 1 failed: OSError: no route; again now"
    ]
    story.is_claimed()
    (told,) = story.is_settled("Failed", due_at=story.now + 600, **failed)
    assert told.startswith("↻ attempt 2 failed: OSError: no route; again at ")


@pytest.mark.parametrize(
    ("outcome", "beginning"),
    [("Snoozed", "↻ snoozed; again at "), ("TimedOut", "↻ attempt 1: TimedOut; again at ")],
)
def test_other_ends_of_an_attempt_are_told_by_their_names(outcome: str, beginning: str) -> None:
    story = Story(attempts=2)
    story.is_claimed()
    (told,) = story.is_settled(outcome, state=State.QUEUED, due_at=story.now + 60)
    assert told.startswith(beginning)


def test_a_hand_over_costs_a_sentence_once_the_next_worker_has_it() -> None:
    story = Story()
    story.is_claimed()
    assert story.is_settled("Interrupted", state=State.QUEUED, due_at=story.now) == []
    story.is_claimed()
    assert story.progresses(3) == ["↻ its worker handed it over; started again"]


def test_an_interruption_that_nobody_announced_is_told_as_one() -> None:
    story = Story()
    story.is_claimed()
    detail = {"outcome": "Interrupted", "stopped_by": "terminated", "announced": False}
    assert story.happens(Kind.SETTLED, detail, state=State.QUEUED, due_at=story.now) == []
    story.is_claimed()
    assert story.progresses(3) == ["↻ its process was ended from outside; started again"]


def test_requests_and_sleep_are_noted() -> None:
    story = Story()
    story.is_claimed()
    assert story.happens(Kind.SLEPT, {"seconds": 2520.0}) == ["· the machine slept 42m 00s"]
    assert story.happens(Kind.CANCEL_REQUESTED, cancel_requested_at=story.now, cancel_reason="too slow") == [
        "· cancel requested: too slow"
    ]


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"state": State.CANCELLED}, "✘ cancelled"),
        ({"state": State.CANCELLED, "cancel_reason": "too slow"}, "✘ cancelled: too slow"),
        (
            {"state": State.FAILED, "error": ErrorInfo(kind="Failed", type="ValueError", message="no 3")},
            "✘ failed: ValueError: no 3",
        ),
        (
            {"state": State.FAILED, "error": KILLED, "reason": Reason.POISON, "crashes": 3},
            "✘ failed: its process died 3 times in a row, the last time: process killed by SIGKILL",
        ),
        (
            {"state": State.FAILED, "error": KILLED, "reason": Reason.AT_MOST_ONCE},
            "✘ failed: process killed by SIGKILL; it may not be started again (at_most_once)",
        ),
        (
            {"state": State.FAILED, "error": KILLED, "reason": Reason.DEADLINE},
            "✘ failed: process killed by SIGKILL; there is no time left for another attempt (deadline)",
        ),
        (
            {
                "state": State.FAILED,
                "reason": Reason.EXPIRED,
                "error": ErrorInfo(kind="Expired", message="no worker had started it in time"),
            },
            "✘ failed: no worker had started it in time",
        ),
    ],
)
def test_the_end_says_why(changes: dict[str, Any], end: str) -> None:
    story = Story()
    story.job = msgspec.structs.replace(story.job, finished_at=story.now, **changes)
    assert story.ends() == [end]


def test_a_long_result_is_not_put_into_the_line() -> None:
    story = Story()
    story.job = msgspec.structs.replace(story.job, state=State.SUCCEEDED, finished_at=1075.0)
    assert story.ends(b'"' + b"x" * 100 + b'"') == ["✔ succeeded in 1m 15s"]
    assert story.ends(b"null") == ["✔ succeeded in 1m 15s"]
