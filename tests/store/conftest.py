"""One suite for every kind of store; a new kind is one more parameter of `store`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from overnight.clock import SetClock
from overnight.store import Store, open_store


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> Iterator[Store]:
    """Give an empty store whose time is `clock`."""
    store = open_store(tmp_path / "home", clock=clock)
    yield store
    store.close()
