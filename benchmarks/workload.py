"""The jobs that are measured. Nothing but the essential is imported: every child would carry it."""

import os
import time
from pathlib import Path

from overnight import task


@task
def stamp() -> int:
    """Do nothing, and return the steady time in nanoseconds at which the function started."""
    return time.monotonic_ns()


@task(attempts=3)
def linger(note: Path) -> None:
    """Write down which process runs this, and when it started, and stay."""
    with note.open("a") as lines:
        lines.write(f"{os.getpid()} {time.monotonic_ns()}\n")
    time.sleep(3600)
