"""Each benchmark runs in a process and a store of its own, so that none warms or burdens the next."""

from __future__ import annotations

import logging
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from benchmarks.conditions import Conditions
from benchmarks.peers import Celery
from benchmarks.tables import Table

#: Stores lie in the checkout: a temporary folder is often memory, where nothing has to wait for a disk.
STORES = Path(__file__).parent / ".stores"


def measure_apart(name: str, celery: Celery | None, *, is_quick: bool) -> Table:
    """Run one benchmark and return what it found."""
    STORES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=STORES, prefix=f"{name}-") as home,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process,
    ):
        return process.submit(_measure, name, Conditions(Path(home), celery, is_quick)).result()


def _measure(name: str, conditions: Conditions) -> Table:
    os.environ["OVERNIGHT_HOME"] = str(conditions.home)
    logging.getLogger("overnight").setLevel(logging.ERROR)  # that nobody serves a job yet is intended here
    table: Table = import_module(f"benchmarks.{name}").measure(conditions)
    return table
