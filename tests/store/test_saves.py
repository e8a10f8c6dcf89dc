"""Saved state: one snapshot, fenced, never going back."""

import pytest

from overnight.errors import Fenced
from overnight.outcome import Crashed
from overnight.store import Store, jobs, reading, saves
from tests.store.given import claim, error, failed, running


def test_the_newest_save_is_kept(store: Store) -> None:
    claimed = running(store)
    assert store.read(saves.read, claimed.job) is None
    for n in (1, 2, 5):
        store.write(saves.write, claimed.job, 1, n, b"%d" % n)
    assert store.read(saves.read, claimed.job) == (5, b"5")


@pytest.mark.parametrize("n", [4, 5])
def test_a_save_must_come_after_the_last(store: Store, n: int) -> None:
    claimed = running(store)
    store.write(saves.write, claimed.job, 1, 5, b"later")
    with pytest.raises(Fenced, match=f"save {n}"):
        store.write(saves.write, claimed.job, 1, n, b"earlier")
    assert store.read(saves.read, claimed.job) == (5, b"later")


def test_an_attempt_that_is_over_saves_nothing(store: Store) -> None:
    claimed = running(store, attempts=2)
    store.write(saves.write, claimed.job, 1, 1, b"mine")
    store.write(jobs.settle, claimed.job, 1, Crashed(error("Crashed")))
    with pytest.raises(Fenced):
        store.write(saves.write, claimed.job, 1, 2, b"too late")
    claim(store)
    with pytest.raises(Fenced):
        store.write(saves.write, claimed.job, 1, 3, b"later still")
    assert store.read(saves.read, claimed.job) == (1, b"mine")


def test_what_was_saved_outlives_a_failure(store: Store) -> None:
    claimed = running(store)
    store.write(saves.write, claimed.job, 1, 1, b"mine")
    store.write(jobs.settle, claimed.job, 1, failed())
    assert store.read(saves.read, claimed.job) == (1, b"mine")


def test_a_save_of_megabytes_is_kept_whole(store: Store) -> None:
    claimed = running(store)
    data = bytes(range(256)) * 40_000
    store.write(saves.write, claimed.job, 1, 1, data)
    assert store.read(saves.read, claimed.job) == (1, data)
    assert store.read(reading.find, claimed.job).n_event == 2
