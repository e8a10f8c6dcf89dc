"""Real workers for tests: processes of their own, on a home of their own, ended by their number."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

import psutil

from overnight.app import App
from overnight.runner.processes import children_of, descendants_of, marked
from overnight.settings import load_settings
from tests.waiting import until


class RunningWorker:
    """`overnight worker`, as a user starts it."""

    def __init__(
        self, home: Path, *sources: Path | str, slots: int = 2, lease: str = "3s", **env: str
    ) -> None:
        self.home = home
        self.log = home / "worker-under-test.log"
        home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "overnight", "--home", str(home),
                 "worker", *map(str, sources), "-c", str(slots)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "OVERNIGHT_LEASE": lease, **env},
                start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self.process.pid

    def children(self) -> dict[str, list[int]]:
        """The processes of this worker by what they are."""
        found: dict[str, list[int]] = {"guard": [], "zygote": [], "child": []}
        for pid in children_of(self.pid):
            command = command_of(pid)
            if "overnight.runner.guard" in command:
                found["guard"].append(pid)
            elif "overnight.runner.zygote" in command:
                found["zygote"].append(pid)
                found["child"] += children_of(pid)
        return found

    def stop(self, number: int = signal.SIGTERM, within: float = 30) -> int:
        """Signal the worker and wait for its end."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(within)

    def __enter__(self) -> RunningWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
            raise
        if error is not None:
            print(self.log.read_text(errors="replace")[-4000:])


def one(worker: RunningWorker, kind: str) -> int:
    """The one process of this kind that a worker has: "guard", "zygote" or "child"."""
    return until(lambda: worker.children()[kind], within=10, what=f"a {kind}")[0]


def is_dead(pid: int) -> bool:
    """Whether a process is gone, or as good as: where nobody reaps orphans its number stays."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def app_on(home: Path, **flags: object) -> App:
    """An application on a home of its own."""
    return App(settings=load_settings(flags={"home": home, **flags}))


def processes_of_home(home: Path) -> list[int]:
    """Everything that lives and belongs to a worker of this home."""
    workers = {lock.stem for lock in (home / "workers").glob("*.lock")}
    mine = {os.getpid(), *descendants_of(os.getpid())}
    marks = {pid for worker in workers for pid in marked(worker)}
    named = {
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and str(home) in command_of(int(entry.name)) and int(entry.name) not in mine
    }
    return sorted(marks | named)


def nothing_is_left(home: Path, within: float = 10) -> None:
    until(lambda: not processes_of_home(home), within=within, what=f"the end of all processes of {home}")
