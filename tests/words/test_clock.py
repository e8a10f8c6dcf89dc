"""Three clocks, and how tests say otherwise."""

import time
from pathlib import Path

import pytest

from overnight.clock import OFFSET_VARIABLE, Clock, FileClock, SetClock, boot_id, system_clock


def test_the_machines_clocks_are_those_of_the_machine() -> None:
    clock = Clock()
    assert abs(clock.now() - time.time()) < 1
    assert abs(clock.steady() - time.monotonic()) < 1
    assert clock.asleep() >= -0.001


def test_a_file_moves_the_clocks_of_a_process_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clock"
    path.write_text("0 0 0")
    monkeypatch.setenv(OFFSET_VARIABLE, str(path))
    clock = system_clock()
    assert isinstance(clock, FileClock)
    before = clock.now(), clock.steady(), clock.asleep()
    path.write_text("3600 -60 2520")
    after = clock.now(), clock.steady(), clock.asleep()
    moved = [there - here for here, there in zip(before, after, strict=True)]
    assert moved == pytest.approx([3600, -60, 2520], abs=1)


def test_without_a_file_the_clocks_are_the_machines() -> None:
    assert type(system_clock()) is Clock


def test_a_set_clock_stands_still_until_it_is_moved() -> None:
    clock = SetClock(100.0)
    assert (clock.now(), clock.now()) == (100.0, 100.0)
    steady = clock.steady()
    clock.advance(5)
    assert (clock.now(), clock.steady(), clock.asleep()) == (105.0, steady + 5, 0.0)


def test_the_steady_clock_stands_still_while_the_machine_sleeps() -> None:
    clock = SetClock(100.0)
    steady = clock.steady()
    clock.sleep(2520)
    assert (clock.now(), clock.steady(), clock.asleep()) == (2620.0, steady, 2520.0)


def test_a_boot_has_one_name() -> None:
    assert boot_id()
    assert boot_id() == boot_id()
