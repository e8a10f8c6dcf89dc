"""Tasks with much to carry: the larger it is, the more pieces it travels in."""

from __future__ import annotations

import os
import signal

from overnight import job, task, track


@task
def measure(text: str) -> int:
    return len(text)


@task
def gather(size: int, items: int) -> int:
    """Fill a state of so many bytes, die at the middle, and go on."""
    kept = job.restore({"text": "", "seen": 0})
    for item in track(range(items), resume=True):
        kept["text"] = "x" * size
        kept["seen"] += 1
        job.save()
        if item == items // 2 and job.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    return kept["seen"] + len(kept["text"])
