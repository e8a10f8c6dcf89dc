"""The command line as a user has it: a program, in a pipe or on a terminal."""

from __future__ import annotations

import errno
import io
import json
import os
import pty
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from overnight.cli import answer
from overnight.sources import Source
from overnight.store import open_store
from overnight.tasks import find_task
from tests.workers import app_on, nothing_is_left

COMMAND = (sys.executable, "-m", "overnight")

#: Those that the command line takes for itself.
SIGNALS = (signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

TASKS = '''
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from overnight import job, task, track


@task
def count(top: int = 3, text: str = "") -> int:
    """Count to the top.

    Args:
        top: How far.
    """
    for number in range(top):
        print("item", number)
    if text:
        print(text, file=sys.stderr)
    return top


@task
def fail(why: str = "no reason") -> None:
    """Raise an error."""
    raise ValueError(why)


@task
def wait_for(file: Path, items: int = 100) -> int:
    """Do the first items at once, and the rest when a file is there."""
    for number in track(range(items), resume=True):
        time.sleep(0.005)  # a moment, in which the first items are saved
        while number >= 60 and not file.exists():
            time.sleep(0.01)
    return items


@task
def paint() -> str:
    """Print what would steer a terminal."""
    print("\\x1b[31mred\\x1b[0m\\x07 one\\rtwo")
    job.log.warning("careful")
    return "\\x1b[2J"


def plain(a: int, b: str = "x") -> dict:
    """A function without a decorator."""
    return {"a": a, "b": b}
'''


class Commands:
    """`overnight` on a home of its own, called from a folder with `jobs.py` in it."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.env = {**os.environ, "OVERNIGHT_HOME": str(self.home), "OVERNIGHT_LEASE": "3s", **env}
        (folder / "jobs.py").write_text(TASKS)

    def __call__(self, *words: str, stdin: str = "") -> Answer:
        """Run a command to its end, in this process: what it imports is paid once for all tests."""
        out, err = io.StringIO(), io.StringIO()
        with self._at_home(stdin), redirect_stdout(out), redirect_stderr(err):
            code = answer([*words])
        return Answer(code, out.getvalue(), err.getvalue())

    @contextmanager
    def _at_home(self, stdin: str) -> Iterator[None]:
        """Give a command its folder, environment, stdin and signals, and take them back."""
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        folder, path, before = Path.cwd(), [*sys.path], dict(os.environ)
        os.chdir(self.folder)
        os.environ.update(self.env)
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()))
        try:
            yield
        finally:
            sys.stdin = sys.__stdin__
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)
            sys.path[:] = path
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def program(self, *words: str, within: float = 30) -> Answer:
        """Run a command to its end, in a process of its own."""
        done = subprocess.run(
            [*COMMAND, *words],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str, stdin: str = "") -> str:
        """Run a command that succeeds; return its answer."""
        answer = self(*words, stdin=stdin)
        assert answer.code == 0, answer
        return answer.out

    def json(self, *words: str, stdin: str = "") -> Any:
        """Run a command that succeeds and speaks JSON."""
        return json.loads(self.ok(*words, stdin=stdin))

    def submit(self, *words: str) -> str:
        """Submit a job and leave; return its id."""
        return self.ok("run", "--detach", *words).strip()

    def make_store(self) -> None:
        """Make the store, empty."""
        open_store(self.home).close()

    def in_store(self, statement: str) -> None:
        """Change the store behind our back."""
        connection = sqlite3.connect(self.home / "overnight.db")
        with connection:
            connection.execute(statement)
        connection.close()

    def submit_only(self, task: str, **values: Any) -> str:
        """Submit a job of `jobs.py` from Python, which starts no worker; return its id."""
        app = app_on(self.home)
        try:
            found = find_task(Source.named("jobs.py", self.folder), task)
            return found.with_options(app=app).submit(**values).id
        finally:
            app.close()

    def end_workers(self) -> None:
        """Tell the workers that were started in the background to leave, and wait until they have."""
        with self._at_home(""):
            for row in (app := app_on(self.home)).workers():
                os.kill(row.pid, signal.SIGTERM)
            app.close()
        nothing_is_left(self.home)

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command in pipes; it ends with the block, if not before."""
        with subprocess.Popen(
            [*COMMAND, *words],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def on_terminal(self, *words: str) -> Terminal:
        """Start a command on a terminal of its own."""
        return Terminal([*COMMAND, *words], self.folder, self.env)


class Answer:
    """What a command said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    def __repr__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Terminal:
    """A program on a pseudo terminal."""

    def __init__(self, command: list[str], folder: Path, env: dict[str, str]) -> None:
        self.shown = ""
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(
                command[0], command, {**env, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
            )

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def expect(self, text: str, within: float = 20) -> None:
        """Read until a text has been shown."""
        until = time.monotonic() + within
        while text not in self.shown:
            assert time.monotonic() < until, f"{text!r} was not shown in {within:g} s: {self.shown!r}"
            assert self._read(until), f"it ended without showing {text!r}: {self.shown!r}"

    def end(self, within: float = 20) -> int:
        """Read to the end; return the exit code."""
        until = time.monotonic() + within
        while self._read(until):
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"it did not end in {within:g} s: {self.shown!r}")
        os.close(self._master)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self, until: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(min(until - time.monotonic(), 0.1), 0))
        if not ready:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # the program has closed its end
                return False
            raise
        self.shown += data.decode(errors="replace")
        return bool(data)
