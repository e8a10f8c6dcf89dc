"""How long a program takes to begin: importing the package, and the command's help."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping

from benchmarks.conditions import Conditions
from benchmarks.measuring import Round, take_turns
from benchmarks.peers import PYTHON
from benchmarks.tables import Figure, Table

IMPORT = Figure("import", "ms")
NAMES = Figure("from overnight import task, track, job", "ms")
PROGRAM = Figure("the whole program", "ms")

_TIME_IMPORT = "import time; a = time.perf_counter(); {}; print((time.perf_counter() - a) * 1000)"


def measure(conditions: Conditions) -> Table:
    """Measure it."""
    contestants: dict[str, Round] = {
        "overnight": imports,
        "overnight --help": command(sys.executable, "-m", "overnight", "--help"),
        "python -c pass": command(sys.executable, "-c", "pass"),
    }
    if conditions.celery is not None:
        contestants["Celery"] = celery_imports
        contestants["celery --help"] = command(str(PYTHON), "-m", "celery", "--help")
    table = take_turns(contestants, rounds=conditions.pick(9, 1), disk=conditions.home)
    table.remarks.append("imports are timed inside Python, programs from outside")
    return table


def imports() -> Mapping[Figure, float]:
    """Import ours."""
    return {
        IMPORT: _time_import(sys.executable, "import overnight"),
        NAMES: _time_import(sys.executable, "from overnight import task, track, job"),
    }


def celery_imports() -> Mapping[Figure, float]:
    """Import the peer."""
    return {IMPORT: _time_import(str(PYTHON), "from celery import Celery")}


def command(*words: str) -> Round:
    """Return a round that runs a program."""

    def run() -> Mapping[Figure, float]:
        began = time.perf_counter()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, timeout=60)
        return {PROGRAM: (time.perf_counter() - began) * 1000}

    return run


def _time_import(python: str, statement: str) -> float:
    done = subprocess.run(
        [python, "-c", _TIME_IMPORT.format(statement)], check=True, stdout=subprocess.PIPE, timeout=60
    )
    return float(done.stdout)
