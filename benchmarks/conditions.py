"""Under what conditions a benchmark runs: how long, beside whom, on which disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import Celery


@dataclass(frozen=True)
class Conditions:
    """What a benchmark is given.

    Attributes:
        home: the folder of its store, fresh.
        celery: the peer, or None where it is left out.
        is_quick: only show that it works; the figures mean nothing.
    """

    home: Path
    celery: Celery | None
    is_quick: bool

    def pick(self, full: int, quick: int) -> int:
        """Return how many: of rounds, of jobs."""
        return quick if self.is_quick else full
