"""Zygotes that die before they are of any use."""

from __future__ import annotations

import os
import signal

from tests.faults.places import Place
from tests.waiting import until
from tests.workers import RunningWorker

SLOW_TO_IMPORT = """
import time
from pathlib import Path
from overnight import task

while not Path(__file__).with_name("may-import").exists():
    time.sleep(0.01)

@task
def answer() -> int:
    return 42
"""


def kill_zygotes(worker: RunningWorker, times: int) -> None:
    killed: set[int] = set()

    def fresh() -> set[int]:
        return set(worker.children()["zygote"]) - killed

    while len(killed) < times:
        for pid in until(fresh, within=10, what="a fresh zygote"):
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)


def test_a_zygote_that_dies_young_again_and_again_is_said_to_and_tried_again(place: Place) -> None:
    source = place.folder / "slow.py"
    source.write_text(SLOW_TO_IMPORT)
    job = place.submit_file(source, "answer")
    with RunningWorker(place.home, source) as worker:
        until(place.app.workers, within=20, what="the worker")
        kill_zygotes(worker, 2)
        assert job.state == "queued"
        kill_zygotes(worker, 2)
        why = until(lambda: "in a row" in (job.snapshot().unserved or "") and job.snapshot().unserved)
        assert "died before it did any work (it ended with -9)" in why
        (place.folder / "may-import").touch()
        assert job.result(20) == 42
    assert place.outcomes(job) == ["Succeeded"]
