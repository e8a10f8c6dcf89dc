"""A store with its jobs, and what they witnessed of themselves."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from overnight.app import App
from overnight.handle import JobHandle
from overnight.jobs import Call
from overnight.options import Options
from overnight.sources import Source
from overnight.store.verify import verify
from tests.faults import fault_tasks
from tests.waiting import until
from tests.workers import RunningWorker, app_on, nothing_is_left


class Line(NamedTuple):
    """A sign of life: this attempt of a job, in this process, at this steady time."""

    job: str
    attempt: int
    word: str
    pid: int
    at: float


class Place:
    """A folder with a store, a ledger in which jobs sign, and a gate for which they wait."""

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        self.folder = folder
        self.home = home or folder / "home"
        self.app: App = app_on(self.home)

    def submit(self, name: str = "waits", *args: object, **options: Any) -> JobHandle[Any]:
        """Submit one of the tasks that sign here."""
        return getattr(fault_tasks, name).with_options(app=self.app, **options).submit(self.folder, *args)

    def submit_file(
        self, file: Path, name: str, options: Options | None = None, **arguments: Any
    ) -> JobHandle[Any]:
        """Submit a function of a file, which is not imported here."""
        source = Source.at(file)
        call = Call(
            task=f"{source.module}.{name}",
            source=source.key,
            options=options or Options(),
            input=msgspec.json.encode(arguments),
        )
        return self.app.get(self.app.submit([call])[0])

    def worker(self, **env: Any) -> RunningWorker:
        """Start a worker for those tasks."""
        return RunningWorker(self.home, fault_tasks.__name__, **env)

    def open_gate(self) -> None:
        (self.folder / "gate").touch()

    # -- what was witnessed --------------------------------------------------------------------------

    def lines(self, job: str | None = None) -> list[Line]:
        ledger = self.folder / "ledger"
        text = ledger.read_text() if ledger.exists() else ""
        found = [line.split() for line in text[: text.rfind("\n") + 1].splitlines()]
        signed = [Line(id, int(n), word, int(pid), float(at)) for id, n, word, pid, at in found]
        return [line for line in signed if job in (None, line.job)]

    def started(self, job: JobHandle[Any], attempt: int = 1, *, within: float = 20) -> Line:
        """Wait until an attempt has begun, and return its sign."""

        def first() -> Line | None:
            lines = self.lines(job.id)
            return next((line for line in lines if (line.attempt, line.word) == (attempt, "start")), None)

        return until(first, within=within, what=f"the start of attempt {attempt} of {job}")

    def lived(self, job: JobHandle[Any], seconds: float) -> Line:
        """Wait until the newest attempt of a job has lived for so long, and return its newest sign."""

        def long_enough() -> Line | None:
            lines = [line for line in self.lines(job.id) if line.attempt == self.lines(job.id)[-1].attempt]
            return lines[-1] if lines and lines[-1].at - lines[0].at >= seconds else None

        return until(long_enough, within=20, what=f"{seconds} s in the life of {job}")

    def programs(self, job: JobHandle[Any]) -> list[int]:
        """The programs that a job has started."""
        return [int(line.word[8:]) for line in self.lines(job.id) if line.word.startswith("program-")]

    def outcomes(self, job: JobHandle[Any]) -> list[str | None]:
        """How the attempts of a job ended."""
        return [attempt.outcome for attempt in self.app.attempts(job.id)]

    # -- what must hold at the end -------------------------------------------------------------------

    def check(self) -> None:
        """See to it that nothing lives, that the store keeps its word, and that no attempts overlapped."""
        nothing_is_left(self.home)
        assert verify(self.app.store) == []
        assert self.app.workers() == []
        for job in {line.job for line in self.lines()}:
            lines = sorted(self.lines(job), key=lambda line: line.at)
            starts = [line.attempt for line in lines if line.word == "start"]
            assert len(starts) == len(set(starts)), f"an attempt began twice: {starts}"
            for earlier, later in pairwise(lines):
                assert earlier.attempt <= later.attempt, f"attempts overlapped: {earlier}, {later}"
