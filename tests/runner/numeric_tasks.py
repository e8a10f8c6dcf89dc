"""Tasks of a source that imports numpy, whose random numbers and threads survive a fork."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from overnight import task


@task
def draw() -> list[float]:
    return [float(number) for number in np.random.random(3)]


@task
def multiply(size: int) -> Any:
    """Use the numeric library, and say with how many threads."""
    matrix = np.ones((size, size))
    product = float((matrix @ matrix)[0, 0])
    threads = [pool["num_threads"] for pool in threadpool_info()]
    return {"product": product, "threads": threads, "parent": os.getppid()}
