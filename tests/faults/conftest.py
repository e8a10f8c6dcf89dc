"""What tests of faults begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.places import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A store of its own; when the test has ended, all that must hold is checked."""
    made = Place(tmp_path)
    yield made
    made.open_gate()
    made.check()
    made.app.close()
