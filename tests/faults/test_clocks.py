"""The machine sleeps, its wall clock jumps, it is started anew: nobody is lost by that."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from overnight.jobs import Kind
from overnight.store import jobs, sqlite, workers
from tests.faults.places import Place
from tests.store import given
from tests.waiting import until

HOUR = 3600.0


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Move the clocks of all processes: by seconds of wall time, of steady time, and of sleep."""
    file = tmp_path / "clock"

    def move(wall: float = 0.0, steady: float = 0.0, asleep: float = 0.0) -> None:
        coming = file.with_suffix(".coming")
        coming.write_text(f"{wall} {steady} {asleep}")
        coming.rename(file)

    move()
    monkeypatch.setenv("OVERNIGHT_CLOCK", str(file))
    return move


def test_a_sleep_is_noted_with_the_jobs_that_slept_and_ends_nothing(clock: Any, place: Place) -> None:
    job = place.submit()
    with place.worker(lease="2s"):
        place.started(job)
        clock(wall=2520, asleep=2520)
        slept = until(
            lambda: [event for event in place.app.events(job.id) if event.kind is Kind.SLEPT],
            within=10,
            what="the note of the sleep",
        )
        assert slept[0].detail["seconds"] == pytest.approx(2520, abs=1)
        place.open_gate()
        assert job.result(10) == 1


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_jump_of_the_wall_clock_ends_nothing_and_changes_no_duration(
    clock: Any, place: Place, jump: float
) -> None:
    job = place.submit("lasts", 1.5, timeout=10.0)
    with place.worker(lease="1.5s"):
        place.started(job)
        clock(wall=jump)
        assert job.result(10) == pytest.approx(1.5, abs=0.5)
        after = place.submit("notes", 7)
        assert after.result(10) == 7
        assert len(place.app.workers()) == 1
    [attempt] = place.app.attempts(job.id)
    assert attempt.outcome == "Succeeded"
    assert attempt.detail["took"] == pytest.approx(1.5, abs=0.5)


def test_what_is_due_in_an_hour_starts_when_the_wall_clock_says_so(clock: Any, place: Place) -> None:
    job = place.submit("notes", 1, delay=HOUR)
    with place.worker():
        soon = place.submit("notes", 2)
        assert soon.result(20) == 2
        assert job.state == "queued"
        clock(wall=HOUR)
        assert job.result(10) == 1


def test_after_a_new_start_of_the_machine_old_leases_are_void_at_once(place: Place) -> None:
    """They count in a time that is not ours: this one would hold for 30 years."""
    job = place.submit()
    lock = workers.take_lock(place.home, "ghost")
    found = job.snapshot()
    given.register(place.app.store, "ghost")
    assert place.app.store.write(jobs.claim, given.ask("ghost", (found.task, found.source)))
    with closing(sqlite.connect(place.home / "overnight.db")) as database:
        database.execute("UPDATE worker SET boot = 'the boot before'")
    place.open_gate()
    with place.worker():
        assert job.result(20) == 2
    workers.release_lock(place.home, "ghost", lock)
    assert place.outcomes(job) == ["Lost", "Succeeded"]
    assert "the machine was restarted" in place.app.attempts(job.id)[0].detail["message"]
