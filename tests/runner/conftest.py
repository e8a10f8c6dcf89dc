"""A worker for the tests of one module, on a home of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from overnight import App
from overnight.jobs import Attempt, Job, State
from overnight.runner.processes import marked
from tests.runner import simple_tasks
from tests.waiting import until
from tests.workers import RunningWorker, app_on

#: No job of these tests takes longer, in seconds.
PATIENCE = 20


class Bench(NamedTuple):
    """A worker and the application that gives it jobs."""

    app: App
    worker: RunningWorker

    def submit(self, task: Any, *args: Any, **options: Any) -> Any:
        """Submit a call with options of its own."""
        return task.with_options(app=self.app, **options).submit(*args)

    def ended(self, handle: Any) -> Job:
        """Wait for the end of a job, and return it as it stands then."""
        is_over = handle.wait(PATIENCE)
        assert self.worker.process.poll() is None, self.worker.log.read_text()[-4000:]
        assert is_over, f"not ended: {handle.snapshot()}"
        return handle.snapshot()

    def run(self, task: Any, *args: Any, **options: Any) -> Job:
        """Run a job to its end."""
        return self.ended(self.submit(task, *args, **options))

    def lines(self, job: Job, stream: str) -> list[str]:
        """What a job wrote to one of its streams."""
        return [line.text for line in self.app.get(job.id).logs() if line.stream == stream]

    def last_attempt(self, job: Job) -> Attempt:
        """The newest attempt of a job."""
        return self.app.attempts(job.id)[-1]

    def left_of(self, job: Job) -> list[int]:
        """Every process that carries the mark of a job."""
        return marked(f"{self.last_attempt(job).worker}:{job.id}")

    def works_on(self) -> None:
        """The worker is unharmed: the same process, and it does its work."""
        assert self.worker.process.poll() is None
        assert self.run(simple_tasks.give, "still here").result == "still here"


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A worker for the tasks of a module's `TASKS`, with four slots, or as many as its `SLOTS` says."""
    served = (simple_tasks, *getattr(request.module, "TASKS", ()))
    slots = getattr(request.module, "SLOTS", 4)
    home = tmp_path_factory.mktemp("home")
    app = app_on(home)
    with RunningWorker(home, *(tasks.__name__ for tasks in served), slots=slots) as worker:
        bench = Bench(app, worker)
        bench.works_on()  # from here on, what takes long is the job's own doing
        yield bench
    app.close()


def seconds_until_ended(handle: Any, act: Callable[[], Any]) -> float:
    """Return how long a job takes to end after something is done to it."""
    began = time.monotonic()
    act()
    assert handle.wait(PATIENCE), f"not ended: {handle.snapshot()}"
    return time.monotonic() - began


def is_running(handle: Any) -> bool:
    return handle.state is State.RUNNING


def pids_in(ledger: Path, count: int = 1) -> list[int]:
    """Wait until so many processes have written their numbers into a file."""

    def found() -> list[int]:
        return [int(line) for line in ledger.read_text().split("\n")[:-1]] if ledger.exists() else []

    until(lambda: len(found()) >= count, within=PATIENCE, what=f"{count} processes in {ledger}")
    return found()


def are_gone(pids: list[int]) -> bool:
    """Whether none of these processes lives; a zombie is dead, and only keeps its number from others."""
    return all(_state(pid) in "ZX" for pid in pids)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"
