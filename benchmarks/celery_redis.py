"""The peer: Celery on Redis, as it comes. This file runs in the peers' environment, not in ours.

`celery -A benchmarks.celery_redis worker` is its worker; `python -m benchmarks.celery_redis FUNCTION` calls
one of the functions below: a JSON array of arguments in, JSON out.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from datetime import UTC
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import redis
from celery import Celery
from celery.result import AsyncResult

SERVER = "BENCHMARKS_REDIS"
_PATIENCE = 60.0

app = Celery("benchmarks", broker=os.environ[SERVER], backend=os.environ[SERVER])


@app.task(name="stamp")
def stamp() -> int:
    """Do nothing, and return the steady time in nanoseconds at which the function started."""
    return time.monotonic_ns()


def submit(count: int) -> dict[str, Any]:
    """Submit one by one."""
    stamp.delay()  # the first opens the connections
    began = time.perf_counter()
    ids = [stamp.delay().id for _ in range(count)]
    return {"seconds": time.perf_counter() - began, "ids": ids}


def read(ids: list[str]) -> dict[str, Any]:
    """Wait until all have finished; return when the first started and the last ended, as wall times."""
    steady = time.time() - time.monotonic()
    results = [AsyncResult(id, app=app) for id in ids]
    results[-1].get(timeout=_PATIENCE)
    starts = [steady + result.get(timeout=_PATIENCE) / 1e9 for result in results]
    ends = [result.date_done.replace(tzinfo=UTC).timestamp() for result in results]  # Celery keeps UTC
    return {"first_start": min(starts), "last_finish": max(ends)}


def latency(count: int, pause: float) -> dict[str, list[float]]:
    """Submit to an idle worker; return in ms when functions started and when results were read."""
    for _ in range(5):
        stamp.delay().get(timeout=_PATIENCE)
    starts, answers = [], []
    for _ in range(count):
        time.sleep(pause)
        began = time.monotonic_ns()
        started = stamp.delay().get(timeout=_PATIENCE)
        answers.append((time.monotonic_ns() - began) / 1e6)
        starts.append((started - began) / 1e6)
    return {"starts": starts, "answers": answers}


def ready() -> None:
    """Return when a worker answers."""
    stamp.delay().get(timeout=_PATIENCE)


def clear() -> None:
    """Empty the database that this run took."""
    redis.Redis.from_url(os.environ[SERVER]).flushdb()


def versions() -> dict[str, str]:
    """Say what this peer consists of."""
    server = redis.Redis.from_url(os.environ[SERVER]).info("server")
    names = {name: version(name) for name in ("celery", "kombu", "redis")}
    return {**names, "Redis server": str(server["redis_version"]), "Python": platform.python_version()}


def take_database(server: str) -> str | None:
    """Return the address of a database of this server that nobody uses, or None if no server answers."""
    client = redis.Redis.from_url(server, socket_timeout=2, socket_connect_timeout=2)
    try:
        count = int(client.config_get("databases").get("databases", 16))
        used = set(client.info("keyspace"))
    except redis.RedisError:
        return None
    free = [number for number in range(1, count) if f"db{number}" not in used]
    if not free:
        return None
    return urlsplit(server)._replace(path=f"/{free[-1]}").geturl()


def main() -> None:
    """Call the function that is named."""
    function = globals()[sys.argv[1]]
    json.dump(function(*json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()
