"""A loop over 200,000 real lines, killed thirty times at random: the result is that of an undisturbed run."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sysconfig
import time
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults import chaos_tasks
from tests.waiting import until
from tests.workers import RunningWorker, app_on

LINES = 200_000
KILLS = 30
SEED = int(os.environ.get("OVERNIGHT_CHAOS_SEED", "20261124"))


class Seen(NamedTuple):
    """A line of the trace: this attempt was at this item at this steady time."""

    attempt: int
    item: int
    at: float
    pid: int


def read_trace(trace: Path) -> list[Seen]:
    text = trace.read_text() if trace.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    return [
        Seen(int(attempt), int(item), float(at), int(pid))
        for attempt, item, at, pid in map(str.split, whole.splitlines())
    ]


def real_lines(count: int) -> list[str]:
    """Lines of the standard library's own files, in a fixed order."""
    found: list[str] = []
    for file in sorted(Path(sysconfig.get_path("stdlib")).glob("**/*.py")):
        if len(found) >= count:
            break
        found += file.read_text(errors="replace").splitlines()
    return found[:count]


@pytest.mark.timeout(180)
def test_thirty_kills_change_nothing(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    text, trace = tmp_path / "lines.txt", tmp_path / "trace"
    text.write_text("\n".join(real_lines(LINES)))
    app = app_on(tmp_path / "home", crash_limit=1000)
    handle = chaos_tasks.digest_lines.with_options(app=app).submit(text, trace)
    killed = 0
    with RunningWorker(tmp_path / "home", chaos_tasks.__name__, OVERNIGHT_CRASH_LIMIT="1000"):
        for _ in range(KILLS):
            running = _wait_for_attempt_after(killed, trace)
            time.sleep(chance.uniform(0.05, 0.45))  # where in the work the kill hits, by chance
            os.kill(running.pid, signal.SIGKILL)
            killed = running.attempt
        assert handle.wait(90)
    expected = ""
    for line in text.read_text(errors="replace").splitlines():
        expected = hashlib.sha256((expected + line).encode()).hexdigest()
    assert handle.result(0) == expected
    assert handle.snapshot().attempt == KILLS + 1
    repeated = _repeated(read_trace(trace))
    assert len(repeated) == KILLS
    assert max(repeated) <= 1.0, f"work repeated after a kill, in seconds: {sorted(repeated)[-5:]}"


def _wait_for_attempt_after(killed: int, trace: Path) -> Seen:
    def newest() -> Seen | None:
        seen = read_trace(trace)
        return seen[-1] if seen and seen[-1].attempt > killed else None

    return until(newest, within=20, what=f"an attempt after number {killed} (seed {SEED})")


def _repeated(seen: list[Seen]) -> list[float]:
    """Return for each kill how much work, in seconds, was done again."""
    lost = []
    for before, after in pairwise(sorted({entry.attempt for entry in seen})):
        resumed = min(entry.item for entry in seen if entry.attempt == after)
        again = [entry.at for entry in seen if entry.attempt == before and entry.item >= resumed]
        lost.append(max(again) - min(again) if again else 0.0)
    return lost
