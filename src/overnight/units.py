"""Sizes and durations as people write them: "2GiB", "15m", "1d"."""

from __future__ import annotations

import re
from datetime import timedelta
from math import isfinite

Duration = str | int | float | timedelta
"""A duration: seconds as a number, a `timedelta`, or text such as "90s", "15m", "1h30m", "2d"."""

Size = str | int
"""A size: bytes as a number, or text such as "512MiB", "4GiB", "1.5GB"."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES = {
    "": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4,
    "kib": 1024, "mib": 1024**2, "gib": 1024**3, "tib": 1024**4,
    "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4,
}  # fmt: skip
_DURATION_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def seconds(duration: Duration) -> float:
    """Read a duration as seconds.

    Raises:
        ValueError: it is negative, not finite, or not a duration.
    """
    if isinstance(duration, timedelta):
        value = duration.total_seconds()
    elif isinstance(duration, str):
        value = _read_duration(duration)
    elif isinstance(duration, bool):
        raise ValueError(f"{duration!r} is not a duration: write seconds, or text such as '15m'")
    else:
        value = float(duration)
    if not isfinite(value) or value < 0:
        raise ValueError(f"a duration is a finite number of seconds, not negative: {duration!r}")
    return value


def _read_duration(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass  # not a bare number of seconds; it has units, then
    total, at = 0.0, 0
    while match := _DURATION_PART.match(text, at):
        total += float(match[1]) * _SECONDS[match[2]]
        at = match.end()
    if at == 0 or text[at:].strip():
        raise ValueError(f"{text!r} is not a duration: write for instance '90s', '15m', '1h30m' or '2d'")
    return total


def byte_count(size: Size) -> int:
    """Read a size as bytes; "k", "m", "g" mean KiB, MiB, GiB.

    Raises:
        ValueError: it is not positive, or not a size.
    """
    if isinstance(size, bool):
        raise ValueError(f"{size!r} is not a size: write bytes, or text such as '4GiB'")
    if isinstance(size, str):
        match = _SIZE.fullmatch(size)
        if match is None or match[2].lower() not in _BYTES:
            raise ValueError(f"{size!r} is not a size: write for instance '512MiB' or '4GiB'")
        value = int(float(match[1]) * _BYTES[match[2].lower()])
    else:
        value = int(size)
    if value <= 0:
        raise ValueError(f"a size is a positive number of bytes: {size!r}")
    return value


def format_size(count: float) -> str:
    """Write bytes for people: 1536 becomes "1.5 KiB"."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def format_duration(duration: float) -> str:
    """Write seconds for people: 0.25 becomes "0.25s", 75 "1m 15s", 9000 "2h 30m"."""
    if duration < 10:
        return f"{duration:.2g}s"
    whole = round(duration)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"
