"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.peers import Celery


def describe(disk: Path, celery: Celery | None) -> dict[str, str]:
    """Return facts of the machine, and versions, in words."""
    facts = {
        "processor": f"{_processor()}, {os.cpu_count()} in use",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, {_distribution()}",
        "disk": f"{_file_system(disk)} (of the stores)",
        "overnight": f"{version('overnight')}, Python {platform.python_version()}, SQLite {_sqlite()}",
    }
    if celery is not None:
        facts["peers"] = ", ".join(f"{name} {number}" for name, number in celery.call("versions").items())
    return facts


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:  # not Linux, or one that does not say
        return platform.platform()


def _file_system(folder: Path) -> str:
    inside = [part for part in psutil.disk_partitions(all=True) if folder.is_relative_to(part.mountpoint)]
    return max(inside, key=lambda part: len(part.mountpoint)).fstype


def _sqlite() -> str:
    try:
        from pysqlite3 import sqlite_version  # noqa: PLC0415 -- there is not a wheel for every machine
    except ImportError:
        from sqlite3 import sqlite_version  # noqa: PLC0415 -- the one of the interpreter serves then
    return str(sqlite_version)
