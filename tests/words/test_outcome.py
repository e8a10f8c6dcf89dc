"""What becomes of a job after each outcome: a pure decision."""

from dataclasses import dataclass
from typing import Any

import pytest

from overnight.jobs import ErrorInfo, Kind, Reason, State
from overnight.options import Options
from overnight.outcome import (
    CRASH_LIMIT,
    HARD_CRASH_LIMIT,
    Cancelled,
    Change,
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
    name_of,
    settle,
)
from overnight.retrying import Backoff

NOW = 1000.0
ERROR = ErrorInfo(kind="Failed", message="no such file")
FAILURES: list[Outcome] = [Failed(ERROR), TimedOut(ERROR), OutOfMemory(ERROR)]
CRASHES: list[Outcome] = [Crashed(ERROR), Lost(ERROR)]
AGAIN: list[Outcome] = [*FAILURES, *CRASHES, Interrupted(), Snoozed(60.0)]


@dataclass
class Given:
    """How a job stands, in as many words as a test needs."""

    options: dict[str, Any]
    standing: dict[str, Any]

    def after(self, outcome: Outcome, **how: Any) -> Change:
        options = Options(**{"attempts": 5, "backoff": Backoff(10.0, 100.0)} | self.options)
        return settle(
            Standing(options=options, **self.standing), outcome, **{"now": NOW, "jitter": 0.5} | how
        )


def job(**standing: Any) -> Given:
    options = {name: standing.pop(name) for name in list(standing) if name in Options.__struct_fields__}
    return Given(options, standing)


def test_a_success_ends_the_job_with_the_digest_of_its_result() -> None:
    change = job(failures=2).after(Succeeded(b"42", "d1"))
    assert change.kind is Kind.SETTLED
    assert change.columns == {
        "state": State.SUCCEEDED,
        "reason": None,
        "finished_at": NOW,
        "worker": None,
        "error": None,
        "result_digest": "d1",
    }
    assert change.detail == {"outcome": "Succeeded"}


@pytest.mark.parametrize("outcome", FAILURES, ids=name_of)
def test_a_failure_spends_an_attempt_and_waits_for_the_next(outcome: Outcome) -> None:
    change = job(failures=1).after(outcome)
    assert (change.state, change.columns["reason"]) == (State.QUEUED, Reason.RETRY)
    assert (change.columns["failures"], change.columns["due_at"]) == (2, NOW + 20)
    assert (change.columns["error"], change.columns["worker"]) == (ERROR, None)
    assert "finished_at" not in change.columns


@pytest.mark.parametrize("outcome", FAILURES, ids=name_of)
def test_the_last_failure_ends_the_job(outcome: Outcome) -> None:
    change = job(failures=4).after(outcome)
    assert (change.state, change.columns["reason"], change.columns["failures"]) == (State.FAILED, None, 5)
    assert (change.columns["error"], change.columns["finished_at"]) == (ERROR, NOW)


def test_what_is_not_worth_another_attempt_ends_the_job_at_once() -> None:
    change = job().after(Failed(ERROR, retried=False))
    assert (change.state, change.columns["failures"]) == (State.FAILED, 1)


def test_a_task_may_say_itself_when_to_try_again() -> None:
    assert job().after(Failed(ERROR, after=3.0)).columns["due_at"] == NOW + 3


def test_the_end_of_the_whole_time_is_never_tried_again() -> None:
    change = job().after(TimedOut(ERROR, deadline=True))
    assert (change.state, change.columns["reason"], change.columns["failures"]) == (
        State.FAILED,
        Reason.DEADLINE,
        1,
    )


@pytest.mark.parametrize("outcome", CRASHES, ids=name_of)
def test_a_crash_spends_no_attempt_and_comes_back_soon(outcome: Outcome) -> None:
    change = job(attempts=1).after(outcome)
    assert (change.state, change.columns["crashes"], change.columns["due_at"]) == (State.QUEUED, 1, NOW)
    assert "failures" not in change.columns
    assert change.columns["reason"] == (Reason.CRASHED if isinstance(outcome, Crashed) else Reason.LOST)
    assert job(crashes=1).after(outcome).columns["due_at"] == NOW + 1


@pytest.mark.parametrize("outcome", CRASHES, ids=name_of)
def test_too_many_crashes_in_a_row_are_poison(outcome: Outcome) -> None:
    change = job(crashes=CRASH_LIMIT - 1).after(outcome)
    assert (change.state, change.columns["reason"]) == (State.FAILED, Reason.POISON)
    assert change.columns["crashes"] == CRASH_LIMIT
    assert job(crashes=CRASH_LIMIT - 1).after(outcome, crash_limit=9).state is State.QUEUED


def test_crashes_count_anew_only_when_saved_state_went_beyond_all_before() -> None:
    moved = job(crashes=2, saved_n=4, saved_now=5).after(Crashed(ERROR))
    assert (moved.state, moved.columns["crashes"], moved.columns["saved_n"]) == (State.QUEUED, 1, 5)
    stuck = job(crashes=2, saved_n=5, saved_now=5).after(Crashed(ERROR))
    assert stuck.columns["reason"] is Reason.POISON
    fell_back = job(crashes=1, saved_n=5, saved_now=3).after(Crashed(ERROR))
    assert (fell_back.columns["crashes"], fell_back.columns["saved_n"]) == (2, 5)


