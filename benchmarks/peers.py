"""The peers that are measured beside us: their own environment, their server, their processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENT = HERE / ".peers"
PYTHON = ENVIRONMENT / "bin" / "python"
PACKAGES = ("celery[redis]",)

#: Where a Redis server is looked for: the address that the tests use too, or else the usual one.
ADDRESS = "OVERNIGHT_TEST_REDIS"
USUAL = "redis://localhost:6379"

_SERVER = "BENCHMARKS_REDIS"
_PATIENCE = 120.0


class NoPeer(Exception):
    """A peer cannot be measured here; the message says why, and the cure."""


class Celery:
    """Celery on a Redis database of its own."""

    name = "Celery + Redis"

    def __init__(self) -> None:
        _install()
        address = os.environ.get(ADDRESS, USUAL)
        self._server = address
        database = self.call("take_database", address)
        if database is None:
            raise NoPeer(
                f"Celery is left out: no Redis with an unused database answers at {address}. "
                f"Start one (redis-server), or name one: {ADDRESS}=redis://host:6379"
            )
        self._server = database

    def call(self, function: str, *arguments: Any) -> Any:
        """Call a function of `celery_redis` in the peers' environment."""
        done = subprocess.run(
            [PYTHON, "-m", "benchmarks.celery_redis", function],
            input=json.dumps(arguments),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=_PATIENCE,
            **self._surroundings(),
        )
        return json.loads(done.stdout)

    @contextmanager
    def worker(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        """Have a worker with two processes, and Celery's own choice of everything else."""
        command = [
            PYTHON,
            "-m",
            "celery",
            "-A",
            "benchmarks.celery_redis",
            "worker",
            "-c",
            "2",
            "-l",
            "ERROR",
        ]
        process = subprocess.Popen(
            [*command, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._surroundings(),
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=_PATIENCE)

    def _surroundings(self) -> Any:
        return {"cwd": HERE.parent, "env": {**os.environ, _SERVER: self._server}}


def _install() -> None:
    """Make the peers' environment, once."""
    if (ENVIRONMENT / "whole").exists():
        return
    # Our own pip fills it: Debian keeps the one that a new environment would bring in another package.
    venv.create(ENVIRONMENT, clear=True, with_pip=False, symlinks=True)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", PYTHON]
    done = subprocess.run(
        [*pip, "install", "-q", *PACKAGES], check=False, stderr=subprocess.PIPE, text=True, timeout=_PATIENCE
    )
    if done.returncode:
        raise NoPeer(f"Celery is left out: it cannot be installed into {ENVIRONMENT}: {done.stderr.strip()}")
    (ENVIRONMENT / "whole").touch()
