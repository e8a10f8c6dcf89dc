"""What a worker that waits for work takes from its machine: memory and processor.

All its processes together: worker, zygote, guard and the two children that are forked ahead. Memory is the
proportional set size: pages that forked processes share are counted once.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping

import psutil

from benchmarks import serving
from benchmarks.conditions import Conditions
from benchmarks.measuring import Round, take_turns
from benchmarks.tables import Figure, Table
from benchmarks.workload import stamp

MEMORY = Figure("memory (PSS)", "MiB")
PROCESSOR = Figure("processor", "% of a core")
PROCESSES = Figure("processes", "")


def measure(conditions: Conditions) -> Table:
    """Measure it."""
    seconds = conditions.pick(20, 1)

    def ours() -> Mapping[Figure, float]:
        with serving.worker() as process:
            serving.wait_ready()
            stamp.submit().result(timeout=60)
            return _watch(process, seconds)

    contestants: dict[str, Round] = {"overnight": ours}
    if (celery := conditions.celery) is not None:

        def theirs() -> Mapping[Figure, float]:
            with celery.worker() as process:
                celery.call("ready")
                return _watch(process, seconds)

        contestants[celery.name] = theirs
    table = take_turns(contestants, rounds=1, disk=conditions.home)
    table.remarks.append(f"over {seconds} s, after one job")
    return table


def _watch(process: subprocess.Popen[bytes], seconds: int) -> Mapping[Figure, float]:
    time.sleep(1)  # what the first job stirred up settles
    family = serving.tree(process)
    before = sum(_used(member) for member in family)
    time.sleep(seconds)
    after = sum(_used(member) for member in family)
    memory = sum(member.memory_full_info().pss for member in family)
    return {
        MEMORY: memory / 2**20,
        PROCESSOR: (after - before) / seconds * 100,
        PROCESSES: len(family),
    }


def _used(member: psutil.Process) -> float:
    """Return the processor time of a process so far, in seconds."""
    times = member.cpu_times()
    return times.user + times.system
