"""What becomes of a result that the store does not take: hours of work are left in a file."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

#: In order: read by anybody, read by Python, read by people.
_FORMS: tuple[tuple[str, Callable[[Any], bytes]], ...] = (
    ("result.json", lambda value: json.dumps(value).encode()),
    ("result.pickle", pickle.dumps),
    ("result.txt", lambda value: repr(value).encode("utf-8", "backslashreplace")),
)


def leave(value: Any, directory: Path) -> Path | None:
    """Write a refused result into the job's folder, in the first form that holds it.

    Args:
        value: what the function returned.
        directory: the job's folder; made if it is not there.

    Returns:
        The file, or None where no form holds the value or the disk does not take it.
    """
    if isinstance(value, Iterator):
        return None  # what it would yield is not there yet
    for name, form in _FORMS:
        try:
            data = form(value)
        except Exception:  # the value's own methods may raise anything; then the next form is tried
            continue
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(data)
        except OSError:  # the refusal stands without the file, and its hint does not name one
            return None
        return directory / name
    return None
