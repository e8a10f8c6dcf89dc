"""How far along a job is: done, total, message; and from these fraction, rate and time left."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

#: How far the rate looks back. Long enough to be calm, short enough to notice that the work got harder.
WINDOW = 30.0

#: Below this much time, a rate would be a guess.
_SHORTEST = 0.5


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far along a job is, at one moment.

    Attributes:
        done: units that are done.
        total: units in all, or None where nobody knows.
        message: what the job says about itself.
        rate: units per second, or None while it would be a guess.
        basis: what the rate was measured over, in words: "last 30s".
    """

    done: float | None = None
    total: float | None = None
    message: str | None = None
    rate: float | None = None
    basis: str | None = None

    @property
    def fraction(self) -> float | None:
        """The part that is done, from 0 to 1, or None where the total is unknown."""
        if self.done is None or self.total is None:
            return None
        if self.total <= 0:
            return 1.0
        return min(max(self.done / self.total, 0.0), 1.0)

    @property
    def eta(self) -> float | None:
        """The seconds left at the present rate, or None where that cannot be said."""
        if self.done is None or self.total is None or not self.rate:
            return None
        return max(self.total - self.done, 0.0) / self.rate

    def to_json(self) -> dict[str, Any]:
        """Return the `progress` of a job's JSON."""
        return {
            "done": self.done,
            "total": self.total,
            "fraction": self.fraction,
            "message": self.message,
            "rate": self.rate,
            "eta": self.eta,
            "basis": self.basis,
        }


class Meter:
    """Measures the rate of a count over a sliding window, as rich's progress bar does.

    The first sample is only where counting began: a loop that goes on at item 812 has not done 812 items
    in its first second.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()

    def note(self, done: float, *, at: float) -> None:
        """Take a sample at a steady time in seconds; a count that went down starts anew."""
        samples = self._samples
        if samples and done < samples[-1][1]:
            samples.clear()
        if len(samples) > 1 and at - samples[-2][0] < WINDOW / 60:
            samples.pop()  # at most about 60 samples a window, however often progress is reported
        samples.append((at, done))
        while len(samples) > 2 and at - samples[1][0] >= WINDOW:
            samples.popleft()

    def rate(self) -> tuple[float | None, str | None]:
        """Return units per second and what they were measured over; both None while it would be a guess."""
        if len(self._samples) < 2:
            return None, None
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        span = ended - began
        if span < _SHORTEST:
            return None, None
        return (last - first) / span, f"last {span:.0f}s" if span >= 1 else "last second"
