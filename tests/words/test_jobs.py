"""A job as people and programs see it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from overnight.jobs import LIFE, MOVES, ErrorInfo, Job, Kind, Reason, State, iso_time
from overnight.options import Options
from overnight.progress import Progress

NOW = datetime(2027, 3, 4, 12, 0, tzinfo=UTC).timestamp()


def a_job(**fields: Any) -> Job:
    given = {
        "id": "01890a5d-ac96-774b-bcce-b3024f9c21ab",
        "task": "talks.transcribe",
        "source": "/home/ada/talks.py",
        "state": State.QUEUED,
        "options": Options(attempts=3, tags=("night",), owner="ada"),
        "created_at": NOW,
        "due_at": NOW,
    }
    return Job(**given | fields)


def test_three_states_are_final() -> None:
    assert {state for state in State if state.is_final} == {State.SUCCEEDED, State.FAILED, State.CANCELLED}


def test_the_short_id_is_the_last_eight_digits() -> None:
    assert a_job().short_id == "4f9c21ab"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "queued"),
        ({"unserved": "no worker serves it"}, "queued: no worker serves it"),
        ({"due_at": NOW + 60}, "scheduled for "),
        ({"due_at": NOW + 60, "reason": Reason.SNOOZE}, "scheduled for "),
        ({"due_at": NOW + 60, "reason": Reason.RETRY}, "retrying at "),
        ({"due_at": NOW + 60, "reason": Reason.LOST}, "retrying at "),
        ({"due_at": NOW - 60, "reason": Reason.RETRY}, "queued"),
        ({"state": State.RUNNING}, "running"),
        ({"state": State.RUNNING, "cancel_requested_at": NOW}, "cancelling"),
        ({"state": State.SUCCEEDED}, "succeeded"),
        ({"state": State.CANCELLED}, "cancelled"),
        ({"state": State.FAILED}, "failed"),
        ({"state": State.FAILED, "reason": Reason.AT_MOST_ONCE}, "failed: at most once"),
        ({"state": State.FAILED, "reason": Reason.POISON}, "failed: poison"),
    ],
)
def test_how_a_job_stands_is_said_in_words(fields: dict[str, Any], words: str) -> None:
    said = a_job(**fields).status_text(NOW)
    assert said.startswith(words)
    if not words.endswith(" "):
        assert said == words


def test_a_moment_of_another_day_is_said_with_its_date() -> None:
    assert "-" not in a_job(due_at=NOW + 60).status_text(NOW)
    assert "2027-03-" in a_job(due_at=NOW + 3 * 86400).status_text(NOW)


def test_its_json_has_the_fields_that_every_face_shows() -> None:
    job = a_job(
        state=State.FAILED,
        input={"folder": "/talks"},
        error=ErrorInfo(kind="Failed", message="no such file", type="OSError"),
        attempt=2,
        failures=2,
        progress=Progress(done=1, total=4),
        started_at=NOW,
        finished_at=NOW + 1.5,
    )
    shown = job.to_json(NOW)
    assert list(shown) == [
        "id", "task", "source", "state", "done", "reason", "status_text", "queue", "priority", "owner",
        "tags", "input", "result", "error", "attempt", "attempts", "failures", "crashes", "interruptions",
        "worker", "cancel_requested_at", "progress", "created_at", "due_at", "started_at", "finished_at",
    ]  # fmt: skip
    assert (shown["state"], shown["done"], shown["attempts"], shown["owner"]) == ("failed", True, 3, "ada")
    assert shown["error"]["type"] == "OSError"
    assert set(shown["error"]) == {"kind", "type", "message", "traceback", "hint", "detail"}
    assert shown["progress"]["fraction"] == 0.25
    assert shown["finished_at"] == "2027-03-04T12:00:01.500Z"
    assert json.loads(json.dumps(shown)) == shown


def test_a_moment_is_written_in_utc_to_the_millisecond() -> None:
    assert iso_time(None) is None
    assert iso_time(0.25) == "1970-01-01T00:00:00.250Z"


def test_every_kind_of_event_is_in_the_table_of_moves() -> None:
    assert set(MOVES) == set(Kind)


def test_a_life_is_made_of_columns_that_a_job_has() -> None:
    assert set(LIFE) <= set(Job.__struct_fields__)


def test_an_attempt_begins_by_a_claim_only_and_a_final_state_is_left_by_hand_only() -> None:
    into_running = {
        kind for kind, moves in MOVES.items() for was, to in moves if to is State.RUNNING and was != to
    }
    assert into_running == {Kind.CLAIMED}
    out_of_final = {
        (kind, was) for kind, moves in MOVES.items() for was, _ in moves if was is not None and was.is_final
    }
    assert out_of_final == {(Kind.REVIVED, State.FAILED), (Kind.REVIVED, State.CANCELLED)}
