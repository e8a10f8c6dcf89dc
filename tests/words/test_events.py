"""The life of a job is the sum of its events: random walks over the table of moves, through `settle`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.events import UNBORN, Event, IllegalHistory, fold
from overnight.jobs import LIFE, MOVES, ErrorInfo, Kind, Reason, State
from overnight.options import Options
from overnight.outcome import (
    HARD_CRASH_LIMIT,
    Cancelled,
    Crashed,
    Failed,
    Interrupted,
    Lost,
    Outcome,
    OutOfMemory,
    Snoozed,
    Standing,
    Succeeded,
    TimedOut,
    settle,
)

ERROR = ErrorInfo(kind="Failed", message="no such file")

outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.just(Succeeded(b"1", "d")),
    st.builds(Failed, st.just(ERROR), st.booleans(), st.none() | st.floats(0, 100)),
    st.builds(TimedOut, st.just(ERROR), st.booleans()),
    st.just(OutOfMemory(ERROR)),
    st.just(Crashed(ERROR)),
    st.just(Lost(ERROR)),
    st.just(Cancelled()),
    st.just(Interrupted()),
    st.builds(Snoozed, st.floats(0, 100)),
)
options = st.builds(
    Options,
    attempts=st.integers(1, 4),
    at_most_once=st.booleans(),
    deadline=st.none() | st.floats(1, 500),
)


class Walk:
    """A job that lives in a dictionary, moved as the store would move it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.now = 1000.0
        self.life: dict[str, Any] = dict(UNBORN)
        self.events: list[Event] = []
        self.saved = self.crashed = self.started_since_revived = 0
        deadline = None if options.deadline is None else self.now + options.deadline
        self.move(Kind.SUBMITTED, {"state": State.QUEUED, "due_at": self.now, "deadline_at": deadline})

    def move(self, kind: Kind, changes: dict[str, Any]) -> None:
        self.life.update(changes)
        n, fence = len(self.events) + 1, self.life["attempt"]
        self.events.append(
            Event(job="j", n=n, attempt=fence, at=self.now, kind=kind, changes=changes, detail={})
        )

    def claim(self) -> None:
        self.started_since_revived += 1
        self.move(
            Kind.CLAIMED,
            {
                "state": State.RUNNING,
                "attempt": self.life["attempt"] + 1,
                "worker": "w",
                "started_at": self.now,
            },
        )

    def settle(self, outcome: Outcome) -> None:
        standing = Standing(
            options=self.options,
            crashes_in_all=self.crashed,
            saved_now=self.saved,
            **{name: self.life[name] for name in ("failures", "crashes", "interruptions", "saved_n")},
            **{name: self.life[name] for name in ("deadline_at", "cancel_requested_at")},
        )
        change = settle(standing, outcome, now=self.now, jitter=0.5)
        self.crashed += isinstance(outcome, (Crashed, Lost))
        self.move(change.kind, change.columns)

    def revive(self) -> None:
        self.crashed = self.started_since_revived = 0
        zeros = dict.fromkeys(("failures", "crashes", "interruptions"), 0)
        nothing = dict.fromkeys(("error", "finished_at", "cancel_requested_at", "deadline_at"))
        self.move(Kind.REVIVED, {"state": State.QUEUED, "reason": Reason.REVIVED, **zeros, **nothing})

    def check(self) -> None:
        """Say what must hold after every step."""
        assert fold(self.events) == self.life
        assert set(self.life) == set(LIFE)
        assert self.life["failures"] <= self.options.attempts
        assert self.crashed <= HARD_CRASH_LIMIT
        assert (self.life["worker"] is not None) == (self.life["state"] is State.RUNNING)
        assert (self.life["finished_at"] is not None) == self.life["state"].is_final
        if self.options.at_most_once:
            assert self.started_since_revived <= 1


@given(st.data(), options)
def test_the_events_of_a_walk_add_up_to_the_row(data: st.DataObject, chosen: Options) -> None:
    walk = Walk(chosen)
    for _ in range(data.draw(st.integers(0, 40))):
        walk.now += data.draw(st.sampled_from([0.0, 1.0, 60.0]))
        state = walk.life["state"]
        kinds = sorted(kind for kind, moves in MOVES.items() if state in {was for was, _ in moves})
        if not kinds:  # it succeeded: no way leads on
            break
        match data.draw(st.sampled_from(kinds)):
            case Kind.CLAIMED:
                walk.claim()
            case Kind.SETTLED:
                walk.saved += data.draw(st.integers(0, 1))
                walk.settle(data.draw(outcomes))
            case Kind.CANCEL_REQUESTED if walk.life["cancel_requested_at"] is None:
                walk.move(Kind.CANCEL_REQUESTED, {"cancel_requested_at": walk.now})
            case Kind.CANCELLED:
                ended = {"finished_at": walk.now, "cancel_requested_at": walk.now}
                walk.move(Kind.CANCELLED, {"state": State.CANCELLED, **ended})
            case Kind.EXPIRED:
                walk.move(Kind.EXPIRED, {"state": State.FAILED, "error": ERROR, "finished_at": walk.now})
            case Kind.REVIVED:
                walk.revive()
            case Kind.SLEPT:
                walk.move(Kind.SLEPT, {})
        walk.check()


# -- histories that cannot be ------------------------------------------------------------------------


def event(n: int, kind: Kind, attempt: int = 0, /, **changes: Any) -> Event:
    return Event(job="j", n=n, attempt=attempt, at=1.0, kind=kind, changes=changes)


SUBMITTED = event(1, Kind.SUBMITTED, state="queued")
CLAIMED = event(2, Kind.CLAIMED, 1, state="running", attempt=1)


@pytest.mark.parametrize(
    ("history", "why"),
    [
        ([CLAIMED], "event 2 stands where event 1 should"),
        ([SUBMITTED, SUBMITTED], "event 1 stands where event 2 should"),
        ([event(1, Kind.CLAIMED, 1, state="running", attempt=1)], "no move from None to running"),
        ([SUBMITTED, event(2, Kind.SETTLED, state="succeeded")], "no move from queued to succeeded"),
        ([SUBMITTED, event(2, Kind.CLAIMED, 0, state="running")], "the fence went from 0 to 0"),
        ([SUBMITTED, event(2, Kind.CLAIMED, 2, state="running", attempt=2)], "the fence went from 0 to 2"),
        ([SUBMITTED, CLAIMED, event(3, Kind.SLEPT, 0)], "the fence went from 1 to 0"),
        ([SUBMITTED, CLAIMED, event(3, Kind.SETTLED, 1, state="failed"), CLAIMED], "event 2 stands where"),
        (
            [
                SUBMITTED,
                CLAIMED,
                event(3, Kind.SETTLED, 1, state="succeeded"),
                event(4, Kind.REVIVED, 1, state="queued"),
            ],
            "no move from succeeded to queued",
        ),
    ],
)
def test_a_history_that_does_not_walk_the_table_is_refused(history: list[Event], why: str) -> None:
    with pytest.raises(IllegalHistory, match=why):
        fold(history)


def test_before_its_first_event_a_job_has_no_life() -> None:
    assert fold([]) == UNBORN
    assert set(UNBORN) == set(LIFE)


def test_states_are_understood_as_words_and_as_themselves() -> None:
    assert fold([SUBMITTED, CLAIMED])["state"] == State.RUNNING == "running"
