"""A file that is a program and a file of tasks at once: what it names means the same in a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workers import RunningWorker

PROGRAM = '''
import sys
from overnight import App, job, task


class Flaky(TypeError):
    """Not tried again unless it is named."""


class Other(Exception):
    pass


@task(attempts=3, backoff="0.01s", retry_on=Flaky)
def fail(kind: str) -> int:
    if job.attempt < 3:
        raise (Flaky if kind == "Flaky" else Other)("again")
    return job.attempt


if __name__ == "__main__":
    for task in (fail, fail.with_options(retry_on=[Flaky, Other])):
        handles = [task.with_options(app=App(engine=sys.argv[1])).submit(kind) for kind in ("Flaky", "Other")]
        for handle in handles:
            handle.wait(20)
            print(handle.state, handle.snapshot().attempt)
'''

EXPECTED = ["succeeded 3", "failed 1", "succeeded 3", "succeeded 3"]


def run(file: Path, engine: str, home: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(file), engine],
        env={**os.environ, "OVERNIGHT_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=40,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", ["program.py", "this.py", "two words.py"])
def test_errors_of_a_program_are_known_by_the_same_name_everywhere(tmp_path: Path, name: str) -> None:
    file, home = tmp_path / name, tmp_path / "home"
    file.write_text(PROGRAM)
    assert run(file, "inline", tmp_path / "inline") == EXPECTED
    with RunningWorker(home, file):
        assert run(file, "native", home) == EXPECTED
