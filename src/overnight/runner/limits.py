"""What an attempt may use: memory and processor threads, set in its own process."""

from __future__ import annotations

import os
import resource
import sys
from typing import Any

from overnight.runner.processes import data_bytes

#: The numeric libraries whose pools of threads are bounded, by the module that brings them in.
_NUMERIC = ("numpy", "scipy", "sklearn", "torch", "pandas", "numexpr")

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "VAEX_NUM_THREADS",
)  # fmt: skip


def limit_memory(limit: int) -> None:
    """Bound the memory that this process may still take.

    A soft limit on data, never on address space: `RLIMIT_AS` breaks imports, memory maps and threads
    (torch fails to import under 512 MiB of it). What the zygote had loaded already does not count.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bound = data_bytes() + limit
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))


def lift_memory_limit() -> None:
    """Give the process room to end decently after a `MemoryError`."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def peak_memory() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class ThreadLimits:
    """Bounds the threads of numeric libraries, so that two jobs do not fight over the processors.

    Looking for the libraries costs milliseconds, so the zygote looks once and its children only set.
    """

    def __init__(self) -> None:
        self._ours: list[str] = []
        self._controller: Any = None
        if any(name in sys.modules for name in _NUMERIC):
            # Imported here: a source without numeric libraries does not pay for looking for them.
            from threadpoolctl import ThreadpoolController  # noqa: PLC0415 -- see the line above

            self._controller = ThreadpoolController()

    def bound_later_ones(self) -> None:
        """Bound the pools of libraries that are loaded later, and of programs that are started, to one."""
        self._ours = [name for name in _THREAD_VARIABLES if name not in os.environ]
        for variable in self._ours:
            os.environ[variable] = "1"

    def set(self, threads: int) -> None:
        """Bound the pools that are loaded, those loaded later, and those of programs started from here."""
        if threads != 1:
            for variable in self._ours:
                os.environ[variable] = str(threads)
        if self._controller is not None:
            self._controller.limit(limits=threads)


def reseed() -> None:
    """Give this process random numbers of its own; `random` does so by itself after a fork."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
