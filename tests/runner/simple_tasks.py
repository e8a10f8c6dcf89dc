"""Tasks that do what they are told, and what the others need."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from overnight import task

HOUR = 3600


def note_pid(ledger: Path, pid: int | None = None) -> None:
    """Add the number of a process to a file, in one write."""
    with ledger.open("ab", buffering=0) as file:
        file.write(f"{pid or os.getpid()}\n".encode())


@task
def give(value: Any) -> Any:
    return value


@task
def doze(number: int, seconds: float) -> int:
    time.sleep(seconds)
    return number