def test_a_job_that_saves_and_crashes_for_ever_ends_at_a_hard_limit() -> None:
    standing = {"saved_n": 1, "saved_now": 2}
    change = job(crashes_in_all=HARD_CRASH_LIMIT - 2, **standing).after(Crashed(ERROR))
    assert change.state is State.QUEUED
    change = job(crashes_in_all=HARD_CRASH_LIMIT - 1, **standing).after(Crashed(ERROR))
    assert (change.state, change.columns["reason"]) == (State.FAILED, Reason.POISON)
    patient = job(crashes_in_all=HARD_CRASH_LIMIT - 1, **standing)
    assert patient.after(Crashed(ERROR), crash_limit=50).state is State.QUEUED


def test_a_hand_over_spends_nothing_but_its_own_count_and_goes_on_at_once() -> None:
    change = job(failures=1, crashes=2, interruptions=3).after(Interrupted("terminated"))
    assert change.columns == {
        "state": State.QUEUED,
        "reason": Reason.INTERRUPTED,
        "due_at": NOW,
        "worker": None,
        "interruptions": 4,
    }
    assert change.detail == {"outcome": "Interrupted", "stopped_by": "terminated"}


@pytest.mark.parametrize(
    ("before", "wait"), [(0, 0), (5, 0), (6, 1), (7, 10), (8, 10), (9, 20), (HARD_CRASH_LIMIT - 2, 100)]
)
def test_an_unannounced_interruption_goes_on_at_once_a_few_times(before: int, wait: float) -> None:
    change = job(crashes_in_all=before).after(Interrupted("terminated", announced=False))
    assert (change.state, change.columns["reason"]) == (State.QUEUED, Reason.INTERRUPTED)
    assert (change.columns["interruptions"], change.columns["due_at"]) == (1, NOW + wait)
    assert change.detail == {"outcome": "Interrupted", "stopped_by": "terminated", "announced": False}


def test_a_job_that_interrupts_itself_for_ever_ends_at_the_hard_limit() -> None:
    standing = {"crashes_in_all": HARD_CRASH_LIMIT - 1}
    change = job(**standing).after(Interrupted("terminated", announced=False))
    assert (change.state, change.columns["reason"]) == (State.FAILED, Reason.POISON)
    assert change.columns["error"].kind == "Interrupted"
    assert "process group" in change.columns["error"].hint
    assert job(**standing).after(Interrupted()).state is State.QUEUED


def test_a_snooze_spends_nothing() -> None:
    change = job().after(Snoozed(600.0))
    assert change.columns == {
        "state": State.QUEUED,
        "reason": Reason.SNOOZE,
        "due_at": NOW + 600,
        "worker": None,
    }


def test_a_cancel_ends_the_job() -> None:
    change = job().after(Cancelled("killed"))
    assert (change.state, change.columns["error"], change.columns["finished_at"]) == (
        State.CANCELLED,
        None,
        NOW,
    )
    assert change.detail == {"outcome": "Cancelled", "stopped_by": "killed"}


@pytest.mark.parametrize("outcome", AGAIN, ids=name_of)
def test_a_cancel_that_was_asked_for_wins_over_going_on(outcome: Outcome) -> None:
    change = job(cancel_requested_at=NOW - 1).after(outcome)
    assert (change.state, change.columns["finished_at"]) == (State.CANCELLED, NOW)


def test_a_result_wins_over_a_cancel_that_was_asked_for() -> None:
    assert job(cancel_requested_at=NOW - 1).after(Succeeded(b"1", "d")).state is State.SUCCEEDED


@pytest.mark.parametrize("outcome", AGAIN, ids=name_of)
def test_a_job_with_one_start_has_no_other(outcome: Outcome) -> None:
    change = job(attempts=1, at_most_once=True).after(outcome)
    assert change.state is State.FAILED
    assert change.columns["error"] is not None
    if not isinstance(outcome, (Failed, TimedOut, OutOfMemory)):
        assert change.columns["reason"] is Reason.AT_MOST_ONCE


@pytest.mark.parametrize("outcome", [Failed(ERROR), Snoozed(60.0), Failed(ERROR, after=60.0)], ids=name_of)
def test_nothing_waits_beyond_the_deadline(outcome: Outcome) -> None:
    change = job(deadline_at=NOW + 5).after(outcome)
    assert (change.state, change.columns["reason"]) == (State.FAILED, Reason.DEADLINE)
    assert job(deadline_at=NOW + 500).after(outcome).state is State.QUEUED


def test_the_decision_knows_no_clock_and_no_chance() -> None:
    before = job(failures=1).after(Failed(ERROR), jitter=0.0)
    assert before == job(failures=1).after(Failed(ERROR), jitter=0.0)
    assert before.columns["due_at"] == NOW + 15
